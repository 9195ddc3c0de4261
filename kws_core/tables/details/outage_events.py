"""What the events of a node's outage, and of a person's month, say; ``events.py`` has those of all else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kws_core.tables.details import EventDetails
from kws_core.tables.event_kinds import EventKind


@dataclass(frozen=True)
class NodeSilent(EventDetails):
    """Its node has not answered for long; an event of this kind has a key, as have the others here."""

    kind = EventKind.NODE_SILENT
    node: str
    since: datetime | None
    person: str  # who is told
    names: tuple[
        str, ...
    ] = ()  # all of that person's rentals there; empty where another rental's event notifies
    copies: tuple[str, ...] = ()  # of which of them there is a copy on another node


@dataclass(frozen=True)
class NodeBack(EventDetails):
    """It answers again."""

    kind = EventKind.NODE_BACK
    node: str
    since: datetime | None  # when it stopped answering
    person: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class MonthUsed(EventDetails):
    """What its owner used in a month that has ended."""

    kind = EventKind.MONTH_USED
    month: date | None  # its first day
    person: str
    rentals: int  # begun in it
    rental_days: float
    vcpu_hours: float


DETAILS: tuple[type[EventDetails], ...] = (NodeSilent, NodeBack, MonthUsed)
