"""A node's outage, as the owners of what is there read it: a line of each card, and one notification."""

from __future__ import annotations

from collections.abc import Sequence

from bot.text.i18n import N_, Mrkdwn, Texts, code, slack_time
from kws_core.tables.details.events import PoweredOff, PoweredOn
from kws_core.tables.details.outage_events import NodeBack, NodeSilent
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

KINDS = (EventKind.NODE_SILENT, EventKind.NODE_BACK)
SILENT = N_(
    ":warning: {node} hasn't responded since {moment}, so KWS can't manage this rental. Logging in may fail too. "
    "Nothing is deleted, and you'll get a message when {node} responds again."
)
SILENT_ALL = N_(
    ":warning: {node} hasn't responded since {moment}, so KWS can't manage {names}. Logging in may fail too. "
    "Nothing is deleted, and you'll get a message when {node} responds again."
)
COPIED = N_("{names}: you have a copy on another node. To bring it back: {command}")
BACK = N_(":white_check_mark: {node} is responding again. You can use this rental as before.")
BACK_ALL = N_(":white_check_mark: {node} is responding again. You can use {names} as before.")


def line(details: NodeSilent | NodeBack, texts: Texts) -> Mrkdwn:
    """A line of a rental's card."""
    if isinstance(details, NodeBack):
        return texts(BACK, node=details.node)
    return _silent(SILENT, details, texts)


def notice(details: NodeSilent | NodeBack, texts: Texts) -> Mrkdwn:
    """The notification, about all of the person's rentals there."""
    if isinstance(details, NodeBack):
        return texts(BACK_ALL, node=details.node, names=", ".join(details.names))
    return _silent(SILENT_ALL, details, texts)


def _silent(sentence: str, details: NodeSilent, texts: Texts) -> Mrkdwn:
    moment = slack_time(details.since, texts) if details.since else "?"
    said = texts(sentence, node=details.node, moment=moment, names=", ".join(details.names))
    if not details.copies:
        return said
    copied = texts(COPIED, names=", ".join(details.copies), command=code("/kws copies"))
    return Mrkdwn(f"{said} {copied}")


def rings(rental: Rental, event: Event) -> bool:
    """Whether this rental's event is the one that notifies; another person's is told to nobody else."""
    told = event.details
    if not isinstance(told, NodeSilent | NodeBack):
        return False
    return rental.live and bool(told.names) and told.person == rental.owner


def current(events: Sequence[Event]) -> list[Event]:
    """A rental's history with the newest news of its node only, and with that while it is true."""
    last = next((event for event in reversed(events) if event.kind in KINDS or _of_outage(event)), None)
    return [event for event in events if event.kind not in KINDS or event is last]


def silence_of(back: Event, events: Sequence[Event]) -> Event | None:
    """What the owner was told before of the outage that has ended."""
    earlier = (event for event in reversed(events) if event.id < back.id)
    return next((event for event in earlier if event.kind is EventKind.NODE_SILENT), None)


def is_over(silent: Event, events: Sequence[Event]) -> bool:
    """Whether something was told since that ends it."""
    later = (event for event in events if event.id > silent.id)
    return any(event.kind is EventKind.NODE_BACK or _of_outage(event) for event in later)


def _of_outage(event: Event) -> bool:
    return isinstance(event.details, PoweredOff | PoweredOn) and bool(event.details.outage)
