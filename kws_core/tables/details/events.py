"""What each kind of event says about itself.

``via`` is where a person asked for it, ``note`` the reason that an admin gave, ``node`` where the machine is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from kws_core.tables.details import EventDetails, idle_events, outage_events, web_events
from kws_core.tables.details.ask_events import AskDeclined
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Reason

NOT_TAKEN = "not_taken"  # KeyDropped.refusal: the server was rebooted and does not accept the new key
NOT_AUDITED = frozenset({"via", "channel", "card"})  # shown in another column, or of use to the delivery only


@dataclass(frozen=True)
class Requested(EventDetails):
    """The form was accepted and the rental placed."""

    kind = EventKind.REQUESTED
    node: str
    via: str | None = None
    moved_from: str | None = None  # the node of the server whose place it takes


@dataclass(frozen=True)
class WaitStarted(EventDetails):
    """The form was accepted: it waits for room, or for its first day."""

    kind = EventKind.WAIT_STARTED
    starts_on: date | None = None  # room is promised from then on
    node: str | None = None  # where it is promised; another may get it before it begins
    position: int | None = None  # of those that wait for room
    earliest: date | None = None  # when it fits, by what is promised
    via: str | None = None


@dataclass(frozen=True)
class WaitLate(EventDetails):
    """Its first day has come, and no node has room for it yet."""

    kind = EventKind.WAIT_LATE
    node: str | None = None  # where it was promised


@dataclass(frozen=True)
class WaitOver(EventDetails):
    """There is room for it: it is placed."""

    kind = EventKind.WAIT_OVER
    node: str


@dataclass(frozen=True)
class WaitLapsed(EventDetails):
    """It waited until there was no use in it any longer."""

    kind = EventKind.WAIT_LAPSED
    reason: str = Reason.LAPSED


@dataclass(frozen=True)
class Placed(EventDetails):
    """The node begins with it."""

    kind = EventKind.PLACED
    node: str


@dataclass(frozen=True)
class Moved(EventDetails):
    """A node refused, and another one takes it."""

    kind = EventKind.MOVED
    node: str  # the new one
    refused: str  # the old one
    refusal: str


@dataclass(frozen=True)
class WaitingForNode(EventDetails):
    """A node refused and no other fits: it is tried again there."""

    kind = EventKind.WAITING
    node: str
    refusal: str


@dataclass(frozen=True)
class Queued(EventDetails):
    """The node builds as many as it may."""

    kind = EventKind.QUEUED
    node: str
    position: int
    of: int


@dataclass(frozen=True)
class KeySent(EventDetails):
    """The private key has reached its owner."""

    kind = EventKind.KEY_SENT
    fingerprint: str | None


@dataclass(frozen=True)
class KeyFileRemoved(EventDetails):
    """The file with a private key is gone from Slack."""

    kind = EventKind.KEY_FILE_REMOVED
    saved: bool  # its owner said so; otherwise its time had ended


@dataclass(frozen=True)
class BuildStarted(EventDetails):
    """The node is asked for the machine."""

    kind = EventKind.BUILDING
    node: str


@dataclass(frozen=True)
class SlowBoot(EventDetails):
    """It runs, and nobody gets in yet."""

    kind = EventKind.SLOW_BOOT
    node: str
    minutes: int  # since the server was asked for


@dataclass(frozen=True)
class Ready(EventDetails):
    """The machine answers."""

    kind = EventKind.READY
    node: str


@dataclass(frozen=True)
class HostKeysPrinted(EventDetails):
    """The server has printed its host keys: the card shows them."""

    kind = EventKind.HOST_KEYS


@dataclass(frozen=True)
class Rebooted(EventDetails):
    """A person had it rebooted."""

    kind = EventKind.REBOOTED
    via: str | None = None


@dataclass(frozen=True)
class SwitchedOff(EventDetails):
    """A person asked for a stop, and the node accepted it."""

    kind = EventKind.SWITCHED_OFF
    via: str | None = None


@dataclass(frozen=True)
class SwitchedOn(EventDetails):
    """A person asked for a start, and the node accepted it."""

    kind = EventKind.SWITCHED_ON
    via: str | None = None


@dataclass(frozen=True)
class PoweredOff(EventDetails):
    """The node shows that it is stopped; or, in spite of a start that was asked for, that it still is."""

    kind = EventKind.POWERED_OFF
    node: str
    asked: bool  # by a person who stopped it in KWS; otherwise from inside, or on the node
    still: bool | None = None
    outage: bool | None = None  # with its whole node: KWS starts it again


@dataclass(frozen=True)
class PoweredOn(EventDetails):
    """It runs, and its owner gets in; or, in spite of a stop that was asked for, it still runs."""

    kind = EventKind.POWERED_ON
    node: str
    still: bool | None = None
    outage: bool | None = None  # its node had been away
    started: bool | None = None  # and KWS had to start it


@dataclass(frozen=True)
class KeyWanted(EventDetails):
    """Its owner or an admin asked for a new key."""

    kind = EventKind.KEY_WANTED
    via: str | None = None


@dataclass(frozen=True)
class KeyRenewed(EventDetails):
    """The server has the new key, or takes it at its next boot."""

    kind = EventKind.KEY_RENEWED
    node: str
    refusal: str | None = None  # when the node did not reboot it
    works: bool | None = None  # True: seen that the server accepts the new key


@dataclass(frozen=True)
class KeyDropped(EventDetails):
    """There is no new key: the node refused, Slack would not deliver it, or the server did not take it."""

    kind = EventKind.KEY_DROPPED
    node: str | None = None
    refusal: str | None = None
    why: str | None = None  # Slack's error


@dataclass(frozen=True)
class ResetWanted(EventDetails):
    """Its owner or an admin had it reset to its image."""

    kind = EventKind.RESET_WANTED
    new_key: bool | None = None
    via: str | None = None


@dataclass(frozen=True)
class ResetDone(EventDetails):
    """It has a new disk, and its owner gets in."""

    kind = EventKind.RESET_DONE
    node: str


@dataclass(frozen=True)
class ResetFailed(EventDetails):
    """It was not reset."""

    kind = EventKind.RESET_FAILED
    node: str | None = None
    refusal: str | None = None
    lost: bool | None = None  # what was on its disk is gone all the same
    why: str | None = None  # Slack's error, when the new key could not be delivered


@dataclass(frozen=True)
class Returned(EventDetails):
    """Its owner or an admin ended it."""

    kind = EventKind.RETURNED
    reason: str
    via: str | None = None
    note: str | None = None
    asked: bool | None = None  # an admin was still to allow it


@dataclass(frozen=True)
class Failed(EventDetails):
    """It could not be built."""

    kind = EventKind.FAILED
    reason: str
    node: str | None = None
    refusal: str | None = None
    why: str | None = None  # Slack's error, when the key could not be delivered


@dataclass(frozen=True)
class Vanished(EventDetails):
    """Somebody deleted the machine on its node."""

    kind = EventKind.VANISHED
    reason: str = Reason.VANISHED
    node: str | None = None


@dataclass(frozen=True)
class Warned(EventDetails):
    """It ends soon; an event of this kind has a key."""

    kind = EventKind.WARNED
    days: int
    last_day: date | None


@dataclass(frozen=True)
class Extended(EventDetails):
    """It lasts longer."""

    kind = EventKind.EXTENDED
    until: date | None
    was: date | None
    via: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Expired(EventDetails):
    """Its last day has ended: it is being deleted."""

    kind = EventKind.EXPIRED
    reason: str = Reason.EXPIRED


@dataclass(frozen=True)
class Stopped(EventDetails):
    """Its last day has ended: it is kept for the grace period."""

    kind = EventKind.STOPPED
    until: datetime | None


@dataclass(frozen=True)
class Restored(EventDetails):
    """It was taken out of the grace period."""

    kind = EventKind.RESTORED
    until: date | None
    was: date | None
    via: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Transferred(EventDetails):
    """An admin gave it to another person; ``channel`` and ``card`` are the message of the one who had it."""

    kind = EventKind.TRANSFERRED
    to: str
    was: str
    channel: str | None = None
    card: str | None = None
    via: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Adopted(EventDetails):
    """It was taken over from the previous system as it runs."""

    kind = EventKind.ADOPTED
    until: date | None
    was: date | None  # its last day there, when that is another one
    node: str


@dataclass(frozen=True)
class NodeDrained(EventDetails):
    """Its node goes into maintenance; an event of this kind has a key."""

    kind = EventKind.NODE_DRAINED
    node: str
    until: date | None
    reason: str
    via: str | None = None
    move_at: datetime | None = None  # when KWS moves what is left there


@dataclass(frozen=True)
class CopyWanted(EventDetails):
    """A copy of the server's disk was asked for, or is made because its rental ends."""

    kind = EventKind.COPY_WANTED
    copy: str  # its id, as in the others below
    node: str
    at_end: bool | None = None
    via: str | None = None


@dataclass(frozen=True)
class CopyPlanned(EventDetails):
    """Whether a copy is to be made before the rental ends."""

    kind = EventKind.COPY_PLANNED
    wanted: bool
    via: str | None = None


@dataclass(frozen=True)
class CopyKept(EventDetails):
    """The node has all of the copy."""

    kind = EventKind.COPY_KEPT
    copy: str
    node: str
    until: date | None
    size_bytes: int


@dataclass(frozen=True)
class CopyFailed(EventDetails):
    """There is no copy."""

    kind = EventKind.COPY_FAILED
    copy: str
    node: str
    refusal: str
    at_end: bool | None = None  # the rental waits for a copy, and it is tried again the next night
    last: bool | None = None  # not tried again: the rental ends without one


@dataclass(frozen=True)
class CopyWarned(EventDetails):
    """The copy is deleted soon; an event of this kind has a key."""

    kind = EventKind.COPY_WARNED
    copy: str
    until: date | None


@dataclass(frozen=True)
class CopyProlonged(EventDetails):
    """A person keeps the copy for longer."""

    kind = EventKind.COPY_PROLONGED
    copy: str
    until: date | None
    was: date | None
    via: str | None = None


@dataclass(frozen=True)
class CopyDeleted(EventDetails):
    """The copy is gone: deleted by a person, past its last day, or gone from its node."""

    kind = EventKind.COPY_DELETED
    copy: str
    node: str
    why: str  # see copies/lifecycle.py
    via: str | None = None


@dataclass(frozen=True)
class MovePlanned(EventDetails):
    """Its owner chose when it is moved; None: not by KWS."""

    kind = EventKind.MOVE_PLANNED
    at: datetime | None
    via: str | None = None


@dataclass(frozen=True)
class MoveStarted(EventDetails):
    """It is stopped and copied, and another one is made from the copy to take its place."""

    kind = EventKind.MOVE_STARTED
    node: str  # where that one is to be
    size: str  # and its size
    via: str | None = None


@dataclass(frozen=True)
class MoveFailed(EventDetails):
    """The other one did not come: this one stays as it was."""

    kind = EventKind.MOVE_FAILED
    why: str  # a Refusal, a Reason, or a word of moves/lifecycle.py
    started: bool  # it is started again


@dataclass(frozen=True)
class MoveCanceled(EventDetails):
    """The server whose place it was to take is gone, or stays where it is."""

    kind = EventKind.MOVE_CANCELED
    reason: str = Reason.MOVED


@dataclass(frozen=True)
class MoveDone(EventDetails):
    """The other one answers: this one is deleted."""

    kind = EventKind.MOVE_DONE
    node: str  # where that one is
    address: str | None
    reason: str = Reason.MOVED


@dataclass(frozen=True)
class ResizeStarted(EventDetails):
    """It is to get another size on its node; it keeps its address."""

    kind = EventKind.RESIZE_STARTED
    node: str
    size: str
    via: str | None = None


@dataclass(frozen=True)
class ResizeDone(EventDetails):
    """It has that size, and its owner gets in; or it is stopped, as it was."""

    kind = EventKind.RESIZE_DONE
    node: str
    size: str
    was: str  # its size before, as are the next
    vcpus: int
    ram_mb: int
    disk_gb: int


@dataclass(frozen=True)
class ResizeFailed(EventDetails):
    """It did not get that size on its node."""

    kind = EventKind.RESIZE_FAILED
    node: str
    size: str
    why: str  # a Refusal, an ErrorCode, or a word of moves/in_place.py
    outcome: str  # a word of moves/in_place.py


@dataclass(frozen=True)
class Ended(EventDetails):
    """Nothing is left of it."""

    kind = EventKind.ENDED
    reason: str | None = None  # when no node had heard of it
    why: str | None = None  # the reason as well, when nodes had to delete it


Ending = Returned | Failed | Vanished | Expired | WaitLapsed | AskDeclined | MoveCanceled | MoveDone
EVENT_DETAILS: Mapping[EventKind, type[EventDetails]] = {
    one.kind: one
    for one in (
        *EventDetails.__subclasses__(),
        *idle_events.DETAILS,
        *outage_events.DETAILS,
        *web_events.DETAILS,
    )
}
