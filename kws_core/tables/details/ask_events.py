"""What events of requests to the admins say; ``via`` and ``note`` are as in events.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from kws_core.tables.details import EventDetails
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Reason


@dataclass(frozen=True)
class AskMade(EventDetails):
    """Its owner asks the admins for more than the policy allows."""

    kind = EventKind.ASKED
    what: str  # an AskKind, as in those below
    reason: str
    until: date | None = None  # these two as wanted, or as approved
    size: str | None = None
    again: bool | None = None
    via: str | None = None


@dataclass(frozen=True)
class AskApproved(EventDetails):
    """An admin allows it, or policy.auto_approve."""

    kind = EventKind.ASK_APPROVED
    what: str
    until: date | None = None
    size: str | None = None
    less: bool | None = None  # than was asked for
    via: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class AskDeclined(EventDetails):
    """An admin doesn't."""

    kind = EventKind.ASK_DECLINED
    what: str
    reason: str = Reason.DECLINED
    via: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class AskUnanswered(EventDetails):
    """No admin has answered for long; an event of this kind has a key."""

    kind = EventKind.ASK_UNANSWERED
    ask: int
    what: str


@dataclass(frozen=True)
class AskDelayed(EventDetails):
    """What was approved can't be done yet; an event of this kind has a key."""

    kind = EventKind.ASK_DELAYED
    what: str
    why: str  # an ErrorCode
    until: datetime | None = None  # how long it is tried


@dataclass(frozen=True)
class AskFailed(EventDetails):
    """It could not be done in that time."""

    kind = EventKind.ASK_FAILED
    what: str
