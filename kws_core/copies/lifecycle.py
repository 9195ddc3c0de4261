"""How a copy begins and how it goes: changes of its rows, used by people, by the night and by the reconciler."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.database.alerts import alert_admins
from kws_core.forms.boot_script import comment
from kws_core.tables.base import SYSTEM, new_id
from kws_core.tables.copy import Copy
from kws_core.tables.details.alerts import CopyFailedAlert
from kws_core.tables.details.events import CopyFailed, CopyWanted
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState

# why a copy is deleted, beside what a node says (Refusal)
DELETED = "deleted"  # by a person
EXPIRED = "expired"  # its last day has ended
VANISHED = "vanished"  # somebody deleted its image on the node
NO_SERVER = "no_server"  # there is nothing to copy any longer
SLOW = "slow"  # the node took too long

GIB = 1024**3
MOST_NIGHTS = 3  # nights on which a copy at the end may fail; then the rental ends without one


def begin(
    rental: Rental,
    now: datetime,
    keep_until: date,
    *,
    at_end: bool = False,
    for_move: bool = False,
    actor: str = SYSTEM,
    via: str | None = None,
) -> Copy:
    """A copy that is wanted, of the server as it is on its node now. To be added to the session.

    ``for_move``: it is made when the server has stopped, and nothing is told of it.
    """
    assert rental.placement
    copy = Copy(
        id=new_id(),
        rental_id=rental.id,
        rental=rental,  # its name is asked for when the session has ended
        owner=rental.owner,
        state=CopyState.WANTED,
        node=rental.placement.node,
        at_end=at_end,
        for_move=for_move,
        size_bytes=0,
        keys=sorted({comment(rental.name), *rental.old_keys}),
        requested_at=now,
        keep_until=keep_until,
        keep_set_at=now,
        missing=0,
        next_check_at=now,
    )
    if not for_move:
        wanted = CopyWanted(copy.id, copy.node, at_end=at_end or None, via=via)
        rental.record(wanted, now, actor=actor)
    return copy


def fail(
    session: Session, copy: Copy, rental: Rental, why: str, detail: str, now: datetime, nights: int
) -> None:
    """No copy comes: what its node may hold of it is deleted, and its owner is told.

    ``nights``: how many copies at the rental's end have failed with this one. The rental waits one night for the
    next try, MOST_NIGHTS times at most; the admins are told each time.
    """
    copy.failure, copy.detail = why, detail[:2000]
    copy.move_to(CopyState.DELETING, now)
    if copy.for_move:
        return  # what that means for the move is decided with it (reconcile/relocation.py)
    if not copy.at_end or not rental.live:
        rental.record(CopyFailed(copy.id, copy.node, why), now)
        return
    last = nights >= MOST_NIGHTS
    rental.copy_at_end = not last
    rental.record(CopyFailed(copy.id, copy.node, why, at_end=True, last=last or None), now)
    told = CopyFailedAlert(rental.id, rental.name, rental.owner, copy.node, why, last)
    alert_admins(session, told, copy.id, now)


def lasts_until(day: date, days: int) -> date:
    """The last day of a copy that is asked for, or kept longer, on ``day``."""
    return day + timedelta(days=days)


def takes_gb(copy: Copy) -> int:
    """GiB on its node's disk: the whole disk of the server until it is known better."""
    return -(-copy.size_bytes // GIB) if copy.size_bytes else copy.rental.disk_gb
