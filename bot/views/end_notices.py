"""The messages that ask its owner something: warnings, what is stopped for its grace period, what looks unused.

Each is drawn from what is true now: its buttons are there as long as there is something to decide, and
afterwards it says what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    DatePickerElement,
    InteractiveElement,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.text import prose
from bot.text.i18n import N_, Mrkdwn, Texts, slack_time
from bot.text.units import clip, spoken
from bot.views import ids, rental_card
from bot.views.rental_card import Message
from bot.views.waiting import idle_notice
from kws_core.expiry import ExpiryInfo
from kws_core.tables.details.events import Stopped, Warned
from kws_core.tables.details.idle_events import IdleAsked
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Reason, Status
from kws_core.values import Kind

KINDS = frozenset({EventKind.WARNED, EventKind.STOPPED, EventKind.IDLE_ASKED})
STEPS = ((timedelta(days=1), N_("Extend by 1 day")), (timedelta(weeks=1), N_("Extend by 1 week")))
PLANNED = N_(":floppy_disk: KWS makes a copy before it deletes the server.")
UNPLANNED = N_("You can also keep a copy of its disk, and come back to it later.")
NO_COPIES = N_("KWS can't keep copies of containers. Save your data elsewhere.")
OUTCOMES = {
    Reason.RETURNED: N_(":leftwards_arrow_with_hook: {name} was returned."),
    Reason.ADMIN: N_(":leftwards_arrow_with_hook: An admin ended {name}."),
    Reason.EXPIRED: N_(":checkered_flag: {name} expired and has ended."),
}


def asks(rental: Rental, event: Event, events: Sequence[Event], outlook: ExpiryInfo) -> bool:
    """Whether there is still something to decide about what this event says."""
    if isinstance(event.details, IdleAsked):
        return idle_notice.asks(rental, event, events)
    if not isinstance(event.details, Warned):
        return rental.status is Status.STOPPED
    newest = max(e.id for e in events if e.kind is EventKind.WARNED)
    current = event.details.last_day == outlook.last_day
    return rental.status is Status.READY and current and event.id == newest


def message(
    rental: Rental, event: Event, events: Sequence[Event], outlook: ExpiryInfo, texts: Texts
) -> Message:
    """The message about such an event, as it should look now."""
    if not asks(rental, event, events, outlook):
        if isinstance(event.details, IdleAsked) and rental.status is Status.READY:
            return _with_id(event, idle_notice.answer(rental, event, events, texts))
        return _with_id(event, _outcome(rental, outlook, texts))
    if isinstance(event.details, IdleAsked):
        return _unused(rental, event, event.details, texts)
    if isinstance(event.details, Stopped):
        return _stopped(rental, event, event.details.until, outlook, texts)
    return _warning(rental, event, outlook, texts)


def _warning(rental: Rental, event: Event, outlook: ExpiryInfo, texts: Texts) -> Message:
    text = prose.warning(rental, outlook, texts)
    buttons: list[InteractiveElement] = [
        ButtonElement(
            action_id=f"{ids.Action.EXTEND_TO}:{step.days}",
            value=ids.until_value(rental.id, until),
            text=PlainTextObject(text=texts.plain(label)),
        )
        for step, label in STEPS
        if (until := outlook.later(step))
    ]
    if outlook.last_day < outlook.latest:
        pick = PlainTextObject(text=texts.plain(N_("Extend until…")))
        buttons.append(DatePickerElement(action_id=ids.Action.EXTEND_UNTIL, placeholder=pick))
    if rental.kind is Kind.SERVER:
        buttons.append(_copy_button(rental, texts))
        said = PLANNED if rental.copy_at_end else UNPLANNED
    else:
        said = NO_COPIES
    buttons.append(rental_card.return_button(rental, texts))
    actions = ActionsBlock(block_id=ids.EXTENSION + rental.id, elements=buttons)
    return _with_id(event, f"{text}\n{texts(said)}", actions)


def _copy_button(rental: Rental, texts: Texts) -> ButtonElement:
    """Whether a copy is made before the server is deleted."""
    planned = rental.copy_at_end
    label = texts.plain(N_("Don't keep a copy") if planned else N_("Keep a copy at the end"))
    return ButtonElement(
        action_id=ids.Action.NO_COPY_AT_END if planned else ids.Action.COPY_AT_END,
        value=rental.id,
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, rental.name),
    )


def _stopped(
    rental: Rental, event: Event, until: datetime | None, outlook: ExpiryInfo, texts: Texts
) -> Message:
    moment = slack_time(until.astimezone(outlook.ends_at.tzinfo), texts) if until else "?"
    text = texts(
        N_(":large_yellow_circle: {name} expired. Restore it by {moment} or it will be deleted."),
        name=rental.name,
        moment=moment,
    )
    buttons = [restore_button(rental, texts), rental_card.return_button(rental, texts)]
    return _with_id(event, text, ActionsBlock(block_id=ids.EXTENSION + rental.id, elements=buttons))


def _unused(rental: Rental, event: Event, asked: IdleAsked, texts: Texts) -> Message:
    stop = [rental_card.stop_button(rental, texts)] if rental.power is Power.ON else []
    buttons = [
        idle_notice.keep_button(rental, texts),
        *stop,
        rental_card.return_button(rental, texts),
    ]
    actions = ActionsBlock(block_id=ids.EXTENSION + rental.id, elements=buttons)
    return _with_id(event, idle_notice.question(rental, asked, texts), actions)


def restore_button(rental: Rental, texts: Texts) -> ButtonElement:
    """Out of the grace period."""
    label = texts.plain(N_("Restore rental"))
    return ButtonElement(
        action_id=ids.Action.RESTORE,
        value=rental.id,
        style="primary",
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, rental.name),
    )


def _outcome(rental: Rental, outlook: ExpiryInfo, texts: Texts) -> Mrkdwn:
    if rental.status is Status.READY:
        return texts(
            N_(":white_check_mark: You can use {name} until {day}."),
            name=rental.name,
            day=texts.date(outlook.last_day),
        )
    if rental.status is Status.STOPPED:
        return texts(N_(":large_yellow_circle: {name} expired."), name=rental.name)
    known = OUTCOMES.get(rental.reason) if rental.reason else None
    return texts(known or N_(":white_circle: {name} has ended."), name=rental.name)


def _with_id(event: Event, text: str, actions: ActionsBlock | None = None) -> Message:
    section = SectionBlock(block_id=f"{ids.NOTICE}{event.id}", text=MarkdownTextObject(text=clip(text, 3000)))
    return Message(clip(text, 3000), [section, actions] if actions else [section])
