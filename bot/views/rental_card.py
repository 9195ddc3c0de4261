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

from bot.i18n import N_, Mrkdwn, Texts, code, slack_time
from bot.views import ids, prose
from bot.views.text import clip, size_line
from kws_core.model import Event, EventKind, Rental, Status

ICONS = {
    Status.REQUESTED: ":hourglass_flowing_sand:",
    Status.BUILDING: ":hourglass_flowing_sand:",
    Status.READY: ":large_green_circle:",
    Status.STOPPED: ":large_yellow_circle:",
    Status.ENDING: ":wastebasket:",
    Status.ENDED: ":white_circle:",
}
STATES = {
    Status.REQUESTED: N_("waiting for its turn"),
    Status.BUILDING: N_("being built"),
    Status.READY: N_("ready"),
    Status.STOPPED: N_("stopped"),
    Status.ENDING: N_("being deleted"),
    Status.ENDED: N_("over"),
}
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
}
FAILURES = {
    "no_node": N_("No node could build it, so the rental is over. Please try again later, or tell an admin."),
    "no_answer": N_(
        "It was built but never answered, so it is deleted. Please try again, or choose another image."
    ),
    "no_key": N_("The key could not be delivered, so nothing was built."),
}


@dataclass(frozen=True, slots=True)
class Message:
    """What chat.postMessage and chat.update take: ``text`` is the notification and the fallback."""

    text: str
    blocks: Sequence[Block]


def card(rental: Rental, events: Sequence[Event], ends_at: datetime, texts: Texts) -> Message:
    """The one message that is edited as the rental moves."""
    blocks: list[Block] = [
        SectionBlock(block_id=ids.CARD + rental.id, text=_md(headline(rental, texts), 3000)),
        ContextBlock(elements=[_md(_facts(rental, ends_at, texts), 2000)]),
    ]
    lines = [line for line in (_line(event, rental, texts) for event in events) if line]
    if lines:
        blocks.append(ContextBlock(elements=[_md("\n".join(lines[-15:]), 2000)]))
    if rental.status is Status.READY:
        blocks.append(SectionBlock(text=_md(prose.ready(rental, ends_at, texts), 3000)))
    if rental.live:
        blocks.append(ActionsBlock(elements=[return_button(rental, texts)]))
    return Message(_fallback(rental, texts), blocks)


def bell(rental: Rental, event: Event, texts: Texts) -> Message:
    """The short message that notifies the person: an edited message rings no bell."""
    if event.kind is EventKind.READY:
        text = texts(
            N_(":large_green_circle: {name} is ready: {command}"),
            name=rental.name,
            command=code(ssh_command(rental)),
        )
    else:
        text = Mrkdwn(f"*{texts('{name}', name=rental.name)}* {_line(event, rental, texts)}")
    return Message(text, [SectionBlock(block_id=f"{ids.NOTICE}{event.id}", text=_md(text, 3000))])


def list_entry(rental: Rental, ends_at: datetime, texts: Texts) -> list[Block]:
    """A rental in ``/kws list``."""
    text = f"{headline(rental, texts)}\n{_facts(rental, ends_at, texts)}"
    if rental.status is Status.READY:
        text += f"\n{code(ssh_command(rental))}"
    blocks: list[Block] = [SectionBlock(text=_md(text, 3000))]
    if rental.live:
        blocks.append(ActionsBlock(elements=[return_button(rental, texts)]))
    return blocks


def return_button(rental: Rental, texts: Texts, *, confirmed: bool = False) -> ButtonElement:
    """Return, with a confirm dialog unless the message itself is the question."""
    confirm = ConfirmObject(
        title=PlainTextObject(text=clip(texts.plain(N_("Return {name}?"), name=rental.name), 100)),
        text=PlainTextObject(
            text=texts.plain(N_("The server and everything on it are deleted at once. There is no undo."))
        ),
        confirm=PlainTextObject(text=texts.plain(N_("Return it"))),
        deny=PlainTextObject(text=texts.plain(N_("Keep it"))),
        style="danger",
    )
    return ButtonElement(
        action_id=ids.Action.RETURN,
        value=rental.id,
        style="danger",
        text=PlainTextObject(text=texts.plain(N_("Return it"))),
        confirm=None if confirmed else confirm,
    )


def headline(rental: Rental, texts: Texts) -> Mrkdwn:
    """Icon, name and state."""
    return Mrkdwn(
        f"{ICONS[rental.status]} *{texts('{name}', name=rental.name)}* · {texts(STATES[rental.status])}"
    )


def ssh_command(rental: Rental) -> str:
    """What to type to get in."""
    address = rental.held.floating_ip if rental.held else None
    key = "" if rental.key_file is None else f"-i ~/.ssh/{prose.key_name(rental)} "
    return f"ssh {key}{rental.login}@{address}"


def _facts(rental: Rental, ends_at: datetime, texts: Texts) -> Mrkdwn:
    node = rental.held.node if rental.held else None
    until = texts(N_("until {moment}"), moment=slack_time(prose.last_minute(ends_at), texts))
    parts = [texts("{image}", image=rental.image), Mrkdwn(size_line(rental.wanted_size)), until]
    if node:
        parts.append(texts("{node}", node=node))
    return Mrkdwn(" · ".join(parts))


def _line(event: Event, rental: Rental, texts: Texts) -> str | None:
    """An event as a line of the card's history; None for what the card says otherwise."""
    data = event.data
    match event.kind:
        case EventKind.PLACED:
            return texts(N_(":white_check_mark: Placed on {node}."), node=data["node"])
        case EventKind.MOVED:
            why = texts(REFUSALS.get(data["refusal"], REFUSALS["failed"]))
            return texts(
                N_(":arrow_right: {refused} {why}; now on {node}."),
                refused=data["refused"],
                why=why,
                node=data["node"],
            )
        case EventKind.WAITING:
            why = texts(REFUSALS.get(data["refusal"], REFUSALS["failed"]))
            return texts(
                N_(":hourglass: {node} {why}; no other node has room, so it is tried again."),
                node=data["node"],
                why=why,
            )
        case EventKind.KEY_SENT:
            return texts(
                N_(":key: The private key is in this message's thread. Its fingerprint: {print}"),
                print=code(data["fingerprint"]),
            )
        case EventKind.BUILDING:
            return texts(N_(":hammer_and_wrench: Being built on {node}."), node=data["node"])
        case EventKind.READY:
            return texts(N_(":white_check_mark: Ready on {node}."), node=data["node"])
        case EventKind.RETURNED:
            return _returned(event, rental, texts)
        case EventKind.FAILED:
            return ":x: " + texts(FAILURES.get(data.get("reason", ""), FAILURES["no_node"]))
        case EventKind.VANISHED:
            return texts(
                N_(":ghost: It is not on {node} any more: somebody deleted it there. The rental is over."),
                node=data["node"],
            )
        case EventKind.ENDED:
            return texts(N_(":white_check_mark: Deleted: nothing of it is left."))
    return None


def _returned(event: Event, rental: Rental, texts: Texts) -> str:
    if event.actor == rental.owner:
        return texts(N_(":leftwards_arrow_with_hook: You returned it. It is being deleted."))
    return texts(
        N_(":leftwards_arrow_with_hook: {actor} ended it. It is being deleted."),
        actor=Mrkdwn(f"<@{event.actor}>"),
    )


def _fallback(rental: Rental, texts: Texts) -> str:
    return texts("{name}: {state}", name=rental.name, state=texts(STATES[rental.status]))


def _md(text: str, most: int) -> MarkdownTextObject:
    return MarkdownTextObject(text=clip(text, most))
