"""Rentals that wait: they get room as it comes, and lapse when there is no use in waiting any longer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import job_ledger, queries
from kws_core.rentals.lifecycle import end, place
from kws_core.scheduling import capacity
from kws_core.scheduling.placement import NodeCapacity, decision_for
from kws_core.scheduling.waiters import Waiter, anybody_waits
from kws_core.scheduling.waiting_list import Place, WaitingList
from kws_core.tables.details.events import WaitLapsed, WaitLate, WaitOver
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

log = logging.getLogger(__name__)

AT_ONCE = 3  # who are placed in one transaction
LATE = "late"  # key of the event that a first day could not be kept


class Waiting:
    """The waiting list; one method is one transaction."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def serve(self) -> list[str]:
        """Place those for whom there is room now, in their order; return their ids.

        To be called whenever there may be room; it costs one look while nobody waits.
        """
        with self.context.store.read() as session:
            if not anybody_waits(session) or self._is_idle(self._list(session)):
                return []
        served = some = self._serve_some()
        while len(some) == AT_ONCE:
            some = self._serve_some()
            served += some
        if served:
            log.info("placed %s that waited", len(served))
            self.context.work.set()
        self.context.mail.set()
        return served

    def _is_idle(self, book: WaitingList) -> bool:
        """Whether nothing comes of it; seen without the lock that people's forms wait for."""
        lapsed = any(waiter.waits_until < book.today for waiter in book.rentals.values())
        dated = any(waiter.starts_on for waiter in book.rentals.values())
        return not lapsed and not dated and not book.ready()[1]

    def _serve_some(self) -> list[str]:
        """Place a few, in one short transaction: people's forms wait for the same lock."""
        with queries.capacity_turn(self.context.store, first=True) as session:
            book = self._list(session)
            self._lapse(book)
            return self._place(session, book)

    def places(self) -> Mapping[str, Place]:
        """By rental, where each stands that waits for room."""
        with self.context.store.read() as session:
            return self._list(session).places() if anybody_waits(session) else {}

    def _list(self, session: Session) -> WaitingList:
        return WaitingList(session, self.context.config, self.context.expiry, self.context.now())

    def _lapse(self, book: WaitingList) -> None:
        for waiter in list(book.rentals.values()):
            if waiter.waits_until < book.today:
                end(book.session.get_one(Rental, waiter.id), WaitLapsed(), self.context.now())
                del book.rentals[waiter.id]

    def _place(self, session: Session, book: WaitingList) -> list[str]:
        served: list[str] = []
        calendar, slots = book.ready()
        likely = select(Rental).where(Rental.id.in_(list(slots)[:AT_ONCE]))
        rentals = {rental.id: rental for rental in session.scalars(likely).unique()} if slots else {}
        rooms = book.rooms
        while slots and len(served) < AT_ONCE:
            rental_id = next(iter(slots))
            slot = slots.pop(rental_id)
            if self._fits(book, rooms, book.rentals[rental_id], slot.node):
                self._begin(rentals.get(rental_id) or session.get_one(Rental, rental_id), slot.node)
                session.flush()
                served.append(rental_id)
                rooms = capacity.rooms(session, self.context.config) if slots else rooms
        settled = served + list(slots)  # the others have their turn in the next transaction
        for waiter in book.rentals.values():
            if waiter.id not in settled and waiter.starts_on is not None and book.today >= waiter.starts_on:
                self._tell_late(session, session.get_one(Rental, waiter.id))
        book.keep_promises(calendar)
        return served

    def _fits(self, book: WaitingList, rooms: Sequence[NodeCapacity], waiter: Waiter, node: str) -> bool:
        """Whether it still does, with those placed that came before it."""
        wish = replace(book.request_of(waiter), only=node)
        return any(room.node == node and decision_for(room, wish) is None for room in rooms)

    def _begin(self, rental: Rental, node: str) -> None:
        now = self.context.now()
        rental.move_to(Status.REQUESTED, now, event=WaitOver(node))
        rental.planned_node = None
        place(rental, node, now)

    def _tell_late(self, session: Session, rental: Rental) -> None:
        if (rental.id, LATE) not in job_ledger.told_once(session, [rental.id]):
            rental.record(WaitLate(rental.planned_node), self.context.now(), key=LATE)
