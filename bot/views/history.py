"""Who did what, when and from where, as people read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.text.i18n import N_, Mrkdwn, Texts, code, escape, slack_time
from kws_core.reports.audit import Line
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import NodeDrained
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

MOST_LINES = 40
SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,}")
WHERE = {
    "command": N_("command"),
    "form": N_("form"),
    "card": N_("card"),
    "warning": N_("message"),
    "restore": N_("message"),
    "message": N_("message"),
    "notice": N_("admin alert"),
    "home": N_("App Home"),
    "ask": N_("request to the admins"),
    "cli": N_("terminal"),
    "night": N_("nightly cleanup"),
}
HAPPENED = {
    EventKind.REQUESTED: N_("Requested"),
    EventKind.WAIT_STARTED: N_("Waiting for room"),
    EventKind.WAIT_LATE: N_("No room on its first day"),
    EventKind.WAIT_OVER: N_("Got room"),
    EventKind.WAIT_LAPSED: N_("No room in time"),
    EventKind.ASKED: N_("Asked an admin"),
    EventKind.ASK_APPROVED: N_("Request approved"),
    EventKind.ASK_DECLINED: N_("Request declined"),
    EventKind.ASK_UNANSWERED: N_("Request unanswered"),
    EventKind.ASK_DELAYED: N_("Approved, but not possible yet"),
    EventKind.ASK_FAILED: N_("Approved, but not done"),
    EventKind.PLACED: N_("Assigned to a node"),
    EventKind.QUEUED: N_("Queued"),
    EventKind.MOVED: N_("Moved to another node"),
    EventKind.WAITING: N_("Waiting for a node"),
    EventKind.KEY_SENT: N_("Key delivered"),
    EventKind.KEY_FILE_REMOVED: N_("Key file removed from Slack"),
    EventKind.BUILDING: N_("Creating"),
    EventKind.SLOW_BOOT: N_("Slow to start"),
    EventKind.READY: N_("Running"),
    EventKind.HOST_KEYS: N_("Host keys read"),
    EventKind.REBOOTED: N_("Rebooted"),
    EventKind.SWITCHED_OFF: N_("Stop requested"),
    EventKind.SWITCHED_ON: N_("Start requested"),
    EventKind.POWERED_OFF: N_("Stopped"),
    EventKind.POWERED_ON: N_("Started"),
    EventKind.KEY_WANTED: N_("SSH key reset requested"),
    EventKind.KEY_RENEWED: N_("New SSH key in use"),
    EventKind.KEY_DROPPED: N_("SSH key reset failed"),
    EventKind.RESET_WANTED: N_("Reset requested"),
    EventKind.RESET_DONE: N_("Reset"),
    EventKind.RESET_FAILED: N_("Reset failed"),
    EventKind.RETURNED: N_("Returned"),
    EventKind.FAILED: N_("Failed"),
    EventKind.VANISHED: N_("Deleted outside KWS"),
    EventKind.WARNED: N_("Expiry reminder sent"),
    EventKind.IDLE_ASKED: N_("Asked whether it's still needed"),
    EventKind.IDLE_KEPT: N_("Still needed"),
    EventKind.EXTENDED: N_("Extended"),
    EventKind.EXPIRED: N_("Last day passed"),
    EventKind.STOPPED: N_("Expired"),
    EventKind.RESTORED: N_("Restored"),
    EventKind.TRANSFERRED: N_("Transferred"),
    EventKind.ADOPTED: N_("Imported"),
    EventKind.NODE_DRAINED: N_("Node in maintenance"),
    EventKind.NODE_SILENT: N_("Node not responding"),
    EventKind.NODE_BACK: N_("Node responding again"),
    EventKind.MONTH_USED: N_("Monthly summary sent"),
    EventKind.COPY_WANTED: N_("Copy requested"),
    EventKind.COPY_PLANNED: N_("Copy planned"),
    EventKind.COPY_KEPT: N_("Copy kept"),
    EventKind.COPY_FAILED: N_("Copy failed"),
    EventKind.COPY_WARNED: N_("Copy reminder sent"),
    EventKind.COPY_PROLONGED: N_("Copy kept longer"),
    EventKind.COPY_DELETED: N_("Copy deleted"),
    EventKind.MOVE_PLANNED: N_("Move planned"),
    EventKind.MOVE_STARTED: N_("Move started"),
    EventKind.MOVE_FAILED: N_("Move failed"),
    EventKind.MOVE_CANCELED: N_("Move canceled"),
    EventKind.MOVE_DONE: N_("Moved to a new server"),
    EventKind.RESIZE_STARTED: N_("Size change started"),
    EventKind.RESIZE_DONE: N_("Size changed"),
    EventKind.RESIZE_FAILED: N_("Size change failed"),
    EventKind.WEB_CHANGED: N_("Web address changed"),
    EventKind.WEB_SERVED: N_("Web address works"),
    EventKind.WEB_TAKEN_OFF: N_("Taken off the web"),
    EventKind.WEB_PUT_BACK: N_("Put back on the web"),
    EventKind.ENDED: N_("Ended"),
}
BY_OTHERS = frozenset(  # lines that don't say by themselves who it was
    {
        EventKind.REBOOTED,
        EventKind.SWITCHED_OFF,
        EventKind.SWITCHED_ON,
        EventKind.RESET_WANTED,
        EventKind.RESIZE_STARTED,
        EventKind.COPY_WANTED,
        EventKind.COPY_PLANNED,
        EventKind.COPY_PROLONGED,
        EventKind.COPY_DELETED,
        EventKind.WEB_CHANGED,
    }
)


def person(actor: str) -> Mrkdwn:
    """A mention; what is no Slack id (a command's user, KWS itself) as it is."""
    if actor == SYSTEM:
        return Mrkdwn("KWS")
    return Mrkdwn(f"<@{actor}>" if SLACK_ID.fullmatch(actor) else escape(actor))


def by_another(event: Event, rental: Rental, texts: Texts) -> str:
    """Who it was, behind a line about what somebody else than the owner did."""
    if event.kind not in BY_OTHERS or event.actor in (rental.owner, SYSTEM):
        return ""
    return " " + texts(N_("(by {actor})"), actor=person(event.actor))


def drained(word: NodeDrained, texts: Texts) -> str:
    """That the rental's node goes into maintenance, and when KWS moves what is left there."""
    moved = N_("KWS moves it to another node at {moment}, unless you choose something else.")
    later = " " + texts(moved, moment=slack_time(word.move_at, texts)) if word.move_at else ""
    sentence = N_(
        ":construction: {node} goes into maintenance on {day} and may shut down without notice. Back up your data. To "
        "keep working, rent on another node."
    )
    if word.reason:
        sentence = N_(
            ":construction: {node} goes into maintenance on {day} and may shut down without notice. Reason: {reason}. Back "
            "up your data. To keep working, rent on another node."
        )
    day = texts.date(word.until) if word.until else "?"
    return texts(sentence, node=word.node, day=day, reason=word.reason.rstrip(".")) + later


def of_rental(events: Sequence[Event], sentences: Iterable[str | None], texts: Texts) -> Mrkdwn:
    """A rental's whole history, as far as it fits; ``sentences`` are the card's words, None where it has none."""
    lines = []
    for event, sentence in zip(events, sentences, strict=True):
        what = Mrkdwn(sentence) if sentence else texts(HAPPENED[event.kind])
        lines.append(_line(event, what, event.via, texts))
    return _last(lines)


def of_trail(trail: Sequence[Line], texts: Texts) -> Mrkdwn:
    """The newest lines of the audit trail."""
    lines = []
    for line in trail:
        data = line.data or {}
        about = line.name or str(data.get("node") or data.get("name") or "")
        what = Mrkdwn(f"{code(line.what)} {code(about)}" if about else code(line.what))
        lines.append(_line(line, what, line.where, texts))
    return _last(lines)


def _line(one: Event | Line, what: Mrkdwn, where: str | None, texts: Texts) -> Mrkdwn:
    parts = [slack_time(one.at, texts), person(one.actor), what]
    if where and one.actor != SYSTEM:
        parts.append(texts(WHERE[where]) if where in WHERE else code(where))
    return Mrkdwn(" · ".join(parts))


def first_lines(lines: Iterable[str], most: int = 2900) -> str:
    """As many lines as fit in a block: half a line might end in the middle of a date's markup."""
    shown, length = [], 0
    for line in lines:
        length += len(line) + 1
        if length > most:
            break
        shown.append(line)
    return "\n".join(shown)


def _last(lines: list[Mrkdwn], most: int = 2900) -> Mrkdwn:
    """The newest of them that fit in a block, whole lines only."""
    shown: list[Mrkdwn] = []
    for line in reversed(lines[-MOST_LINES:]):
        if sum(len(one) + 1 for one in shown) + len(line) > most:
            break
        shown.insert(0, line)
    return Mrkdwn("\n".join(["…", *shown] if len(shown) < len(lines) else shown))
