"""Copies of servers as people see them: the question whether to keep one, and the list."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip, disk, file_size, spoken
from bot.views import ids
from kws_core.copies.service import CopyTerms
from kws_core.tables.copy import Copy
from kws_core.tables.states import CopyState

MOST_LISTED = 20  # two blocks each, of Slack's fifty in a message
STATES = {
    CopyState.WANTED: N_("Waiting for the node"),
    CopyState.MAKING: N_("Being made"),
    CopyState.KEPT: N_("Kept until {day}"),
    CopyState.DELETING: N_("Deleting"),
}


def question(terms: CopyTerms, texts: Texts) -> list[Block]:
    """What a copy costs, and the button that has it made."""
    text = texts(
        N_(
            "Keep a copy of {name}? KWS copies its disk as it is now and keeps the copy on {node} until {day}. It takes "
            "up to {disk} of the {free} available for copies. The server may pause for a few seconds. To be sure that "
            "no file is half written, stop the server first."
        ),
        name=terms.rental.name,
        node=terms.node,
        day=texts.date(terms.keep_until),
        disk=disk(terms.disk_gb, texts),
        free=disk(terms.free_gb, texts),
    )
    label = texts.plain(N_("Keep copy"))
    keep = ButtonElement(
        action_id=ids.Action.COPY,
        value=terms.rental.id,
        style="primary",
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, terms.rental.name),
    )
    cancel = ButtonElement(
        action_id=ids.Action.KEEP, value=terms.rental.id, text=PlainTextObject(text=texts.plain(N_("Cancel")))
    )
    return [_section(text), ActionsBlock(elements=[keep, cancel])]


def listing(copies: Sequence[Copy], texts: Texts, news: str | None = None) -> list[Block]:
    """Every copy with its buttons; ``news`` is said first."""
    title = texts(N_("Your copies ({count})"), count=len(copies))
    none = texts(N_("You don't have any copies. To keep one, select *Keep a copy…* on a server's card."))
    head = f"*{title}*" if copies else none
    blocks: list[Block] = [_section(f"{news}\n{head}" if news else head)]
    for copy in copies[:MOST_LISTED]:
        blocks += entry(copy, texts)
    return blocks


def entry(copy: Copy, texts: Texts) -> list[Block]:
    """One copy: what it is, and what can be done with it."""
    blocks: list[Block] = [_section(f"{headline(copy, texts)}\n{_facts(copy, texts)}")]
    elements = buttons(copy, texts)
    return [*blocks, ActionsBlock(elements=elements)] if elements else blocks


def headline(copy: Copy, texts: Texts) -> Mrkdwn:
    """Its name and state."""
    state = texts(STATES[copy.state], day=texts.date(copy.keep_until))
    return Mrkdwn(f":floppy_disk: *{texts('{name}', name=copy.name)}* · {state}")


def buttons(copy: Copy, texts: Texts) -> list[ButtonElement]:
    """What can be done with it now."""
    if copy.state is CopyState.DELETING:
        return []
    if copy.state is not CopyState.KEPT:
        return [_delete(copy, texts)]
    back = _button(ids.Action.BRING_BACK, N_("Bring it back…"), copy, texts)
    return [back, _button(ids.Action.COPY_PROLONG, N_("Keep longer"), copy, texts), _delete(copy, texts)]


def _facts(copy: Copy, texts: Texts) -> str:
    made = texts.date(copy.kept_at or copy.requested_at)
    parts = [texts("{image}", image=copy.rental.image), texts("{node}", node=copy.node), made]
    if copy.size_bytes:
        parts.append(file_size(copy.size_bytes, texts))
    return " · ".join(parts)


def _button(action: ids.Action, label: str, copy: Copy, texts: Texts) -> ButtonElement:
    text = texts.plain(label)
    return ButtonElement(
        action_id=action,
        value=copy.id,
        text=PlainTextObject(text=text),
        accessibility_label=spoken(text, copy.name),
    )


def _delete(copy: Copy, texts: Texts) -> ButtonElement:
    button = _button(ids.Action.COPY_DELETE, N_("Delete copy"), copy, texts)
    button.style = "danger"
    button.confirm = ConfirmObject(
        title=PlainTextObject(text=clip(texts.plain(N_("Delete the copy of {name}?"), name=copy.name), 100)),
        text=PlainTextObject(text=texts.plain(N_("You can't undo this."))),
        confirm=PlainTextObject(text=texts.plain(N_("Delete copy"))),
        deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
        style="danger",
    )
    return button


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
