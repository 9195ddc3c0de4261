"""A rental as people see it: the progress message in the DM, and the entry in a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.text import prose
from bot.text.i18n import N_, Mrkdwn, Texts, code, slack_time
from bot.text.units import clip, size_line, spoken
from bot.views import event_lines, ids, moves
from bot.views.asks import lines as ask_lines
from bot.views.news import outages
from bot.views.waiting import queue_words
from kws_core.config import WebSection
from kws_core.copies.lifecycle import DELETED
from kws_core.scheduling.fair_queue import QueuePosition
from kws_core.scheduling.waiting_list import Place
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import CopyDeleted, CopyWarned, PoweredOff, PoweredOn, Queued, Transferred
from kws_core.tables.details.outage_events import NodeBack, NodeSilent
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import UNPLACED, Access, Power, Reason, Status
from kws_core.values import Kind

ICONS = {
    Status.ASKED: ":raised_hand:",
    Status.WAITING: queue_words.WAITING[0],
    Status.REQUESTED: ":hourglass_flowing_sand:",
    Status.BUILDING: ":hourglass_flowing_sand:",
    Status.READY: ":large_green_circle:",
    Status.STOPPED: ":large_yellow_circle:",
    Status.ENDING: ":wastebasket:",
    Status.ENDED: ":white_circle:",
}
STATES = {
    Status.ASKED: N_("Waiting for an admin"),
    Status.WAITING: queue_words.WAITING[1],
    Status.REQUESTED: N_("Queued"),
    Status.BUILDING: N_("Creating"),
    Status.READY: N_("Running"),
    Status.STOPPED: N_("Expired"),
    Status.ENDING: N_("Deleting"),
    Status.ENDED: N_("Ended"),
}
MOVING = (":truck:", N_("Moving"))
POWER = {  # of one that is ready: an icon, and what is said instead of that
    Power.STOPPING: (":hourglass_flowing_sand:", N_("Stopping")),
    Power.OFF: (":black_square_for_stop:", N_("Stopped")),
    Power.STARTING: (":hourglass_flowing_sand:", N_("Starting")),
    Power.RESETTING: (":hourglass_flowing_sand:", N_("Resetting")),
    Power.RESIZING: (":hourglass_flowing_sand:", N_("Changing size")),
}
LEFT_ALONE = (Power.RESETTING, Power.RESIZING)  # by everybody but KWS


START = (N_("Start server"), N_("Start container"))  # of a server, of a container
STOP = (N_("Stop server"), N_("Stop container"))
REBOOT = (N_("Reboot server"), N_("Reboot container"))
RESET = (N_("Reset server…"), N_("Reset container…"))
RETURN = (N_("Return server"), N_("Return container"))
LOG = (N_("View console log"), N_("View logs"))
SAVED = N_("I saved the key")
RETURN_NOW = N_("It will be deleted now, along with all its data. You can't undo this.")
RETURN_PLANNED = N_(
    "It will be deleted now, along with all its data, and the copy you planned won't be made. You can't undo this."
)
TURNED = (EventKind.SWITCHED_OFF, EventKind.SWITCHED_ON, EventKind.POWERED_OFF, EventKind.POWERED_ON)
COPY_NEWS = frozenset({EventKind.COPY_KEPT, EventKind.COPY_FAILED, EventKind.COPY_WARNED})
NEWS_WHILE_LIVE = frozenset(
    {
        EventKind.WAIT_LATE,
        EventKind.WAIT_OVER,
        EventKind.MOVE_FAILED,
        EventKind.NODE_DRAINED,
        EventKind.RESIZE_DONE,
        EventKind.RESIZE_FAILED,
        EventKind.WEB_TAKEN_OFF,
        EventKind.WEB_PUT_BACK,
    }
)
NEWS_WHILE = {
    EventKind.READY: Status.READY,
    EventKind.KEY_RENEWED: Status.READY,
    EventKind.KEY_DROPPED: Status.READY,
    EventKind.WAITING: Status.WAITING,  # of a node that is away while it is built only the card says so
}
ON_A_MESSAGE = frozenset({"warning", "restore", "ask"})  # where the clicked message itself says what happened
REKEY = N_(
    "The server reboots once. Its disk is kept. Then you log in with the new key, and earlier KWS keys stop working. "
    "Your passwords and other keys still work."
)
OFF_REKEY = N_(
    "The server starts. Its disk is kept. Then you log in with the new key, and earlier KWS keys stop working. Your "
    "passwords and other keys still work."
)


@dataclass(frozen=True, slots=True)
class Message:
    """What chat.postMessage and chat.update take: ``text`` is the notification and the fallback."""

    text: str
    blocks: Sequence[Block]


def card(
    rental: Rental,
    events: Sequence[Event],
    ends_at: datetime,
    texts: Texts,
    web: WebSection | None = None,
    place: Place | None = None,
) -> Message:
    """The one message that is edited as the rental moves; ``web`` of nodes.toml gives it a web address.

    ``place`` is where it stands now, if it waits for room.
    """
    turn = _turn(rental, events) or place
    blocks: list[Block] = [
        SectionBlock(block_id=ids.CARD + rental.id, text=_md(headline(rental, texts, turn), 3000)),
        ContextBlock(elements=[_md(_facts(rental, ends_at, texts), 2000)]),
    ]
    lines = [line for line in (event_lines.line(e, rental, texts) for e in _current(rental, events)) if line]
    if lines:
        blocks.append(ContextBlock(elements=[_md("\n".join(lines[-15:]), 2000)]))
    if rental.status is Status.WAITING and (said := queue_words.outlook(rental, place, texts)):
        later = texts(queue_words.LATER, command="/kws list") if place else ""
        blocks.append(SectionBlock(text=_md(f"{said} {later}".strip(), 3000)))
    if rental.status is Status.READY:
        text = _kept(rental, texts) if _is_off(rental) else prose.ready(rental, ends_at, texts, web)
        blocks.append(SectionBlock(text=_md(text, 3000)))
    elements = [_button(ids.Action.KEY_SAVED, SAVED, rental, texts)] if _has_key_file(events) else []
    elements += buttons(rental, texts, web) if rental.live else []
    if elements:
        blocks.append(ActionsBlock(elements=elements))
    return Message(_fallback(rental, texts), blocks)


def notification(rental: Rental, event: Event, texts: Texts, web: WebSection | None = None) -> Message:
    """The short message that notifies the person: an edited message rings no notification."""
    if event.kind is EventKind.READY:
        text = texts(
            N_(":large_green_circle: {name} is running: {command}"),
            name=rental.name,
            command=code(prose.entrance(rental)),
        )
        if link := prose.served_link(rental, web):
            text = Mrkdwn(f"{text}\n:globe_with_meridians: {link}")
    elif isinstance(event.details, NodeSilent | NodeBack):
        text = outages.notice(event.details, texts)
    else:
        text = Mrkdwn(f"*{texts('{name}', name=rental.name)}* {event_lines.line(event, rental, texts)}")
    blocks: list[Block] = [SectionBlock(block_id=f"{ids.NOTICE}{event.id}", text=_md(text, 3000))]
    if isinstance(event.details, CopyWarned):
        blocks.append(ActionsBlock(elements=_copy_buttons(event.details.copy, rental, texts)))
    if event.kind is EventKind.NODE_DRAINED and rental.movable:
        blocks.append(ActionsBlock(elements=moves.maintenance_buttons(rental, texts)))
    return Message(text, [*blocks, *ask_lines.buttons(event, rental, texts)])


def _copy_buttons(copy_id: str, rental: Rental, texts: Texts) -> list[ButtonElement]:
    """For a copy that is deleted soon; deleting it at once is in the list."""
    buttons = ((ids.Action.BRING_BACK, N_("Bring it back…")), (ids.Action.COPY_PROLONG, N_("Keep longer")))
    return [
        ButtonElement(
            action_id=action,
            value=copy_id,
            text=PlainTextObject(text=texts.plain(label)),
            accessibility_label=spoken(texts.plain(label), rental.name),
        )
        for action, label in buttons
    ]


def handed_over(rental: Rental, transferred: Transferred, texts: Texts) -> Message:
    """What the card of the person who had the rental says from now on."""
    text = _handed_over(rental, transferred, texts)
    return Message(text, [SectionBlock(block_id=ids.CARD + rental.id, text=_md(text, 3000))])


def transfer_notification(rental: Rental, event: Event, transferred: Transferred, texts: Texts) -> Message:
    """The same, as the message that notifies them."""
    text = _handed_over(rental, transferred, texts)
    return Message(text, [SectionBlock(block_id=f"{ids.NOTICE}{event.id}", text=_md(text, 3000))])


def _handed_over(rental: Rental, transferred: Transferred, texts: Texts) -> Mrkdwn:
    sentence = N_(":handshake: {name} was transferred to {person}.")
    if transferred.note is not None:
        sentence = N_(":handshake: {name} was transferred to {person}. Reason: {note}")
    person = Mrkdwn(f"<@{transferred.to}>")
    return texts(sentence, name=rental.name, person=person, note=transferred.note)


def list_entry(
    rental: Rental,
    ends_at: datetime,
    texts: Texts,
    turn: QueuePosition | Place | None = None,
    web: WebSection | None = None,
) -> list[Block]:
    """A rental in ``/kws list``; ``turn`` when it waits for room, or to be built."""
    text = f"{headline(rental, texts, turn)}\n{_facts(rental, ends_at, texts)}"
    if rental.status is Status.WAITING:
        said = queue_words.outlook(rental, turn if isinstance(turn, Place) else None, texts)
        text += f"\n{said}" if said else ""
    if rental.status is Status.READY and not _is_off(rental):
        text += f"\n{code(prose.entrance(rental))}"
        link = prose.served_link(rental, web)
        text += f"\n{link}" if link else ""
    blocks: list[Block] = [SectionBlock(text=_md(text, 3000))]
    if rental.live:
        blocks.append(ActionsBlock(elements=buttons(rental, texts, web)))
    return blocks


def buttons(rental: Rental, texts: Texts, web: WebSection | None = None) -> list[ButtonElement]:
    """What can be done with it now; what can hurt asks first."""
    elements: list[ButtonElement] = []
    if rental.replaces is not None:  # until it has taken the other one's place, people act on that one
        return [_button(ids.Action.HISTORY, N_("View history"), rental, texts)]
    settled = not rental.moving and rental.power not in LEFT_ALONE
    if rental.status is Status.READY and settled:
        elements.append(_button(ids.Action.CONSOLE, _of(rental, LOG), rental, texts))
        if rental.kind is Kind.SERVER and rental.rekey is None and rental.access is not Access.NONE:
            warning = OFF_REKEY if rental.power is Power.OFF else REKEY
            elements.append(_button(ids.Action.NEW_KEY, N_("Reset SSH key"), rental, texts, warning))
        if rental.power is Power.OFF:
            elements.append(_button(ids.Action.START, _of(rental, START), rental, texts))
        else:
            elements += [
                _button(
                    ids.Action.REBOOT,
                    _of(rental, REBOOT),
                    rental,
                    texts,
                    N_("Running processes will be interrupted."),
                ),
                stop_button(rental, texts),
            ]
        if rental.kind is Kind.SERVER:
            elements.append(_button(ids.Action.SIZE, N_("Change size…"), rental, texts))
        elements.append(_button(ids.Action.RESET, _of(rental, RESET), rental, texts))
    if rental.status in (Status.READY, Status.STOPPED):
        if rental.kind is Kind.SERVER and (settled or rental.status is Status.STOPPED):
            elements.append(_button(ids.Action.COPY_ASK, N_("Keep a copy…"), rental, texts))
        elements.append(_button(ids.Action.EXTEND, N_("Extend…"), rental, texts))
    if web and rental.status in (Status.BUILDING, Status.READY):
        elements.append(_button(ids.Action.WEB, N_("Web address…"), rental, texts))
    elements.append(_button(ids.Action.HISTORY, N_("View history"), rental, texts))
    return [*elements, return_button(rental, texts)]


def _button(
    action: ids.Action, label: str, rental: Rental, texts: Texts, warning: str | None = None
) -> ButtonElement:
    text = PlainTextObject(text=texts.plain(label))
    confirm = None
    if warning:
        confirm = ConfirmObject(
            title=PlainTextObject(text=clip(f"{texts.plain(label)}: {rental.name}", 100)),
            text=PlainTextObject(text=texts.plain(warning)),
            confirm=text,
            deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
        )
    return ButtonElement(
        action_id=action,
        value=rental.id,
        text=text,
        confirm=confirm,
        accessibility_label=spoken(text.text, rental.name),
    )


def stop_button(rental: Rental, texts: Texts) -> ButtonElement:
    """Stop, with a confirm dialog."""
    warning = N_("Running processes will end. The disk is kept.")
    return _button(ids.Action.STOP, _of(rental, STOP), rental, texts, warning)


def return_button(rental: Rental, texts: Texts, *, confirmed: bool = False) -> ButtonElement:
    """Return, with a confirm dialog unless the message itself is the question."""
    name, question, warning = _of(rental, RETURN), N_("Return {name}?"), RETURN_NOW
    if rental.copy_at_end:
        warning = RETURN_PLANNED
    if rental.status in UNPLACED:
        name, question, warning = queue_words.leave_button(rental)
    label = texts.plain(name)
    confirm = ConfirmObject(
        title=PlainTextObject(text=clip(texts.plain(question, name=rental.name), 100)),
        text=PlainTextObject(text=texts.plain(warning)),
        confirm=PlainTextObject(text=label),
        deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
        style="danger",
    )
    return ButtonElement(
        action_id=ids.Action.RETURN,
        value=rental.id,
        style="danger",
        text=PlainTextObject(text=label),
        confirm=None if confirmed else confirm,
        accessibility_label=spoken(label, rental.name),
    )


def _of(rental: Rental, labels: tuple[str, str]) -> str:
    return labels[rental.kind is Kind.CONTAINER]


def headline(rental: Rental, texts: Texts, turn: QueuePosition | Place | None = None) -> Mrkdwn:
    """Icon, name and state, with its place in the line while it waits for room, or to be built."""
    place = turn if isinstance(turn, Place) else None
    icon, word = state_of(rental, place)
    state = texts(word)
    if rental.status is Status.WAITING:
        state = queue_words.headline(rental, place, texts)
    elif turn is not None:
        state = texts(N_("Queued ({position} of {of})"), position=turn.position, of=turn.of)
    return Mrkdwn(f"{icon} *{texts('{name}', name=rental.name)}* · {state}")


def state_of(rental: Rental, place: Place | None = None) -> tuple[str, str]:
    """Its icon, and the message that names its state; ``place`` is that of one that waits for room."""
    if rental.moving:
        return MOVING
    if rental.status is Status.WAITING:
        return queue_words.state(rental, place)
    usual = ICONS[rental.status], STATES[rental.status]
    return POWER.get(rental.power, usual) if rental.status is Status.READY else usual


def _is_off(rental: Rental) -> bool:
    """Whether nobody gets in now, although it is in use."""
    return rental.moving or rental.power in (Power.OFF, Power.STARTING, *LEFT_ALONE)


def _kept(rental: Rental, texts: Texts) -> Mrkdwn:
    if rental.moving:
        return texts(N_("It's stopped while it moves. The card of the new server shows how to log in."))
    if rental.power is Power.RESETTING:
        return texts(N_("Resetting. This card will show how to log in."))
    if rental.power is Power.RESIZING:
        return texts(N_("Changing size. The server restarts, and you log in as before."))
    if rental.power is Power.STARTING:
        return texts(N_("Starting. This card will show how to log in."))
    return texts(
        N_("Stopped. The disk, address, and last day are kept. To use it, select {button}."),
        button=Mrkdwn(f"*{texts(_of(rental, START))}*"),
    )


def _current(rental: Rental, events: Sequence[Event]) -> list[Event]:
    """The history without what is not true any longer: places in the line, how long a boot has taken, starts and stops."""
    last = _queued(rental, events)
    power = [event for event in events if event.kind in TURNED][-1:]
    slow = [event for event in events if event.kind is EventKind.SLOW_BOOT][-1:]
    kept = [*power, *(slow if rental.status is Status.BUILDING else [])]
    passing = (EventKind.QUEUED, EventKind.SLOW_BOOT, *TURNED, *outages.KINDS)
    kept += [event for event in outages.current(events) if event.kind in outages.KINDS]
    others = (event for event in events if event.kind in TURNED and event.actor not in (SYSTEM, rental.owner))
    kept += others  # says who it was
    return [event for event in events if event.kind not in passing or event is last or event in kept]


def _has_key_file(events: Sequence[Event]) -> bool:
    """Whether the file of a private key is still in the card's thread."""
    about = (EventKind.KEY_SENT, EventKind.KEY_FILE_REMOVED, EventKind.TRANSFERRED)
    last = [event.kind for event in events if event.kind in about][-1:]
    return last == [EventKind.KEY_SENT]


def _turn(rental: Rental, events: Sequence[Event]) -> QueuePosition | None:
    told = _queued(rental, events)
    if told is None or not isinstance(told.details, Queued):
        return None
    return QueuePosition(told.details.position, told.details.of)


def _queued(rental: Rental, events: Sequence[Event]) -> Event | None:
    """What was told last of the line that it is in; None when it is in none."""
    if not rental.awaits_slot or rental.placement is None:
        return None
    node = rental.placement.node
    told = [e for e in events if isinstance(e.details, Queued) and e.details.node == node]
    return told[-1] if told else None


def _facts(rental: Rental, ends_at: datetime, texts: Texts) -> Mrkdwn:
    node = rental.placement.node if rental.placement else None
    until = texts(N_("until {moment}"), moment=slack_time(prose.last_minute(ends_at), texts))
    parts = [texts("{image}", image=rental.image), Mrkdwn(size_line(rental.wanted_size, texts)), until]
    if rental.starts_on is not None and rental.status is Status.WAITING:
        parts.insert(2, texts(N_("from {day}"), day=texts.date(rental.starts_on)))
    if node:
        parts.append(texts("{node}", node=node))
    return Mrkdwn(" · ".join(parts))


def should_notify(rental: Rental, event: Event) -> bool:
    """Whether an event gets a message of its own: what people wait for, as long as it is still true."""
    if rental.replaces is not None:  # of a move that fails, the other one tells
        return event.kind is EventKind.READY
    if event.kind in NEWS_WHILE:
        return rental.status is NEWS_WHILE[event.kind]
    if isinstance(event.details, PoweredOff | PoweredOn):
        return rental.status is Status.READY and _is_news(rental, event.details)
    if event.kind in COPY_NEWS or ask_lines.rings(rental, event) or outages.rings(rental, event):
        return True
    if event.kind in (EventKind.RESET_DONE, EventKind.RESET_FAILED):
        return rental.status is Status.READY and rental.reset_at is None
    if event.kind is EventKind.RESET_WANTED:
        return event.actor != rental.owner
    if event.kind is EventKind.WEB_SERVED:  # otherwise the ready message has the link
        return rental.status is Status.READY and rental.ready_at is not None and event.at > rental.ready_at
    if isinstance(event.details, CopyDeleted):
        return event.details.why != DELETED or event.actor != rental.owner
    if event.kind is EventKind.ENDED:
        return bool(rental.placements) and rental.reason in (Reason.RETURNED, Reason.ADMIN)
    if event.kind in NEWS_WHILE_LIVE:
        return rental.live and (event.kind is not EventKind.WAIT_LATE or rental.status is Status.WAITING)
    if event.kind is EventKind.RETURNED:
        return event.actor != rental.owner
    if event.kind in (EventKind.EXTENDED, EventKind.RESTORED):
        return rental.live and event.via not in ON_A_MESSAGE
    ends = (EventKind.FAILED, EventKind.VANISHED, EventKind.EXPIRED, EventKind.WAIT_LAPSED)
    return event.kind in (*ends, EventKind.TRANSFERRED, EventKind.ADOPTED)


def _is_news(rental: Rental, turned: PoweredOff | PoweredOn) -> bool:
    """What was asked for is seen on the card; a notification is for what nobody expects, as long as it is so."""
    if isinstance(turned, PoweredOff):
        expected = turned.asked or (turned.outage and not turned.still)
        return rental.power is Power.OFF and not expected
    return bool(turned.still or turned.outage) and rental.power is Power.ON


def _fallback(rental: Rental, texts: Texts) -> str:
    return texts("{name}: {state}", name=rental.name, state=texts(state_of(rental)[1]))


def _md(text: str, most: int) -> MarkdownTextObject:
    return MarkdownTextObject(text=clip(text, most))
