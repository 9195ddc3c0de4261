"""Who did what, when and from where: the events of rentals and the acts that are about no rental, as one trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from kws_core.database.audit_log import note_act
from kws_core.tables.act import Act
from kws_core.tables.base import SYSTEM
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental

if TYPE_CHECKING:
    from kws_core.context import Context


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trail; ``where`` is empty for what KWS did by itself, or was not noted."""

    at: datetime
    actor: str
    what: str
    where: str | None
    rental: str | None = None  # id; and its name
    name: str | None = None
    data: Mapping[str, Any] | None = None


class Audit:
    """The trail: read, and written where an act is not one transaction."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def note(self, actor: str, what: str, where: str, **data: Any) -> None:
        """Add an act that was done already, on nodes for example; ``data`` must be JSON."""
        with self.context.store.write() as session:
            note_act(session, actor, what, where, self.context.now(), **data)

    def trail(
        self,
        rental: str | None = None,
        person: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[Line]:
        """The newest ``limit`` lines, newest last; ``rental`` is a name or an id.

        ``person`` has what that person did, and what happened to their rentals.
        """
        with self.context.store.read() as session:
            lines = _events(session, rental, person, since, limit)
            if rental is None:
                lines += _acts(session, person, since, limit)
        lines.sort(key=lambda line: line.at)
        return lines[-limit:]


def _events(
    session: Session, rental: str | None, person: str | None, since: datetime | None, limit: int
) -> list[Line]:
    asked: list[ColumnElement[bool]] = []
    if rental is not None:
        asked.append(or_(Rental.id == rental, Rental.name == rental))
    if person is not None:
        asked.append(or_(Event.actor == person, Rental.owner == person))
    if since is not None:
        asked.append(Event.at >= since)
    query = select(Event, Rental.id, Rental.name).join(Rental, Event.rental_id == Rental.id).where(*asked)
    rows = session.execute(query.order_by(Event.at.desc(), Event.id.desc()).limit(limit)).all()
    return [_line(event, rental_id, name) for event, rental_id, name in reversed(rows)]


def _line(event: Event, rental_id: str, name: str) -> Line:
    where = None if event.actor == SYSTEM else event.via
    return Line(event.at, event.actor, event.kind.value, where, rental_id, name, event.audited)


def _acts(session: Session, person: str | None, since: datetime | None, limit: int) -> list[Line]:
    asked: list[ColumnElement[bool]] = []
    if person is not None:
        asked.append(Act.actor == person)
    if since is not None:
        asked.append(Act.at >= since)
    query = select(Act).where(*asked).order_by(Act.at.desc(), Act.id.desc()).limit(limit)
    acts = reversed(session.scalars(query).all())
    return [Line(act.at, act.actor, act.what, act.where, data=act.data) for act in acts]
