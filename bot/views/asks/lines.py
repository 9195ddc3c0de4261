"""What a person reads of their request: on the card, and in the messages that notify them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, PlainTextObject

from bot.text.i18n import N_, Texts, slack_time
from bot.text.units import spoken
from bot.views import history, ids
from kws_core.errors import ErrorCode
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.ask_events import (
    AskApproved,
    AskDeclined,
    AskDelayed,
    AskFailed,
    AskMade,
    AskUnanswered,
)
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import AskKind

ASKED = {
    AskKind.RENT: N_(":raised_hand: Asked an admin to allow it. Reason: {reason}"),
    AskKind.EXTEND: N_(":raised_hand: Asked an admin to extend it until {day}. Reason: {reason}"),
    AskKind.RESIZE: N_(":raised_hand: Asked an admin for the size {size}. Reason: {reason}"),
}
AGAIN = N_(":raised_hand: Asked the admins again.")
APPROVED = {
    AskKind.RENT: N_(":white_check_mark: {actor} approved your request."),
    AskKind.EXTEND: N_(":white_check_mark: {actor} approved your request: you can use it until {day}."),
    AskKind.RESIZE: N_(":white_check_mark: {actor} approved your request: the size {size}."),
}
LESS = {
    AskKind.RENT: N_(":white_check_mark: {actor} approved less than you asked for: {size} until {day}."),
    AskKind.EXTEND: N_(":white_check_mark: {actor} approved less than you asked for: until {day}."),
    AskKind.RESIZE: N_(":white_check_mark: {actor} approved less than you asked for: {size}."),
}
AUTOMATIC = N_(":white_check_mark: Your request was approved automatically.")
DECLINED = N_(":x: {actor} declined your request. Nothing was changed.")
NOT_CREATED = N_(":x: {actor} declined your request. Nothing was created.")
UNANSWERED = N_(":hourglass: No admin has answered your request for two days. You can ask again.")
DELAYED = N_(":hourglass: What was approved can't be done yet: {why}. KWS keeps trying until {moment}.")
FAILED = N_(":x: KWS couldn't do what was approved within a week. Ask again when it's possible.")
NOTE = N_("Reason: {note}")
WHY: dict[str, str] = {  # beside what is said of moves
    ErrorCode.PROMISED: N_("its room is promised to someone else"),
    ErrorCode.MOVING: N_("it's being moved"),
}
UNKNOWN = N_("not possible now")
NEWS = frozenset(
    {EventKind.ASK_APPROVED, EventKind.ASK_UNANSWERED, EventKind.ASK_DELAYED, EventKind.ASK_FAILED}
)  # of a rental that there still is


def line(event: Event, whys: Mapping[str, str], texts: Texts) -> str | None:
    """The event in a sentence, ``whys`` by their codes; None if it is about no request."""
    match event.details:
        case AskMade(again=True):
            return texts(AGAIN)
        case AskMade() as asked:
            return texts(
                _of(ASKED, asked.what), **_amounts(asked.until, asked.size, texts), reason=asked.reason
            )
        case AskApproved() as approved:
            return _approved(event, approved, texts)
        case AskDeclined(what=what, note=note):
            said = texts(NOT_CREATED if what == AskKind.RENT else DECLINED, actor=history.person(event.actor))
            return f"{said} {texts(NOTE, note=note)}" if note else said
        case AskUnanswered():
            return texts(UNANSWERED)
        case AskDelayed(why=why, until=until):
            known = {**whys, **WHY}.get(why, UNKNOWN)
            return texts(DELAYED, why=texts(known), moment=slack_time(until, texts) if until else "?")
        case AskFailed():
            return texts(FAILED)
    return None


def rings(rental: Rental, event: Event) -> bool:
    """Whether the person is notified of it: a request to rent has a card of its own, which rings."""
    if isinstance(event.details, AskMade):
        return event.details.what != AskKind.RENT or bool(event.details.again)
    return event.kind is EventKind.ASK_DECLINED or (event.kind in NEWS and rental.live)


def buttons(event: Event, rental: Rental, texts: Texts) -> list[Block]:
    """Below the message that nobody has answered."""
    if not isinstance(event.details, AskUnanswered):
        return []
    label = texts.plain(N_("Ask again"))
    again = ButtonElement(
        action_id=ids.Action.ASK_AGAIN,
        value=str(event.details.ask),
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, rental.name),
    )
    return [ActionsBlock(elements=[again])]


def _approved(event: Event, approved: AskApproved, texts: Texts) -> str:
    if event.actor == SYSTEM:
        return texts(AUTOMATIC)
    sentence = _of(LESS if approved.less else APPROVED, approved.what)
    said = texts(
        sentence, actor=history.person(event.actor), **_amounts(approved.until, approved.size, texts)
    )
    return f"{said} {texts(NOTE, note=approved.note)}" if approved.note else said


def _of(sentences: dict[AskKind, str], what: str) -> str:
    return sentences[AskKind(what) if what in list(AskKind) else AskKind.RENT]


def _amounts(until: date | None, size: str | None, texts: Texts) -> dict[str, object]:
    return {"day": texts.date(until) if until else "?", "size": size or "?"}
