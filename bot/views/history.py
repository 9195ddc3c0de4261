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
    "command": N_("by command"),
    "form": N_("in a form"),
    "card": N_("on its card"),
    "warning": N_("on a message"),
    "restore": N_("on a message"),
    "message": N_("on a message"),
    "notice": N_("on a notice"),
    "home": N_("in the Home tab"),
    "cli": N_("in a terminal"),
    "night": N_("by the nightly cleanup"),
}
HAPPENED = {
    EventKind.REQUESTED: N_("requested"),
    EventKind.PLACED: N_("placed"),
    EventKind.QUEUED: N_("waits for its turn"),
    EventKind.MOVED: N_("moved to another node"),
    EventKind.WAITING: N_("waits for a node"),
    EventKind.KEY_SENT: N_("key delivered"),
    EventKind.KEY_FILE_REMOVED: N_("key file removed from Slack"),
    EventKind.BUILDING: N_("being built"),
    EventKind.SLOW_BOOT: N_("slow to start"),
    EventKind.READY: N_("ready"),
    EventKind.HOST_KEYS: N_("host keys read"),
    EventKind.REBOOTED: N_("rebooted"),
    EventKind.SWITCHED_OFF: N_("stop requested"),
    EventKind.SWITCHED_ON: N_("start requested"),
    EventKind.POWERED_OFF: N_("powered off"),
    EventKind.POWERED_ON: N_("running again"),
    EventKind.KEY_WANTED: N_("new key wanted"),
    EventKind.KEY_RENEWED: N_("new key in use"),
    EventKind.KEY_DROPPED: N_("no new key"),
    EventKind.RETURNED: N_("returned"),
    EventKind.FAILED: N_("failed"),
    EventKind.VANISHED: N_("vanished"),
    EventKind.WARNED: N_("owner warned"),
    EventKind.EXTENDED: N_("extended"),
    EventKind.EXPIRED: N_("last day over"),
    EventKind.STOPPED: N_("stopped"),
    EventKind.RESTORED: N_("restored"),
    EventKind.TRANSFERRED: N_("handed over"),
    EventKind.ADOPTED: N_("taken over"),
    EventKind.NODE_DRAINED: N_("node out of service"),
    EventKind.ENDED: N_("over"),
}
BY_OTHERS = frozenset(  # lines that don't say by themselves who it was
    {
        EventKind.REBOOTED,
        EventKind.SWITCHED_OFF,
        EventKind.SWITCHED_ON,
    }
)


def person(actor: str) -> Mrkdwn:
    """A mention; what is no Slack id (a command's user, KWS itself) as it is."""
    return Mrkdwn(f"<@{actor}>" if SLACK_ID.fullmatch(actor) else escape(actor))


def by_another(event: Event, rental: Rental, texts: Texts) -> str:
    """Who it was, behind a line about what somebody else than the owner did."""
    if event.kind not in BY_OTHERS or event.actor in (rental.owner, SYSTEM):
        return ""
    return " " + texts(N_("(by {actor})"), actor=person(event.actor))


def drained(word: NodeDrained, texts: Texts) -> str:
    """That the rental's node goes into maintenance."""
    sentence = N_(
        ":construction: {node} is taken out of service on {day}. Save what you need: from then on it may be off without a further word. "
        "A new rental comes to another node."
    )
    if word.reason:
        sentence = N_(
            ":construction: {node} is taken out of service on {day}: {reason}. Save what you need: from then on it may be off without a further word. "
            "A new rental comes to another node."
        )
    day = texts.date(word.until) if word.until else "?"
    return texts(sentence, node=word.node, day=day, reason=word.reason.rstrip("."))


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


def _last(lines: list[Mrkdwn], most: int = 2900) -> Mrkdwn:
    """The newest of them that fit in a block, whole lines only."""
    shown: list[Mrkdwn] = []
    for line in reversed(lines[-MOST_LINES:]):
        if sum(len(one) + 1 for one in shown) + len(line) > most:
            break
        shown.insert(0, line)
    return Mrkdwn("\n".join(["…", *shown] if len(shown) < len(lines) else shown))
