"""What happened to a rental, each event in a sentence: the lines of its card and of its messages."""

from __future__ import annotations

from datetime import date

from bot.text.i18n import N_, Texts, code
from bot.views import history
from kws_core.tables.details import events
from kws_core.tables.details.events import (
    Adopted,
    EventDetails,
    Extended,
    Failed,
    KeyDropped,
    KeyRenewed,
    KeySent,
    Moved,
    NodeDrained,
    PoweredOff,
    PoweredOn,
    Restored,
    WaitingForNode,
)
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

REFUSALS = {
    "down": N_("did not answer"),
    "auth": N_("did not accept KWS's credentials"),
    "quota": N_("is at its quota"),
    "no_host": N_("had no room"),
    "no_address": N_("has no address left"),
    "no_image": N_("does not have the image"),
    "missing": N_("is not set up completely"),
    "invalid": N_("did not accept the request"),
    "failed": N_("could not build it"),
    "off": N_("shows that it is powered off"),
    "no_console": N_("keeps no console"),
}
FAILURES = {
    "no_node": N_("No node could build it, so the rental is over. Please try again later, or tell an admin."),
    "no_answer": N_(
        "It was built but never answered, so it is deleted. Please try again, or choose another image."
    ),
    "no_login": N_(
        "It started, but it never accepted your login, so it is deleted. Please choose another image, or tell an admin."
    ),
    "no_key": N_("The key could not be delivered, so nothing was built."),
}
LINES = {
    EventKind.PLACED: N_(":white_check_mark: Placed on {node}."),
    EventKind.MOVED: N_(":arrow_right: {refused} {why}; now on {node}."),
    EventKind.WAITING: N_(":hourglass: {node} {why}; no other node has room, so it is tried again."),
    EventKind.QUEUED: N_(
        ":hourglass: {node} is busy with others. Your turn: {position} of {of} in its line."
    ),
    EventKind.KEY_SENT: N_(":key: The private key is in this message's thread. Its fingerprint: {print}"),
    EventKind.KEY_FILE_REMOVED: N_(":wastebasket: The private key's file is removed from Slack."),
    EventKind.BUILDING: N_(":hammer_and_wrench: Being built on {node}."),
    EventKind.SLOW_BOOT: N_(
        ":hourglass: The server has been starting for {minutes} minutes and doesn't accept logins yet. KWS keeps checking."
    ),
    EventKind.READY: N_(":white_check_mark: Ready on {node}."),
    EventKind.REBOOTED: N_(":arrows_counterclockwise: Rebooted."),
    EventKind.SWITCHED_OFF: N_(":black_square_for_stop: Stop requested."),
    EventKind.SWITCHED_ON: N_(":arrow_forward: Start requested."),
    EventKind.POWERED_OFF: N_(
        ":black_square_for_stop: It was powered off, but not in KWS: from inside, or on {node}. You can start it again."
    ),
    EventKind.POWERED_ON: N_(":arrow_forward: Started: it accepts logins."),
    EventKind.KEY_WANTED: N_(":key: A new key: it comes into this thread; then the server reboots once."),
    EventKind.KEY_RENEWED: N_(
        ":key: The server reboots. In a minute or two the new key opens it, and earlier keys of KWS no longer do."
    ),
    EventKind.KEY_DROPPED: N_(
        ":x: The new key could not be delivered. What opened the server before still does."
    ),
    EventKind.VANISHED: N_(
        ":ghost: It is not on {node} any more: somebody deleted it there. The rental is over."
    ),
    EventKind.EXTENDED: N_(":calendar: Extended until {day}."),
    EventKind.EXPIRED: N_(
        ":checkered_flag: Its last day is over. It is being deleted with everything on it."
    ),
    EventKind.STOPPED: N_(":large_yellow_circle: Its last day is over: stopped, and kept for a while."),
    EventKind.RESTORED: N_(":seedling: Restored until {day}."),
    EventKind.TRANSFERRED: N_(":handshake: It is yours now."),
    EventKind.RETURNED: N_(":leftwards_arrow_with_hook: You returned it. It is being deleted."),
    EventKind.ADOPTED: N_(
        ":inbox_tray: Taken over from the system before, as it is. You log in as ever; it is yours until {day}."
    ),
    EventKind.ENDED: N_(":white_check_mark: Deleted: nothing of it is left."),
}


OVERDUE = N_(
    ":inbox_tray: Taken over from the system before, as it is. You log in as ever. Its last day there was {was}; so that you have time it is yours until {day}."
)
POWERED_OFF = N_(":black_square_for_stop: Powered off.")
LOST_POWER = N_(":zap: {node} was off, and the server with it. KWS is starting it again.")
RESUMED = N_(":arrow_forward: {node} is back, and KWS started the server again. It accepts logins.")
ANSWERS_AGAIN = N_(":arrow_forward: {node} is back, and the server accepts logins again.")
NOT_RESUMED = N_(
    ":x: {node} is back, but the server did not start again. Try to start it, or contact an admin."
)
STILL_OFF = N_(":x: It did not start. Try again, or contact an admin.")
STILL_ON = N_(":x: It did not stop. Try again, or shut it down from inside.")
UNBUILT = N_(":calendar: It was still being built when its last day was over, so it is yours until {day}.")
RENEWED = N_(":key: The new key opens the server now; earlier keys of KWS no longer do.")
NOT_TAKEN = N_(
    ":x: The server was rebooted but doesn't accept the new key: its image doesn't run KWS's script when it boots. "
    "What opened it before still does; delete the new key file."
)
REFUSED = {  # what is said instead when the node said no
    EventKind.KEY_RENEWED: N_(
        ":key: {node} {why}, so the server was not rebooted. Once you reboot it, the new key opens it and earlier keys of KWS no longer do."
    ),
    EventKind.KEY_DROPPED: N_(
        ":x: {node} {why}, so the server does not get the new key. What opened it before still does; delete the new key file."
    ),
}


BY_OTHERS = {  # what is said instead when an admin did it: without a reason, and with one
    EventKind.RETURNED: (
        N_(":leftwards_arrow_with_hook: {actor} ended it. It is being deleted."),
        N_(":leftwards_arrow_with_hook: {actor} ended it ({note}). It is being deleted."),
    ),
    EventKind.EXTENDED: (
        N_(":calendar: {actor} extended it until {day}."),
        N_(":calendar: {actor} extended it until {day}: {note}"),
    ),
    EventKind.RESTORED: (
        N_(":seedling: {actor} restored it until {day}."),
        N_(":seedling: {actor} restored it until {day}: {note}"),
    ),
    EventKind.TRANSFERRED: (
        N_(":handshake: Handed over by {actor}. It is yours now."),
        N_(":handshake: Handed over by {actor} ({note}). It is yours now."),
    ),
}


def line(event: Event, rental: Rental, texts: Texts) -> str | None:
    """An event as a line of the card's history; None for what the card says otherwise."""
    match event.details:
        case Failed(reason=reason):
            return ":x: " + texts(FAILURES.get(reason, FAILURES["no_node"]))
        case NodeDrained() as drained:
            return history.drained(drained, texts)
    if event.kind not in LINES:
        return None
    words = _words(event.details, texts)
    line = texts(_sentence(event, rental), actor=history.person(event.actor), **words)
    return line + history.by_another(event, rental, texts)


def _sentence(event: Event, rental: Rental) -> str:
    match event.details:
        case KeyRenewed(works=True):
            return RENEWED
        case KeyDropped(refusal=events.NOT_TAKEN):
            return NOT_TAKEN
        case KeyRenewed(refusal=str()) | KeyDropped(refusal=str()):
            return REFUSED[event.kind]
        case Adopted(was=date()):
            return OVERDUE
        case PoweredOff() | PoweredOn():
            return _of_power(event.details)
        case Extended(via="night"):
            return UNBUILT
    if event.actor != rental.owner:
        if event.kind is EventKind.KEY_WANTED:
            return N_(
                ":key: {actor} asked for a new key. It comes into this thread; then the server reboots once."
            )
        if event.kind in BY_OTHERS:
            return BY_OTHERS[event.kind][event.note is not None]
    return LINES[event.kind]


def _of_power(turned: PoweredOff | PoweredOn) -> str:
    if isinstance(turned, PoweredOn):
        if turned.outage:
            return RESUMED if turned.started else ANSWERS_AGAIN
        return STILL_ON if turned.still else LINES[EventKind.POWERED_ON]
    if turned.outage:
        return NOT_RESUMED if turned.still else LOST_POWER
    if turned.still:
        return STILL_OFF
    return POWERED_OFF if turned.asked else LINES[EventKind.POWERED_OFF]


def _words(details: EventDetails, texts: Texts) -> dict[str, object]:
    """What a sentence may name, as people read it."""
    words: dict[str, object] = dict(vars(details))
    match details:
        case Moved() | WaitingForNode() | KeyRenewed() | KeyDropped():
            words["why"] = texts(REFUSALS.get(details.refusal or "", REFUSALS["failed"]))
        case KeySent(fingerprint=fingerprint):
            words["print"] = code(fingerprint or "")
        case Extended(until=until) | Restored(until=until):
            words["day"] = _day(until, texts)
        case Adopted(until=until, was=was):
            words |= {"day": _day(until, texts), "was": _day(was, texts)}
    return words


def _day(day: date | None, texts: Texts) -> str:
    return texts.date(day) if day else "?"
