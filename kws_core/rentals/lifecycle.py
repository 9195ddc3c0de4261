"""How a rental is placed and ended: changes of its rows, used by every use case."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import object_session

from kws_core.errors import NO_ROOM
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import Ended, Ending
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import UNPLACED, PlacementState, Reason, Status


def place(rental: Rental, node: str, now: datetime) -> Placement:
    """Holds capacity for the rental on ``node`` and makes it due there; what it once had there is gone."""
    if before := next((one for one in rental.placements if one.node == node), None):
        rental.placements.remove(before)
        if session := object_session(rental):
            session.flush()  # there is one row for each node
    placement = Placement(node=node, state=PlacementState.ACTIVE, held_at=now, next_check_at=now, tries=0)
    rental.placements.append(placement)
    return placement


def end(rental: Rental, event: Ending, now: datetime, *, actor: str = SYSTEM) -> None:
    """Set a live rental on its way out: from here on the reconciler deletes until the nodes show nothing.

    A rental that no node has heard of yet is over at once.
    """
    reason = Reason(event.reason)
    untouched = rental.status in (*UNPLACED, Status.REQUESTED) and not _is_left_somewhere(rental)
    for placement in rental.placements:
        if placement.state is PlacementState.ACTIVE:
            placement.leave(now)
            if untouched:
                placement.state = PlacementState.DELETED
    target = Status.ENDED if untouched else Status.ENDING
    rental.move_to(target, now, event=event, actor=actor, reason=reason)
    if untouched:
        rental.ended_at = now
        rental.record(Ended(reason=reason), now)


def _is_left_somewhere(rental: Rental) -> bool:
    """Whether a node that had no room for it after all may still have something of it."""
    return any(p.state is PlacementState.DELETING and p.refusal in NO_ROOM for p in rental.placements)
