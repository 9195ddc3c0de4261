"""What events of servers that look unused say; ``events.py`` has those of all else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kws_core.tables.details import EventDetails
from kws_core.tables.event_kinds import EventKind


@dataclass(frozen=True)
class IdleAsked(EventDetails):
    """Its owner is asked whether they still need it; an event of this kind has a key."""

    kind = EventKind.IDLE_ASKED
    since: date | None  # the day on which its owner did something with it last
    waiting: int  # how many people wait for room that it has


@dataclass(frozen=True)
class IdleKept(EventDetails):
    """Its owner still needs it."""

    kind = EventKind.IDLE_KEPT
    via: str | None = None


DETAILS: tuple[type[EventDetails], ...] = (IdleAsked, IdleKept)
