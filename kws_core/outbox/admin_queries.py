"""What *Manage rentals* shows: all rentals, searched and in pages, and what happened last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Self

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from kws_core.context import Context
from kws_core.nodes.values import Image
from kws_core.rentals.asks import alert_of, undecided
from kws_core.rentals.queries import RentalQueries
from kws_core.scheduling import capacity
from kws_core.tables.details.alerts import AskAlert
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import HOLDING, LIVE, NOT_OVER, Status

PAGE = 15
EVENTS = 10
ROUTINE = (EventKind.PLACED, EventKind.KEY_SENT, EventKind.BUILDING)


@dataclass(frozen=True, slots=True)
class Search:
    """What an admin looks for. None and "": everything; rentals that have ended only when asked for."""

    person: str | None = None
    node: str | None = None
    state: Status | None = None
    within: int | None = None  # days until it ends, 0 is today
    name: str = ""
    page: int = 0
    round: int = 0  # counts how often it was cleared, so that Slack's fields can be emptied

    def to_json(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What another version wrote and this one does not know is left out."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        state = known.get("state")
        return cls(**{**known, "state": Status(state) if state in set(Status) else None})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit trail."""

    event: Event
    name: str  # of the rental


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what was searched for."""

    rentals: Sequence[Rental]
    count: int  # on all pages
    page: int  # the one that this is: the last, where there are fewer than were asked for
    size: int

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-self.count // self.size))


class DeskQueries:
    """For admins: the caller checks who asks."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.rental_queries = RentalQueries(self.context)

    def find(self, search: Search, size: int = PAGE) -> Found:
        """The page that was asked for, the next to end first."""
        wanted = self._wanted(search)
        with self.context.store.read() as session:
            count = session.scalar(select(func.count()).select_from(Rental).where(wanted)) or 0
            page = max(0, min(search.page, -(-count // size) - 1))
            rows = select(Rental).where(wanted).order_by(*_order(search))
            rentals = session.scalars(rows.offset(page * size).limit(size)).all()
        return Found(rentals, count, page, size)

    def events(self, most: int = EVENTS) -> Sequence[Entry]:
        """What happened last, the newest first; what always happens on the way to a ready rental is left out."""
        query = select(Event, Rental.name).join(Rental, Rental.id == Event.rental_id)
        query = query.where(Event.kind.not_in(ROUTINE))
        with self.context.store.read() as session:
            rows = session.execute(query.order_by(Event.id.desc()).limit(most))
            return [Entry(event, name) for event, name in rows]

    def asks(self) -> Sequence[AskAlert]:
        """What people wait for an answer to, the oldest first."""
        with self.context.store.read() as session:
            return [alert_of(ask) for ask in undecided(session)]

    def missed(self) -> dict[str, int]:
        """Nodes that nodes.toml has no more, and how many rentals are on each nevertheless."""
        return {name: lent.rentals for name, lent in self.rental_queries.missed().items()}

    def images(self) -> Sequence[Image]:
        """What servers can be rented with."""
        with self.context.store.read() as session:
            return capacity.images(session, self.context.config)

    def _wanted(self, search: Search) -> ColumnElement[bool]:
        conditions = [_in_state(search.state)]
        if search.person:
            conditions.append(Rental.owner == search.person)
        if search.node:
            conditions.append(_on_node(search.node))
        if search.within is not None:
            conditions += [Rental.status.in_(LIVE), Rental.ends_on <= self._latest(search.within)]
        if search.name:
            conditions.append(Rental.name.contains(search.name.lower(), autoescape=True))
        return and_(*conditions)

    def _latest(self, within: int) -> date:
        return self.context.expiry.chosen_by(self.context.today(), within)


def _order(search: Search) -> list[Any]:
    """Always the same one, or pages would overlap."""
    if search.state is Status.ENDED:
        return [Rental.ended_at.desc(), Rental.id]
    return [Rental.ends_on, Rental.created_at, Rental.id]


def _in_state(state: Status | None) -> ColumnElement[bool]:
    return Rental.status == state if state else Rental.status.in_(NOT_OVER)


def _on_node(node: str) -> ColumnElement[bool]:
    """Whether it is there, or still being deleted there; of what has ended, whether it ever was."""
    there = or_(Placement.state.in_(HOLDING), Rental.status == Status.ENDED)
    return exists().where(Placement.rental_id == Rental.id, Placement.node == node, there)
