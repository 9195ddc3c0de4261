"""What people and admins may see of rentals and nodes; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.access import allowed
from kws_core.scheduling import build_slots, capacity
from kws_core.scheduling.fair_queue import QueuePosition
from kws_core.scheduling.waiting_list import Place, WaitingList
from kws_core.tables.details.outage_events import MonthUsed
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

FORGET_AFTER = timedelta(days=7)


class RentalQueries:
    """Reads what the database knows; asks no node."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def my_rentals(self, who: Actor) -> Sequence[Rental]:
        """The person's rentals that have not ended."""
        with self.context.store.read() as session:
            return queries.rentals_of(session, who.id)

    def turns(self, rentals: Iterable[Rental]) -> dict[str, QueuePosition | Place]:
        """By id, the place in the line of those that wait for room or a build slot (and of others in those lines)."""
        rentals = list(rentals)
        nodes = {rental.placement.node for rental in rentals if rental.awaits_slot and rental.placement}
        waiting = any(rental.status is Status.WAITING for rental in rentals)
        if not nodes and not waiting:
            return {}
        config = self.context.config
        with self.context.store.read() as session:
            slots = build_slots.turns_on(session, config, nodes) if nodes else {}
            book = WaitingList(session, config, self.context.expiry, self.context.now()) if waiting else None
            return {**slots, **(book.places() if book else {})}

    def all_rentals(self) -> Sequence[Rental]:
        """Everybody's rentals that have not ended (for admins: the caller checks)."""
        with self.context.store.read() as session:
            return queries.all_rentals(session)

    def rental(self, who: Actor, rental_id: str) -> Rental:
        """One rental, if this person may see it; UserError otherwise, the same for absent and forbidden."""
        with self.context.store.read() as session:
            return allowed(queries.rental(session, rental_id), who)

    def rental_named(self, who: Actor, name: str) -> Rental:
        """Return the person's own active rental of that name.

        Raises:
            UserError: If there is none, with the names of theirs.
        """
        mine = self.my_rentals(who)
        for rental in sorted(mine, key=lambda r: not r.live):
            if rental.name == name:
                return rental
        raise UserError(ErrorCode.RENTAL_UNKNOWN, name=name, mine=[r.name for r in mine if r.live])

    def history(self, rental_id: str) -> Sequence[Event]:
        """A rental's events, oldest first."""
        with self.context.store.read() as session:
            return queries.history(session, rental_id)

    def month_used(self, who: Actor, event_id: int) -> Event:
        """Return the event that told this person what they used in a month.

        Raises:
            UserError: If it is another event or another person's; the same error for both.
        """
        with self.context.store.read() as session:
            event = session.get(Event, event_id)
            if event is None or not isinstance(event.details, MonthUsed) or event.details.person != who.id:
                raise UserError(ErrorCode.RENTAL_GONE)
            return event

    def nodes(self) -> list[capacity.NodeStatus]:
        """Every configured node as it was seen last."""
        with self.context.store.read() as session:
            return capacity.statuses(session, self.context.config)

    def missed(self) -> dict[str, capacity.AllocatedCapacity]:
        """Nodes that nodes.toml has no more although rentals are on them."""
        with self.context.store.read() as session:
            return capacity.missed(session, self.context.config)
