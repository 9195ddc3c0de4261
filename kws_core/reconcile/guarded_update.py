"""A placement under work, and the one way in which what was seen of it is applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status


@dataclass(slots=True)
class Job:
    """A placement with its rental, as loaded; replaced by the fresh rows at each change."""

    placement: Placement
    rental: Rental

    @property
    def building(self) -> bool:
        """Whether it is on its way to ready."""
        wanted = self.rental.status in (Status.REQUESTED, Status.BUILDING)
        return wanted and self.placement.state is PlacementState.ACTIVE


Change = Callable[[Session, Rental, Placement], object]


class Rows:
    """Where changes of one replica, ``who``, are applied."""

    def __init__(self, context: Context, who: str) -> None:
        self.context = context
        self.who = who

    def apply(self, job: Job, change: Change, *, capacity: bool = False) -> bool:
        """Applies ``change`` to the fresh rows, which replace the loaded ones in ``job``.

        False when the placement is no longer what it was, or when ``change`` itself says False. ``capacity``: it
        places something, and takes its turn with requests.
        """
        store = self.context.store
        with queries.capacity_turn(store) if capacity else store.write() as session:
            rental = queries.rental(session, job.rental.id, lock=True)
            fresh = next((p for p in rental.placements if p.id == job.placement.id), None) if rental else None
            same = fresh is not None and fresh.state is job.placement.state and fresh.leased_by == self.who
            if rental is None or fresh is None or not same:
                return False
            result = change(session, rental, fresh)
        job.rental, job.placement = rental, fresh
        self.context.mail.set()
        return result is not False
