"""What each kind of notice tells the admins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, get_args

from kws_core.tables.details import Details
from kws_core.tables.details.asks import Allowance, AskedFor, FreeOnNode


class AlertKind(StrEnum):
    """What a notice is about."""

    NIGHT = "night"
    UNREACHABLE = "unreachable"
    DEPARTED = "departed"
    LEAKS = "leaks"
    NODE_DOWN = "node_down"
    NODE_UP = "node_up"
    NODE_MISSED = "node_missed"
    NODE_RESUMED = "node_resumed"
    COPY_FAILED = "copy_failed"
    NODE_EMPTYING = "node_emptying"
    RESIZE_BROKE = "resize_broke"
    WEB_DOWN = "web_down"
    WEB_UP = "web_up"
    ASK = "ask"


class AlertDetails(Details):
    """Base of the classes below, one for each kind."""

    kind: ClassVar[AlertKind]
    edited: ClassVar[bool] = False  # its messages are edited as what it says changes


@dataclass(frozen=True)
class NightRental(Details):
    """A rental in the summary of a night; ``node`` and ``why`` say where and on what its deletion is stuck."""

    id: str
    name: str
    owner: str
    node: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class NightAlert(AlertDetails):
    """What the night to ``day`` has ended."""

    kind = AlertKind.NIGHT
    day: date | None
    ended: tuple[NightRental, ...]
    stopped: tuple[NightRental, ...]
    stuck: tuple[NightRental, ...]
    failed: tuple[str, ...]  # ids


@dataclass(frozen=True)
class UnreachableAlert(AlertDetails):
    """Slack can't deliver anything to a rental's owner."""

    kind = AlertKind.UNREACHABLE
    rental: str
    name: str
    owner: str
    why: str


@dataclass(frozen=True)
class DepartedAlert(AlertDetails):
    """A person has left the workspace."""

    kind = AlertKind.DEPARTED
    person: str


@dataclass(frozen=True)
class LeaksAlert(AlertDetails):
    """A node shows what belongs to no rental."""

    kind = AlertKind.LEAKS
    node: str
    marks: tuple[str, ...]
    deleted: bool


@dataclass(frozen=True)
class NodeDownAlert(AlertDetails):
    """A node has not answered for long."""

    kind = AlertKind.NODE_DOWN
    node: str
    since: datetime | None
    why: str


@dataclass(frozen=True)
class NodeUpAlert(AlertDetails):
    """A node answers again, after an outage that began ``since``."""

    kind = AlertKind.NODE_UP
    node: str
    since: datetime | None
    at: datetime | None


@dataclass(frozen=True)
class NodeResumedAlert(AlertDetails):
    """After a node's outage: how many of the machines that had run there answer again, and how many don't start."""

    kind = AlertKind.NODE_RESUMED
    node: str
    answering: int
    failed: int


@dataclass(frozen=True)
class NodeMissedAlert(AlertDetails):
    """A node isn't in nodes.toml but still has ``rentals``."""

    kind = AlertKind.NODE_MISSED
    node: str
    rentals: int


@dataclass(frozen=True)
class CopyFailedAlert(AlertDetails):
    """A copy that was to be made before a rental ends could not be made."""

    kind = AlertKind.COPY_FAILED
    rental: str
    name: str
    owner: str
    node: str
    why: str  # a Refusal, or a word of copies/lifecycle.py
    last: bool  # not tried again: the rental ends without a copy


@dataclass(frozen=True)
class ResizeBrokeAlert(AlertDetails):
    """A server was to get another size, and its node shows it broken."""

    kind = AlertKind.RESIZE_BROKE
    rental: str
    name: str
    owner: str
    node: str
    why: str  # a Refusal


@dataclass(frozen=True)
class NodeEmptyingAlert(AlertDetails):
    """What has become of the rentals whose owners were told of their node's maintenance; kept up to date."""

    kind = AlertKind.NODE_EMPTYING
    edited = True
    node: str
    until: date | None
    rentals: tuple[str, ...]  # ids of all of them
    moved: int
    ended: int
    failed: tuple[str, ...]  # names of those whose last move failed, and that are still there
    finished: bool  # it is not kept up to date any longer


@dataclass(frozen=True)
class WebDownAlert(AlertDetails):
    """The proxy does not do what its rows say: not reachable, or its admin API says no."""

    kind = AlertKind.WEB_DOWN
    since: datetime | None
    refused: bool


@dataclass(frozen=True)
class WebUpAlert(AlertDetails):
    """It does again."""

    kind = AlertKind.WEB_UP
    since: datetime | None
    at: datetime | None


@dataclass(frozen=True)
class AskAlert(AlertDetails):
    """Somebody asks for more than the policy allows; says who decided what once that is so."""

    kind = AlertKind.ASK
    edited = True
    ask: int
    name: str  # of the rental
    owner: str
    machine: str  # a Kind
    what: str  # an AskKind
    image: str
    asked: AskedFor
    reason: str
    free: tuple[FreeOnNode, ...]
    again: bool = False
    decision: str | None = None  # an AskDecision
    by: str | None = None
    granted: Allowance | None = None
    note: str | None = None


Alert = (
    NightAlert
    | UnreachableAlert
    | DepartedAlert
    | LeaksAlert
    | NodeDownAlert
    | NodeUpAlert
    | NodeMissedAlert
    | NodeResumedAlert
    | CopyFailedAlert
    | NodeEmptyingAlert
    | ResizeBrokeAlert
    | WebDownAlert
    | WebUpAlert
    | AskAlert
)
ALERT_DETAILS: Mapping[AlertKind, type[Alert]] = {one.kind: one for one in get_args(Alert)}
