"""A new key for a server that runs, because the old one is lost (docs/explanation/decisions/0006-new-key.md).

``ask`` keeps what held before in ``Rental.rekey``, which is the wish itself; then the usual delivery brings
a fresh pair; then, and only when Slack has confirmed it, ``KeyRotator`` has the server take it. Nothing of this
ends a rental: a wish that can't be granted is dropped, and what held before holds again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.access import allowed, check_settled
from kws_core.tables.details.events import KeyDropped, KeyWanted
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, Status
from kws_core.values import Kind

KEPT = ("public_key", "key_fingerprint", "key_file", "key_number")  # and two that JSON can't say by itself


def ask(context: Context, who: Actor, rental_id: str, *, via: str | None = None) -> bool:
    """Request an SSH key reset; False if one is under way.

    Raises:
        UserError: If it is a container, an imported server, or not running.
    """
    with context.store.write() as session:
        rental = allowed(queries.rental(session, rental_id, lock=True), who)
        if rental.kind is Kind.CONTAINER:
            raise UserError(ErrorCode.CONTAINER_KEY, name=rental.name)
        if rental.access is Access.NONE:  # it was not born with the script that takes keys
            raise UserError(ErrorCode.FOREIGN_KEY, name=rental.name)
        check_settled(rental)
        if (
            rental.status is not Status.READY
            or rental.placement is None
            or rental.placement.server_id is None
        ):
            raise UserError(ErrorCode.NOT_READY, name=rental.name)
        if rental.reset_at is not None:
            raise UserError(ErrorCode.RESET_UNDER_WAY, name=rental.name)
        if rental.rekey is not None:
            return False
        want(rental)
        rental.record(KeyWanted(via=via), context.now(), actor=who.id)
    context.mail.set()
    return True


def want(rental: Rental) -> None:
    """Have a new key delivered, and keep what held before."""
    sent_at = rental.key_sent_at and rental.key_sent_at.isoformat()
    kept = {name: getattr(rental, name) for name in KEPT}
    rental.rekey = {**kept, "access": rental.access.value, "key_sent_at": sent_at}
    if rental.access is Access.GENERATED:
        rental.key_number += 1
    rental.access = Access.GENERATED
    rental.public_key = rental.key_fingerprint = rental.key_file = rental.key_sent_at = None


def drop(rental: Rental, dropped: KeyDropped, now: datetime) -> None:
    """Cancel a key reset and restore the previous login."""
    kept: Mapping[str, Any] = rental.rekey or {}
    for name in KEPT:
        setattr(rental, name, kept[name])
    rental.access = Access(kept["access"])
    rental.key_sent_at = datetime.fromisoformat(kept["key_sent_at"]) if kept["key_sent_at"] else None
    rental.rekey = rental.key_put_at = None
    rental.record(dropped, now)
