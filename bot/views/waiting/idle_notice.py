"""The question whether somebody still needs a server that looks unused, while others wait for room."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import ButtonElement, PlainTextObject

from bot.text.i18n import N_, P_, Mrkdwn, Texts
from bot.text.units import spoken
from bot.views import ids
from kws_core.scheduling import idle
from kws_core.tables.details.idle_events import IdleAsked
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

QUESTION = P_(
    ":zzz: {name} has looked unused since {day}, and {n} person waits for room. Do you still need it?",
    ":zzz: {name} has looked unused since {day}, and {n} people wait for room. Do you still need it?",
)
WHAT_HELPS = N_(
    "Only returning it makes room: a stopped server keeps its place. If you don't answer, nothing changes."
)
KEEP = N_("I still need it")
ANSWERS = {
    EventKind.IDLE_KEPT: N_(
        ":white_check_mark: You still need {name}. KWS won't ask about it for at least a week."
    ),
    EventKind.SWITCHED_OFF: N_(
        ":black_square_for_stop: You stopped {name}. It keeps its place until you return it."
    ),
}
USED = N_(":white_check_mark: You used {name} again, so KWS no longer asks.")
AGAIN = N_(":zzz: KWS asked about {name} again later.")


def asks(rental: Rental, event: Event, events: Sequence[Event]) -> bool:
    """Whether it is still a question."""
    newest = max(e.id for e in events if e.kind is EventKind.IDLE_ASKED)
    return (
        rental.status is Status.READY
        and event.id == newest
        and idle.answered(rental.owner, event, events) is None
    )


def question(rental: Rental, asked: IdleAsked, texts: Texts) -> Mrkdwn:
    """What is asked, and what would help."""
    asking = texts.n(
        QUESTION, asked.waiting, name=rental.name, day=texts.date(asked.since) if asked.since else "?"
    )
    return Mrkdwn(f"{asking}\n{texts(WHAT_HELPS)}")


def keep_button(rental: Rental, texts: Texts) -> ButtonElement:
    """The answer that changes nothing."""
    label = texts.plain(KEEP)
    return ButtonElement(
        action_id=ids.Action.STILL_NEEDED,
        value=rental.id,
        style="primary",
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, rental.name),
    )


def answer(rental: Rental, event: Event, events: Sequence[Event], texts: Texts) -> Mrkdwn:
    """What became of the question about one that is ready."""
    done = idle.answered(rental.owner, event, events)
    return texts(ANSWERS.get(done.kind, USED) if done else AGAIN, name=rental.name)
