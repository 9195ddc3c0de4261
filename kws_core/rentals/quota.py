"""How much of everything one person may have."""

from __future__ import annotations

from sqlalchemy.orm import Session

from kws_core.config import Policy
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.values import Size


def beyond_quota(
    session: Session, policy: Policy, owner: str, size: Size, *, instead_of: str | None = None
) -> list[UserError]:
    """What the policy says to a server of that size more, or in the place of one, by its id; nothing if it allows it."""
    mine = [one for one in queries.rentals_of(session, owner) if one.live and one.id != instead_of]
    used = {
        "rentals": (len(mine) + 1, policy.max_rentals_per_user),
        "vcpus": (sum(r.largest_size.vcpus for r in mine) + size.vcpus, policy.max_vcpus_per_user),
        "ram_mb": (sum(r.largest_size.ram_mb for r in mine) + size.ram_mb, policy.max_ram_mb_per_user),
    }
    return [
        UserError(ErrorCode(f"quota_{what}"), wanted=wanted, limit=limit)
        for what, (wanted, limit) in used.items()
        if wanted > limit
    ]


def check_quota(
    session: Session, policy: Policy, owner: str, size: Size, *, instead_of: str | None = None
) -> None:
    """Check that the person may have a server of that size more; or in the place of one, by its id.

    Raises:
        UserError: If the policy allows less.
    """
    for error in beyond_quota(session, policy, owner, size, instead_of=instead_of):
        raise error
