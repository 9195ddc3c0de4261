"""What each kind of event about a web address says; ``events.py`` has those of all else."""

from __future__ import annotations

from dataclasses import dataclass

from kws_core.tables.details import EventDetails
from kws_core.tables.event_kinds import EventKind


@dataclass(frozen=True)
class WebChanged(EventDetails):
    """A person changed its web address: who may open it, and what the proxy connects to."""

    kind = EventKind.WEB_CHANGED
    audience: str
    port: int
    upstream: str
    second: str | None = None
    via: str | None = None


@dataclass(frozen=True)
class WebServed(EventDetails):
    """The proxy serves its web address."""

    kind = EventKind.WEB_SERVED
    address: str


@dataclass(frozen=True)
class WebTakenOff(EventDetails):
    """An admin had the proxy serve it no longer."""

    kind = EventKind.WEB_TAKEN_OFF
    note: str | None = None
    via: str | None = None


@dataclass(frozen=True)
class WebPutBack(EventDetails):
    """An admin allowed it again."""

    kind = EventKind.WEB_PUT_BACK
    via: str | None = None


DETAILS: tuple[type[EventDetails], ...] = (WebChanged, WebServed, WebTakenOff, WebPutBack)
