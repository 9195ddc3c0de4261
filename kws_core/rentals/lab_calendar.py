"""What is free on which day, for people: how many servers of each size fit, and for admins what holds the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from kws_core.context import Context
from kws_core.expiry import A_DAY
from kws_core.people import Actor
from kws_core.scheduling.calendar import NOW, Calendar, Load, Slot, slot_of
from kws_core.scheduling.placement import PlacementRequest, decision_for
from kws_core.scheduling.waiting_list import Place, WaitingList, places_of
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState
from kws_core.values import Kind, Size

WEEKS = 4


@dataclass(frozen=True, slots=True)
class FreeDay:
    """One day; ``fits``: by name of a size, how many more fit at once. The first day is as it is now."""

    day: date
    fits: Mapping[str, int]
    free: Mapping[str, Load]  # by node


@dataclass(frozen=True, slots=True)
class Booking:
    """A rental on a node, from its first day (None: it is there) to its last."""

    node: str
    name: str
    owner: str
    first: date | None
    last: date


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The next weeks, as planned now. Who isn't an admin gets no ``bookings`` and no ``waiting``."""

    sizes: Sequence[Size]
    days: Sequence[FreeDay]
    bookings: Sequence[Booking] = ()
    waiting: Sequence[tuple[Rental, Place | None]] = ()  # the queue, then those with a first day


class LabCalendar:
    """Read from the database alone."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def days(self, who: Actor, weeks: int = WEEKS) -> DayPlan:
        """What is free each day, with all that is promised, and all that wait in their first slot."""
        with self.context.store.read() as session:
            book = WaitingList(session, self.context.config, self.context.expiry, self.context.now())
            calendar, slots = book.plan()
            return DayPlan(
                sizes=self.context.config.all_sizes(),
                days=[self._day(book, calendar, later) for later in range(weeks * 7)],
                bookings=self._bookings(book, calendar, slots) if who.admin else (),
                waiting=self._waiting(book, slots) if who.admin else (),
            )

    def _day(self, book: WaitingList, calendar: Calendar, later: int) -> FreeDay:
        day = book.today + later * A_DAY
        slot = slot_of(day, book.today) if later else NOW
        free = {room.node: calendar.free(room.node, slot) for room in book.rooms}
        fits = {
            size.name: self._fitting(book, size, free, now=not later)
            for size in self.context.config.all_sizes()
        }
        return FreeDay(day, fits, free)

    def _fitting(self, book: WaitingList, size: Size, free: Mapping[str, Load], *, now: bool) -> int:
        """How many more of that size fit then, on all nodes that take any."""
        servers = any(Kind.SERVER in room.kinds for room in book.rooms)
        request = PlacementRequest(Kind.SERVER if servers else Kind.CONTAINER, "", size)
        nodes = book.able(request)
        if now:
            nodes &= {room.node for room in book.rooms if decision_for(room, request) is None}
        need = Load.of(request.kind, size)
        return sum(
            max(0, min(has // one for has, one in zip(free[node], need, strict=True) if one))
            for node in nodes
        )

    def _bookings(
        self, book: WaitingList, calendar: Calendar, slots: Mapping[str, Slot | None]
    ) -> list[Booking]:
        """What is on the nodes, what is promised there, and what waits from the day on which it fits."""
        last_day = self.context.expiry.last_day
        found = []
        for held in book.holding:
            leaving = held.state is PlacementState.DELETING
            last = book.today if leaving else max(last_day(held.ends_on), book.today)
            found.append(Booking(held.node, held.name, held.owner, None, last))
        for rental in book.promised:
            promise = calendar.promises.get(rental.id)
            if promise and promise.node:
                found.append(
                    Booking(
                        promise.node, rental.name, rental.owner, rental.starts_on, last_day(rental.ends_on)
                    )
                )
        for rental_id, slot in slots.items():
            rental = book.rentals[rental_id]
            if slot:
                found.append(
                    Booking(slot.node, rental.name, rental.owner, book.day_of(slot), last_day(rental.ends_on))
                )
        return sorted(
            found, key=lambda booking: (booking.node, booking.first or date.min, booking.last, booking.name)
        )

    def _waiting(
        self, book: WaitingList, slots: Mapping[str, Slot | None]
    ) -> list[tuple[Rental, Place | None]]:
        places = places_of(book, slots)
        rows = select(Rental).where(Rental.id.in_([*places, *(one.id for one in book.promised)]))
        rentals = {rental.id: rental for rental in book.session.scalars(rows).unique()}
        queue: list[tuple[Rental, Place | None]] = [(rentals[one], place) for one, place in places.items()]
        return [*queue, *((rentals[one.id], None) for one in book.promised)]
