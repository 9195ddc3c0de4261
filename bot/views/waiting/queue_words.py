"""A rental that waits, in words: its state, its place in the queue, and what can be done about it."""

from __future__ import annotations

from datetime import date

from bot.text.error_messages import ROOM_FROM
from bot.text.i18n import N_, Mrkdwn, Texts
from kws_core.scheduling.waiting_list import Place
from kws_core.tables.details.events import Returned, WaitOver, WaitStarted
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

WAITING = (":ticket:", N_("Waiting for room"))
RESERVED = (":calendar:", N_("Reserved"))
LEAVE = N_("Leave the queue")
CANCEL = N_("Cancel reservation")
LATER = N_("To see where you are later, enter {command}.")
QUEUED = N_(":ticket: No node has room now. KWS creates it as soon as one does.")
BOOKED = N_(":calendar: Reserved from {day}. KWS creates it in time to be running when that day begins.")
LATE = N_(
    ":warning: Its first day has come, and no node has room. It's first in the queue: KWS creates it as soon as one does."
)
OVER = N_(":white_check_mark: There's room: creating it on {node} now.")
DUE = N_(":white_check_mark: Its first day is near: creating it on {node} now.")
LAPSED = N_(":x: No node had room in time, so the request ended. Try a smaller size or other days: /kws rent")
LEFT = N_(":leftwards_arrow_with_hook: You left the queue. Nothing was created.")
CANCELED = N_(":leftwards_arrow_with_hook: You canceled the reservation. Nothing was created.")
WITHDRAW = N_("Withdraw request")
WITHDRAWN = N_(":leftwards_arrow_with_hook: You withdrew the request. Nothing was created.")
BY_ADMIN = (  # without a reason, and with one
    N_(":leftwards_arrow_with_hook: {actor} ended this request. Nothing was created."),
    N_(":leftwards_arrow_with_hook: {actor} ended this request. Reason: {note}. Nothing was created."),
)


def state(rental: Rental, place: Place | None = None) -> tuple[str, str]:
    """The icon and the message that names the state of a rental that waits."""
    return RESERVED if rental.starts_on is not None and place is None else WAITING


def headline(rental: Rental, place: Place | None, texts: Texts) -> Mrkdwn:
    """Its state with what people ask about first: the place in the queue, or the first day."""
    if place is not None:
        said = N_("Waiting for room ({position} of {of})")
        return texts(said, position=place.position, of=place.of)
    if rental.starts_on is not None:
        return texts(N_("Reserved: starts on {day}"), day=texts.date(rental.starts_on))
    return texts(WAITING[1])


def outlook(rental: Rental, place: Place | None, texts: Texts) -> Mrkdwn:
    """When it will begin, as far as anybody knows."""
    if place is None and rental.starts_on is not None:
        return texts(N_("KWS creates it in time, so it's running when that day begins."))
    lines = []
    if place is not None:
        lines.append(fits_from(place, texts))
    if rental.wait_until is not None:
        lines.append(texts(N_("It waits until {day}."), day=texts.date(rental.wait_until)))
    return Mrkdwn(" ".join(lines))


def fits_from(place: Place, texts: Texts) -> Mrkdwn:
    """When it fits, by what is promised now."""
    if place.earliest is None:
        return texts(N_("As planned now, no room comes before its last day. KWS creates it if some does."))
    return texts(ROOM_FROM, day=texts.date(place.earliest))


def sentence(event: Event, rental: Rental) -> str | None:
    """What is said of an event of a rental that waits, or never got further, instead of the usual."""
    match event.details:
        case WaitStarted(starts_on=date()):
            return BOOKED
        case WaitOver() if rental.starts_on is not None:
            return DUE
        case Returned() if never_placed(rental) and event.actor != rental.owner:
            return BY_ADMIN[event.note is not None]
        case Returned(asked=True):
            return WITHDRAWN
        case Returned() if never_placed(rental):
            return LEFT if rental.starts_on is None else CANCELED
    return None


def leave_button(rental: Rental) -> tuple[str, str, str]:
    """The label of what ends it, the title of the question, and what that costs."""
    if rental.status is Status.ASKED:
        return (
            WITHDRAW,
            N_("Withdraw {name}?"),
            N_("The admins no longer have to decide. You can't undo this."),
        )
    if rental.starts_on is not None:
        return CANCEL, N_("Cancel {name}?"), N_("The days are free for others at once. You can't undo this.")
    return LEAVE, N_("Leave the queue with {name}?"), N_("Your position will be lost. You can't undo this.")


def question(rental: Rental) -> str:
    """What is asked before it ends."""
    if rental.status is Status.ASKED:
        return N_("Withdraw the request for {name}? The admins no longer have to decide.")
    if rental.starts_on is not None:
        return N_("Cancel the reservation of {name}? The days are free for others at once.")
    return N_("Leave the queue with {name}? Your position will be lost.")


def never_placed(rental: Rental) -> bool:
    """Whether it ended, or will, without a node having heard of it."""
    return not rental.placements and rental.status in (Status.WAITING, Status.ASKED, Status.ENDED)
