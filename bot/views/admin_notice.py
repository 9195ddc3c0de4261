"""What admins are told, as messages; rentals that need a decision come with buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
    UserSelectElement,
)

from bot.text.i18n import N_, P_, Mrkdwn, Plural, Texts, code, slack_time
from bot.text.units import clip, spoken
from bot.views import event_lines, ids
from bot.views.asks import requests
from bot.views.rental_card import Message
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import (
    AskAlert,
    CopyFailedAlert,
    DepartedAlert,
    LeaksAlert,
    NightAlert,
    NightRental,
    NodeDownAlert,
    NodeEmptyingAlert,
    NodeMissedAlert,
    NodeResumedAlert,
    NodeUpAlert,
    ResizeBrokeAlert,
    UnreachableAlert,
    WebDownAlert,
    WebUpAlert,
)
from kws_core.tables.rental import Rental

MOST_NAMES = 40
KINDS = {  # of what a node still shows
    "server": N_("server"),
    "container": N_("container"),
    "port": N_("network port"),
    "floating_ip": N_("floating IP"),
    "security_group": N_("security group"),
    "network": N_("network"),
    "router": N_("router"),
    "volume": N_("volume"),
    "keypair": N_("key pair"),
}
UNREACHABLE = {  # Slack's codes
    "user_disabled": N_("account deactivated"),
    "cannot_dm_bot": N_("bot account"),
    "user_not_found": N_("user not found"),
    "users_not_found": N_("user not found"),
    "user_not_visible": N_("not visible to KWS"),
}
MOST_RENTALS = 20  # two blocks each; Slack takes 50 in a message


def message(notice: AdminAlert, rentals: Sequence[Rental], texts: Texts) -> Message:
    """The notice; ``rentals`` are those that it is about and that still live."""
    text = _text(notice, texts)
    section = SectionBlock(
        block_id=f"{ids.ADMIN_NOTICE}{notice.id}", text=MarkdownTextObject(text=clip(text, 3000))
    )
    blocks: list[Block] = [section]
    if isinstance(notice.details, AskAlert):
        blocks += requests.buttons(notice.details, texts)
    if isinstance(notice.details, DepartedAlert | UnreachableAlert):
        for rental in rentals[:MOST_RENTALS]:
            blocks += _decision(rental, texts)
        if not rentals:
            blocks.append(_section(texts(N_("There's nothing left to decide."))))
    return Message(clip(text, 3000), blocks)


def _text(notice: AdminAlert, texts: Texts) -> str:
    match notice.details:
        case NightAlert() as night:
            return "\n".join(_night(night, texts))
        case DepartedAlert(person=person):
            return texts(
                N_(":wave: {person} left this workspace. Choose what to do with these rentals."),
                person=_person(person),
            )
        case UnreachableAlert() as mute:
            return _unreachable(mute, texts)
        case LeaksAlert() as leaks:
            marks = Mrkdwn(", ".join(code(mark) for mark in leaks.marks[:MOST_NAMES]))
            return texts(LEAKS[leaks.deleted], node=leaks.node, count=len(leaks.marks), marks=marks)
        case NodeDownAlert() as down:
            return _node_down(down, texts)
        case NodeUpAlert() as up:
            return _node_up(up, texts)
        case NodeMissedAlert() as missed:
            return _node_missed(missed, texts)
        case NodeResumedAlert() as resumed:
            return _node_resumed(resumed, texts)
        case NodeEmptyingAlert() as emptying:
            return _node_emptying(emptying, texts)
        case CopyFailedAlert() | ResizeBrokeAlert() as failed:
            return _failed(failed, texts)
        case WebDownAlert() | WebUpAlert() as web:
            return _web(web, texts)
        case AskAlert() as ask:
            return requests.text(ask, texts)


def _web(web: WebDownAlert | WebUpAlert, texts: Texts) -> str:
    if isinstance(web, WebDownAlert):
        return texts(WEB_DOWN[web.refused], since=_moment(web.since, texts))
    return texts(WEB_UP, since=_moment(web.since, texts), at=_moment(web.at, texts))


WEB_DOWN = {
    False: N_(
        ":globe_with_meridians: The proxy hasn't responded since {since}. Sites that it serves may be down, and changes wait. "
        "Check Caddy: kws doctor web"
    ),
    True: N_(
        ":globe_with_meridians: The proxy has rejected its configuration since {since}. It serves the sites that it had. "
        "See the log."
    ),
}
WEB_UP = N_(":globe_with_meridians: The proxy works again since {at}. It had failed since {since}.")
RESIZE_BROKE = N_(
    ":x: {name} ({person}) broke on {node} while its size was changing. See the log, and check the server on the node."
)
COPY_FAILED = {
    False: N_(
        ":floppy_disk: Couldn't make a copy of {name} ({person}) on {node} before deleting it: {why}. The server is kept "
        "for one more night."
    ),
    True: N_(
        ":floppy_disk: Couldn't make a copy of {name} ({person}) on {node}: {why}. KWS won't try again. The next nightly "
        "cleanup deletes the server."
    ),
}
LEAKS: dict[bool, str | Plural] = {
    True: P_(
        ":broom: Deleted {count} orphaned resource on {node}: {marks}",
        ":broom: Deleted {count} orphaned resources on {node}: {marks}",
        "count",
    ),
    False: N_(
        ":warning: {node} has too many orphaned resources ({count}), so KWS didn't delete any. "
        "Check that this is the right database. {marks}"
    ),
}


def _failed(alert: CopyFailedAlert | ResizeBrokeAlert, texts: Texts) -> str:
    """Something that a server was to get did not come."""
    if isinstance(alert, CopyFailedAlert):
        sentence, why = COPY_FAILED[alert.last], event_lines.copy_failure(alert.why, texts)
    else:
        sentence, why = RESIZE_BROKE, event_lines.move_failure(alert.why, texts)
    return texts(sentence, name=alert.name, person=_person(alert.owner), node=alert.node, why=why)


def _unreachable(alert: UnreachableAlert, texts: Texts) -> str:
    """A person gets no messages, and has a rental that ends soon."""
    return texts(
        N_(":mute: Can't DM {person} ({why}). {name} will expire without a reminder."),
        person=_person(alert.owner),
        why=texts(UNREACHABLE[alert.why]) if alert.why in UNREACHABLE else code(alert.why),
        name=alert.name,
    )


def _node_missed(alert: NodeMissedAlert, texts: Texts) -> str:
    """A node is not in nodes.toml although rentals are on it."""
    return texts(
        P_(
            ":ghost: {node} was removed from nodes.toml but still has {count} rental. KWS can't manage it. Add the node "
            "again and restart KWS. To empty it, start maintenance first.",
            ":ghost: {node} was removed from nodes.toml but still has {count} rentals. KWS can't manage them. Add the node "
            "again and restart KWS. To empty it, start maintenance first.",
            "count",
        ),
        node=alert.node,
        count=alert.rentals,
    )


def _node_up(alert: NodeUpAlert, texts: Texts) -> str:
    """A node answers again."""
    return texts(
        N_(":large_green_circle: {node} is responding again. It hadn't responded since {since}."),
        node=alert.node,
        since=_moment(alert.since, texts),
    )


def _node_resumed(alert: NodeResumedAlert, texts: Texts) -> str:
    """What became of the machines that had run on a node before its outage."""
    return texts(
        N_(
            ":arrow_forward: {node} is back. Servers running again: {answering}. Servers that didn't start: {failed}."
        ),
        node=alert.node,
        answering=alert.answering,
        failed=alert.failed,
    )


def _node_emptying(alert: NodeEmptyingAlert, texts: Texts) -> str:
    """How far a node in maintenance has been emptied."""
    every = len(alert.rentals)
    lines = [
        texts(
            N_(":construction: Emptying {node}: {moved} of {all} moved, {ended} ended."),
            node=alert.node,
            moved=alert.moved,
            all=every,
            ended=alert.ended,
        )
    ]
    if alert.failed:
        lines.append(texts(N_("Couldn't move: {names}."), names=", ".join(alert.failed)))
    if alert.moved + alert.ended == every:
        lines.append(texts(N_("All of them are off {node}."), node=alert.node))
    return "\n".join(lines)


def _node_down(alert: NodeDownAlert, texts: Texts) -> str:
    """A node does not answer, and what follows from it."""
    return texts(
        N_(
            ":red_circle: {node} has been unavailable since {since}: {why}. It won't get new rentals. See {hint}"
        ),
        node=alert.node,
        why=texts(event_lines.REFUSALS.get(alert.why, event_lines.REFUSALS["down"])),
        since=_moment(alert.since, texts),
        hint=code("/kws admin nodes"),
    )


def _moment(moment: datetime | None, texts: Texts) -> Mrkdwn:
    return slack_time(moment, texts) if moment else Mrkdwn("?")


def _night(night: NightAlert, texts: Texts) -> list[str]:
    day = texts.date(night.day) if night.day else "?"
    lines: list[str] = [texts(N_(":crescent_moon: Nightly cleanup: {day}"), day=day)]
    for entries, label in (
        (night.ended, N_("Ended ({count}): {names}")),
        (night.stopped, N_("Expired ({count}): {names}")),
    ):
        if entries:
            lines.append(texts(label, count=len(entries), names=_names(entries)))
    for entry in night.stuck[:MOST_NAMES]:
        shown = _why(entry, texts)
        text = N_("Still deleting {name} ({person}) on {node}: {why}")
        lines.append(
            texts(text, name=entry.name, person=_person(entry.owner), node=entry.node or "", why=shown)
        )
    if night.failed:
        lines.append(texts(N_("Failed: {names}. See the log."), names=", ".join(night.failed)))
    return lines


def _why(entry: NightRental, texts: Texts) -> str:
    if entry.why == "silent":
        return texts(N_("not responding"))
    left = (entry.why or "").split(", ")
    kinds = [texts(KINDS[kind]) if kind in KINDS else code(kind) for kind in left if kind]
    return Mrkdwn(", ".join(kinds)) if kinds else texts(N_("resources remain"))


def _names(entries: Sequence[NightRental]) -> Mrkdwn:
    shown = [f"{code(entry.name)} {_person(entry.owner)}" for entry in entries[:MOST_NAMES]]
    return Mrkdwn(", ".join([*shown, *(["…"] if len(entries) > MOST_NAMES else [])]))


def _decision(rental: Rental, texts: Texts) -> Iterable[Block]:
    text = texts(N_("*{name}* until {day}"), name=rental.name, day=texts.date(rental.ends_on))
    pick = UserSelectElement(
        action_id=ids.Action.TRANSFER, placeholder=PlainTextObject(text=texts.plain(N_("Transfer to…")))
    )
    label = texts.plain(N_("End rental"))
    end = ButtonElement(
        action_id=ids.Action.END,
        value=rental.id,
        style="danger",
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, rental.name),
        confirm=ConfirmObject(
            title=PlainTextObject(text=clip(texts.plain(N_("End {name}?"), name=rental.name), 100)),
            text=PlainTextObject(
                text=texts.plain(N_("It will be deleted now, along with all its data. You can't undo this."))
            ),
            confirm=PlainTextObject(text=label),
            deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
            style="danger",
        ),
    )
    return [_section(text), ActionsBlock(block_id=ids.HANDOVER + rental.id, elements=[pick, end])]


def _person(user_id: str) -> Mrkdwn:
    return Mrkdwn(f"<@{user_id}>")


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
