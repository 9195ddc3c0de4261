"""What happened to a rental, each event in a sentence: the lines of its card and of its messages."""

from __future__ import annotations

from datetime import date, datetime

from bot.text import prose
from bot.text.i18n import N_, Message, Mrkdwn, Texts, code, slack_time
from bot.text.units import MINUTES, duration, file_size, size_line
from bot.views import history, moves
from bot.views.asks import lines as ask_lines
from bot.views.news import outages
from bot.views.waiting import queue_words
from kws_core.copies import lifecycle
from kws_core.moves import in_place
from kws_core.tables.details import EventDetails, events
from kws_core.tables.details.events import (
    Adopted,
    CopyDeleted,
    CopyFailed,
    CopyKept,
    CopyPlanned,
    CopyProlonged,
    CopyWanted,
    CopyWarned,
    Ended,
    Extended,
    Failed,
    KeyDropped,
    KeyRenewed,
    KeySent,
    Moved,
    MoveFailed,
    MovePlanned,
    NodeDrained,
    PoweredOff,
    PoweredOn,
    Requested,
    ResetDone,
    ResetFailed,
    ResetWanted,
    ResizeDone,
    ResizeFailed,
    Restored,
    SlowBoot,
    WaitingForNode,
    WaitStarted,
)
from kws_core.tables.details.outage_events import NodeBack, NodeSilent
from kws_core.tables.details.web_events import WebChanged, WebServed
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience
from kws_core.values import Kind

REFUSALS = {
    "down": N_("not responding"),
    "auth": N_("login rejected"),
    "quota": N_("quota exceeded"),
    "no_host": N_("no capacity"),
    "no_address": N_("no free addresses"),
    "no_image": N_("image not found"),
    "missing": N_("incomplete setup"),
    "invalid": N_("request rejected"),
    "failed": N_("creation failed"),
    "off": N_("server is stopped"),
    "no_console": N_("no console log"),
}
FAILURES = {
    "no_node": N_("No node could create it, so the rental ended. Try again later, or contact an admin."),
    "no_answer": N_("It didn't respond, so KWS deleted it. Try another image."),
    "no_login": N_(
        "It started but didn't accept your login, so KWS deleted it. Try another image, or contact an admin."
    ),
    "no_key": N_("KWS couldn't deliver the key, so it didn't create anything."),
}
LINES: dict[EventKind, Message] = {
    EventKind.WAIT_STARTED: queue_words.QUEUED,
    EventKind.WAIT_LATE: queue_words.LATE,
    EventKind.WAIT_OVER: queue_words.OVER,
    EventKind.WAIT_LAPSED: queue_words.LAPSED,
    EventKind.PLACED: N_(":white_check_mark: Assigned to {node}."),
    EventKind.MOVED: N_(":arrow_right: {refused}: {why}. Moved to {node}."),
    EventKind.WAITING: N_(":hourglass: {node}: {why}. No other node has capacity, so KWS will try again."),
    EventKind.QUEUED: N_(":hourglass: {node} is busy. You're {position} of {of} in the queue."),
    EventKind.KEY_SENT: N_(":key: The private key is in this thread. Fingerprint: {print}"),
    EventKind.KEY_FILE_REMOVED: N_(":wastebasket: The private key file was removed from Slack."),
    EventKind.BUILDING: N_(":hammer_and_wrench: Creating on {node}."),
    EventKind.SLOW_BOOT: N_(
        ":hourglass: The server has been starting for {time}, and you can't log in yet. KWS keeps checking."
    ),
    EventKind.READY: N_(":white_check_mark: Running on {node}."),
    EventKind.REBOOTED: N_(":arrows_counterclockwise: Rebooted."),
    EventKind.SWITCHED_OFF: N_(":black_square_for_stop: Stop requested."),
    EventKind.SWITCHED_ON: N_(":arrow_forward: Start requested."),
    EventKind.POWERED_OFF: N_(
        ":black_square_for_stop: It was shut down outside KWS: from inside, or on {node}. You can start it again."
    ),
    EventKind.POWERED_ON: N_(":arrow_forward: Started. You can log in."),
    EventKind.KEY_WANTED: N_(":key: The new SSH key will arrive in this thread, then the server reboots."),
    EventKind.KEY_RENEWED: N_(":key: Rebooting. The new key replaces earlier KWS keys in 1–2 minutes."),
    EventKind.KEY_DROPPED: N_(":x: Couldn't deliver the new key. Your current login still works."),
    EventKind.RESET_WANTED: N_(":sparkles: Resetting it to its image. All its data will be lost."),
    EventKind.RESET_DONE: N_(
        ":sparkles: Reset, and running again: {entrance}. If SSH warns about a changed host key: {forget}"
    ),
    EventKind.RESET_FAILED: N_(":x: {node} couldn't reset it: {why}. Nothing was changed."),
    EventKind.VANISHED: N_(
        ":ghost: It's no longer on {node}: someone deleted it there. The rental has ended."
    ),
    EventKind.EXTENDED: N_(":calendar: Extended until {day}."),
    EventKind.EXPIRED: N_(":checkered_flag: The rental expired. Deleting it, along with all its data."),
    EventKind.STOPPED: N_(":large_yellow_circle: The rental expired. It's kept for the grace period."),
    EventKind.RESTORED: N_(":seedling: Restored until {day}."),
    EventKind.TRANSFERRED: N_(":handshake: You now own this rental."),
    EventKind.RETURNED: N_(":leftwards_arrow_with_hook: You returned it. Deleting it now."),
    EventKind.ADOPTED: N_(":inbox_tray: Imported from the previous system. Log in as before until {day}."),
    EventKind.COPY_WANTED: N_(":floppy_disk: Making a copy on {node}."),
    EventKind.COPY_PLANNED: N_(":floppy_disk: A copy will be made before the server is deleted."),
    EventKind.COPY_KEPT: N_(":floppy_disk: Copy kept until {day} ({size}). See your copies: /kws copies"),
    EventKind.COPY_FAILED: N_(":x: Couldn't make a copy: {why}."),
    EventKind.COPY_WARNED: N_(":alarm_clock: The copy will be deleted after {day}. Do you still need it?"),
    EventKind.COPY_PROLONGED: N_(":floppy_disk: The copy is kept until {day}."),
    EventKind.COPY_DELETED: N_(":wastebasket: The copy was deleted."),
    EventKind.MOVE_PLANNED: N_(":calendar: KWS will move it to another node at {moment}."),
    EventKind.MOVE_STARTED: N_(
        ":truck: Moving to {node} ({size}). It's stopped, copied, and created there. Then this server is deleted."
    ),
    EventKind.MOVE_FAILED: N_(":x: Couldn't move it: {why}. It stays where it is."),
    EventKind.MOVE_CANCELED: N_(":x: The move was canceled. Deleting this server; the other one stays."),
    EventKind.MOVE_DONE: N_(
        ":truck: Moved to {node}. The new address is {address}. Deleting the old server."
    ),
    EventKind.RESIZE_STARTED: N_(
        ":arrows_counterclockwise: Changing the size to {size} on {node}. The server restarts and keeps its address."
    ),
    EventKind.RESIZE_DONE: N_(":arrows_counterclockwise: The size is now {size} ({figures})."),
    EventKind.RESIZE_FAILED: N_(
        ":x: {node} couldn't change the size to {size}: {why}. The server stays as it was."
    ),
    EventKind.WEB_CHANGED: N_(":globe_with_meridians: Web address changed: port {port}, {audience}."),
    EventKind.WEB_SERVED: N_(":globe_with_meridians: The web address works: {link}"),
    EventKind.WEB_TAKEN_OFF: N_(":no_entry: {actor} took it off the web. Reason: {note}"),
    EventKind.WEB_PUT_BACK: N_(":globe_with_meridians: {actor} put it back on the web."),
    EventKind.ENDED: N_(":white_check_mark: Deleted. Nothing remains."),
}


OVERDUE = N_(
    ":inbox_tray: Imported from the previous system, where it ended on {was}. Log in as before until {day}."
)
POWERED_OFF = N_(":black_square_for_stop: Stopped.")
LOST_POWER = N_(":zap: {node} went down, and so did this rental. KWS is starting it again.")
RESUMED = N_(":arrow_forward: {node} is back, and KWS started the server again. You can log in.")
ANSWERS_AGAIN = N_(":arrow_forward: {node} is back. You can log in again.")
NOT_RESUMED = N_(":x: {node} is back, but the server didn't start. Start it yourself, or contact an admin.")
STILL_OFF = N_(":x: It didn't start. Try again, or contact an admin.")
STILL_ON = N_(":x: It didn't stop. Try again, or shut it down from inside.")
UNBUILT = N_(":calendar: KWS was still creating it on its last day, so you can use it until {day}.")
RENEWED = N_(":key: You can now log in with the new key. Earlier KWS keys no longer work.")
NOT_TAKEN = N_(
    ":x: The server rebooted but doesn't accept the new key: its image doesn't run KWS's boot script. Your current "
    "login still works. Delete the new key file."
)
RESET_KEY = N_(
    ":sparkles: Resetting it to its image. The new SSH key will arrive in this thread first. Then all its data will be "
    "lost."
)
CONTAINER_RESET = N_(":sparkles: Reset, and running again: {entrance}.")
RESET_LOST = N_(
    ":x: {node} couldn't finish the reset: {why}. Its data is lost, and nobody can log in. Reset it again, or contact an "
    "admin."
)
RESET_NO_KEY = N_(":x: Couldn't deliver the new key, so it wasn't reset. Nothing was changed.")
MOVE_UNPLANNED = N_(":calendar: KWS won't move it. Save your data before the maintenance begins.")
MOVE_UNDONE = N_(
    ":x: The move failed: {why}. No data is lost: the server is starting again at its old address."
)
RESIZE_OUTCOMES = {
    in_place.COPY: N_(
        ":truck: {node} couldn't change the size in place: {why}. KWS does it through a copy instead, so the address will "
        "change."
    ),
    in_place.AGAIN: N_(
        ":x: {node} couldn't change the size to {size}: {why}. No data is lost: the server is starting again with its old "
        "size."
    ),
    in_place.BROKEN: N_(
        ":x: The server broke on {node} while its size was changing, and nobody can log in. Contact an admin."
    ),
}
NO_SUCCESSOR = N_(":x: KWS couldn't create it, so the move was canceled. The other server stays.")
MOVED_HERE = N_(":truck: Replaces {name} on {moved_from}: the same files, login, and last day.")
AUDIENCES = {
    Audience.LAB: N_("open to the lab's network"),
    Audience.EVERYBODY: N_("open to everyone"),
    Audience.NOBODY: N_("closed"),
}
COPY_WHY = {  # beside REFUSALS
    lifecycle.NO_SERVER: N_("the server is no longer there"),
    lifecycle.SLOW: N_("it took too long"),
    lifecycle.VANISHED: N_("someone deleted it on the node"),
}
COPY_GONE = {
    lifecycle.EXPIRED: N_(":wastebasket: The copy's last day has passed, so it was deleted."),
    lifecycle.VANISHED: N_(":ghost: The copy is no longer on {node}: someone deleted it there."),
}
COPY_AT_END = N_(
    ":floppy_disk: The last day has passed. Making the copy on {node}. Then the server is deleted."
)
NO_COPY_AT_END = N_(":floppy_disk: No copy will be made before the server is deleted.")
COPY_AGAIN = N_(
    ":x: Couldn't make the copy: {why}. The server is kept for one more night, then KWS tries again."
)
COPY_NEVER = N_(
    ":x: Couldn't make the copy: {why}. KWS won't try again, and the next nightly cleanup deletes the server. Save your "
    "data now."
)
REFUSED = {  # what is said instead when the node said no
    EventKind.KEY_RENEWED: N_(
        ":key: {node} couldn't reboot the server: {why}. Reboot it to use the new key. Earlier KWS keys then stop working."
    ),
    EventKind.KEY_DROPPED: N_(
        ":x: {node} couldn't install the new key: {why}. Your current login still works. Delete the new key file."
    ),
}


BY_OTHERS = {  # what is said instead when an admin did it: without a reason, and with one
    EventKind.RETURNED: (
        N_(":leftwards_arrow_with_hook: {actor} ended this rental. Deleting it now."),
        N_(":leftwards_arrow_with_hook: {actor} ended this rental. Reason: {note}. Deleting it now."),
    ),
    EventKind.EXTENDED: (
        N_(":calendar: {actor} extended it until {day}."),
        N_(":calendar: {actor} extended it until {day}. Reason: {note}"),
    ),
    EventKind.RESTORED: (
        N_(":seedling: {actor} restored it until {day}."),
        N_(":seedling: {actor} restored it until {day}. Reason: {note}"),
    ),
    EventKind.TRANSFERRED: (
        N_(":handshake: {actor} transferred this rental to you."),
        N_(":handshake: {actor} transferred this rental to you. Reason: {note}"),
    ),
}


def line(event: Event, rental: Rental, texts: Texts) -> str | None:
    """An event as a line of the card's history; None for what the card says otherwise."""
    match event.details:
        case Failed() if rental.replaces is not None:
            return str(texts(NO_SUCCESSOR))
        case Requested(moved_from=str(node)):
            return str(texts(MOVED_HERE, name=rental.name, moved_from=node))
        case Failed(reason=reason):
            return ":x: " + texts(FAILURES.get(reason, FAILURES["no_node"]))
        case NodeDrained() as drained:
            return history.drained(drained, texts)
        case NodeSilent() | NodeBack() as outage:
            return outages.line(outage, texts)
        case Ended() if not rental.placements:
            return None
    if (asked := ask_lines.line(event, moves.WHY, texts)) is not None:
        return asked
    if event.kind not in LINES:
        return None
    words = _words(event.details, texts)
    if isinstance(event.details, ResetDone):
        words |= _way_in(rental)
    if isinstance(event.details, ResizeDone):
        words["figures"] = size_line(rental.wanted_size, texts)
    sentence = queue_words.sentence(event, rental) or _sentence(event, rental)
    line = texts(sentence, actor=history.person(event.actor), **words)
    return line + history.by_another(event, rental, texts)


def _sentence(event: Event, rental: Rental) -> Message:
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
        case ResetWanted() | ResetDone() | ResetFailed():
            return _of_reset(event.details, rental)
        case Extended(via="night"):
            return UNBUILT
        case MovePlanned() | MoveFailed() | ResizeFailed():
            return _of_move(event.details)
        case CopyWanted() | CopyPlanned() | CopyFailed() | CopyDeleted():
            return _of_copy(event.details)
    if event.actor != rental.owner:
        if event.kind is EventKind.KEY_WANTED:
            return N_(
                ":key: {actor} reset the SSH key. The new key will arrive in this thread, then the server reboots."
            )
        if event.kind in BY_OTHERS:
            return BY_OTHERS[event.kind][event.note is not None]
    return LINES[event.kind]


def _of_copy(details: EventDetails) -> Message:
    match details:
        case CopyWanted(at_end=True):
            return COPY_AT_END
        case CopyPlanned(wanted=False):
            return NO_COPY_AT_END
        case CopyFailed(last=True):
            return COPY_NEVER
        case CopyFailed(at_end=True):
            return COPY_AGAIN
        case CopyDeleted(why=why) if why in COPY_GONE:
            return COPY_GONE[why]
    return LINES[details.kind]


def _of_move(details: EventDetails) -> Message:
    match details:
        case MovePlanned(at=None):
            return MOVE_UNPLANNED
        case MoveFailed(started=True):
            return MOVE_UNDONE
        case ResizeFailed(outcome=outcome) if outcome in RESIZE_OUTCOMES:
            return RESIZE_OUTCOMES[outcome]
    return LINES[details.kind]


def _of_reset(details: EventDetails, rental: Rental) -> Message:
    match details:
        case ResetWanted(new_key=True):
            return RESET_KEY
        case ResetDone() if rental.kind is Kind.CONTAINER:
            return CONTAINER_RESET
        case ResetFailed(lost=True):
            return RESET_LOST
        case ResetFailed(why=str()):
            return RESET_NO_KEY
    return LINES[details.kind]


def _of_power(turned: PoweredOff | PoweredOn) -> Message:
    if isinstance(turned, PoweredOn):
        if turned.outage:
            return RESUMED if turned.started else ANSWERS_AGAIN
        return STILL_ON if turned.still else LINES[EventKind.POWERED_ON]
    if turned.outage:
        return NOT_RESUMED if turned.still else LOST_POWER
    if turned.still:
        return STILL_OFF
    return POWERED_OFF if turned.asked else LINES[EventKind.POWERED_OFF]


def copy_failure(why: str, texts: Texts) -> str:
    """Why there is no copy."""
    return texts((COPY_WHY | REFUSALS).get(why, REFUSALS["failed"]))


def move_failure(why: str, texts: Texts) -> str:
    """Why a server was not moved."""
    return texts((REFUSALS | COPY_WHY | moves.WHY).get(why, REFUSALS["failed"]))


def _words(details: EventDetails, texts: Texts) -> dict[str, object]:
    """What a sentence may name, as people read it."""
    words: dict[str, object] = dict(vars(details))
    match details:
        case Moved() | WaitingForNode() | KeyRenewed() | KeyDropped() | ResetFailed():
            words["why"] = texts(REFUSALS.get(details.refusal or "", REFUSALS["failed"]))
        case SlowBoot(minutes=minutes):
            words["time"] = duration(minutes, MINUTES, texts)
        case KeySent(fingerprint=fingerprint):
            words["print"] = code(fingerprint or "")
        case MoveFailed() | ResizeFailed():
            words["why"] = move_failure(details.why, texts)
        case MovePlanned(at=datetime() as at):
            words["moment"] = slack_time(at, texts)
        case CopyFailed():
            words["why"] = copy_failure(details.refusal, texts)
        case CopyKept(until=until, size_bytes=size):
            words |= {"day": _day(until, texts), "size": file_size(size, texts)}
        case CopyWarned(until=until) | CopyProlonged(until=until):
            words["day"] = _day(until, texts)
        case WebChanged(audience=audience):
            words["audience"] = texts(AUDIENCES[Audience(audience)])
        case WebServed(address=address):
            words["link"] = Mrkdwn(f"<{address}>")
        case Extended(until=until) | Restored(until=until) | WaitStarted(starts_on=until):
            words["day"] = _day(until, texts)
        case Adopted(until=until, was=was):
            words |= {"day": _day(until, texts), "was": _day(was, texts)}
    return words


def _way_in(rental: Rental) -> dict[str, object]:
    """What to type to get in, and to make SSH forget the host keys of the old disk."""
    address = (rental.placement and rental.placement.floating_ip) or ""
    return {"entrance": code(prose.entrance(rental)), "forget": code(f"ssh-keygen -R {address}")}


def _day(day: date | None, texts: Texts) -> str:
    return texts.date(day) if day else "?"
