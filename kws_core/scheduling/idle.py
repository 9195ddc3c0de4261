"""Servers that look unused while others wait for room: which they are, and that their owner still needs one.

KWS asks, and never takes: without an answer nothing happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.expiry import ExpiryPolicy
from kws_core.people import Actor
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.details.idle_events import IdleKept
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status
from kws_core.values import Kind

UNUSED = timedelta(days=7)  # without anything that its owner did in KWS
ENDS_LATE = timedelta(days=3)  # what ends sooner comes back soon enough
ASK_EVERY = timedelta(days=7)  # about one rental, at most
MOST_A_DAY = 3  # questions in the whole lab
BY_DAY = range(9, 21)  # hours of the lab in which somebody is asked
APART = timedelta(hours=6)  # two readings of CPU time of which something can be told
FORGOTTEN = timedelta(days=1)  # an older reading tells nothing of now
BUSY = 0.01  # of the time of its vCPUs

_BY_OWNER = or_(Event.actor == Rental.owner, Event.kind == EventKind.TRANSFERRED)
_LAST = (
    select(
        Rental.id,
        func.max(Event.at).filter(_BY_OWNER),
        func.max(Event.at).filter(Event.kind == EventKind.IDLE_ASKED),
    )
    .join(Event, Event.rental_id == Rental.id)
    .group_by(Rental.id)
)


@dataclass(frozen=True, slots=True)
class Unused:
    """A server whose owner has done nothing with it ``since`` then."""

    rental: Rental
    placement: Placement
    since: datetime


def unused(session: Session, ends: ExpiryPolicy, node: str, now: datetime) -> list[Unused]:
    """Servers on the node whose owners may be asked, by all that KWS itself knows; the longest unused first."""
    on_it = and_(Placement.state == PlacementState.ACTIVE, Placement.node == node)
    settled = and_(Placement.server_id.is_not(None), Placement.resize_at.is_(None))
    query = queries.RENTALS.where(
        Rental.status == Status.READY,
        Rental.kind == Kind.SERVER,
        Rental.replaces.is_(None),
        Rental.replaced_by.is_(None),
        Rental.reset_at.is_(None),
        Rental.placements.any(and_(on_it, settled)),
    )
    rentals = {rental.id: rental for rental in session.scalars(query).unique()}
    found = []
    for rental_id, acted, asked in session.execute(_LAST.where(Rental.id.in_(list(rentals)))):
        rental = rentals[rental_id]
        since = max(moment for moment in (acted, rental.ready_at, rental.created_at) if moment)
        lasts = ends.over_at(rental) - now >= ENDS_LATE
        if rental.placement and lasts and now - since >= UNUSED and (not asked or now - asked >= ASK_EVERY):
            found.append(Unused(rental, rental.placement, since))
    return sorted(found, key=lambda one: (one.since, one.rental.id))


def asked_since(session: Session, moment: datetime) -> int:
    """How many were asked from then on, in the whole lab."""
    asked = text("events.kind = 'idle_asked'")  # a parameter would not show SQLite that the index fits
    count = select(func.count(Event.id)).where(asked, Event.at >= moment)
    return session.scalar(count) or 0


def waiting_for(book: WaitingList, node: str, owner: str) -> int:
    """How many other people wait for room that could be on that node. Who has a day to come doesn't wait."""
    due = [rental for rental in book.rentals.values() if book.is_due(rental) and rental.owner != owner]
    return len({rental.owner for rental in due if node in book.able(book.request_of(rental))})


def note_cpu(held: Placement, vcpus: int, seconds: float | None, now: datetime) -> bool:
    """Keep what was read of its CPU time; whether the server looks idle by that.

    It takes two readings that are long apart. Where its node doesn't tell, it may be idle: what its owner did counts alone.
    One who did tell and doesn't now is asked once more, unless the server is stopped.
    """
    before, at = held.cpu_seconds, held.cpu_read_at
    if seconds is None:
        _keep(held, None, None)
        return at is None or held.powered_off
    if before is None or at is None or now - at > FORGOTTEN:
        _keep(held, seconds, now)
        return False
    most = BUSY * vcpus * max(now - at, APART).total_seconds()
    if not before <= seconds < before + most:  # less than before: it was started again
        _keep(held, seconds, now)
    elif now - at >= APART:
        _keep(held, seconds, now, idle_since=held.cpu_idle_since or at)
    return held.cpu_idle_since is not None


def _keep(
    held: Placement, seconds: float | None, at: datetime | None, idle_since: datetime | None = None
) -> None:
    held.cpu_seconds, held.cpu_read_at, held.cpu_idle_since = seconds, at, idle_since


def answered(owner: str, question: Event, events: Sequence[Event]) -> Event | None:
    """What the owner did first after that question."""
    return next((event for event in events if event.id > question.id and event.actor == owner), None)


class StillNeeded:
    """The answer that changes nothing but when the next question may come."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def keep(self, who: Actor, rental_id: str, *, via: str) -> Rental:
        """Its owner still needs it. Nobody else may say so, not even an admin.

        Raises:
            UserError: If it isn't theirs, or has ended.
        """
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None or rental.owner != who.id:
                raise UserError(ErrorCode.RENTAL_GONE)
            if not rental.live:
                raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
            said = [
                event
                for event in queries.history(session, rental_id)
                if event.actor == who.id or event.kind is EventKind.IDLE_ASKED
            ]
            if not said or said[-1].kind is not EventKind.IDLE_KEPT:  # once, however often it is clicked
                rental.record(IdleKept(via=via), self.context.now(), actor=who.id)
        self.context.mail.set()
        return rental
