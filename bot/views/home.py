"""The App Home: a person's rentals as cards, what they use and what is free; for admins *Manage rentals* below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, P_, Texts
from bot.text.units import clip, used_line
from bot.views import copies as copy_views
from bot.views import ids, rental_card
from bot.views.waiting import calendar_lines
from kws_core.config import Policy
from kws_core.rentals.form_options import FormOptions
from kws_core.rentals.lab_calendar import DayPlan
from kws_core.scheduling.fair_queue import QueuePosition
from kws_core.scheduling.waiting_list import Place
from kws_core.tables.copy import Copy
from kws_core.values import Kind

MOST_CARDS = 20  # three blocks each, of Slack's hundred
MOST_CARDS_ABOVE_A_DESK = 10


def build(
    offer: FormOptions,
    policy: Policy,
    ends: Mapping[str, datetime],
    texts: Texts,
    desk: Sequence[Block] = (),
    copies: Sequence[Copy] = (),
    turns: Mapping[str, QueuePosition | Place] = MappingProxyType({}),
    plan: DayPlan | None = None,
) -> View:
    """The whole view; ``ends`` says of each rental's id when it has ended, ``turns`` where it waits; ``plan``: what fits when."""
    most = MOST_CARDS_ABOVE_A_DESK if desk else MOST_CARDS
    blocks: list[Block] = [
        heading(texts.plain(N_("My rentals"))),
        SectionBlock(text=MarkdownTextObject(text=clip(used_line(offer, policy, texts), 3000))),
        ActionsBlock(elements=_buttons(offer, texts)),
    ]
    for rental in offer.mine[:most]:
        blocks += [
            DividerBlock(),
            *rental_card.list_entry(rental, ends[rental.id], texts, turns.get(rental.id), offer.web),
        ]
    blocks += _below(offer, most, texts)
    if plan:
        lines = [texts(calendar_lines.HEAD), *calendar_lines.by_size(plan, texts)]
        blocks += [
            DividerBlock(),
            SectionBlock(text=MarkdownTextObject(text=clip("\n".join(lines), 3000))),
        ]
    if copies:
        blocks += [DividerBlock(), heading(texts.plain(N_("My copies")))]
        for copy in copies:
            blocks += copy_views.entry(copy, texts)
    return View(type="home", blocks=[*blocks, *desk])


def _below(offer: FormOptions, most: int, texts: Texts) -> list[Block]:
    """What is said below the cards."""
    if not offer.mine:
        return [small(texts(N_("You don't have any rentals. Rent one: {command}"), command="/kws rent"))]
    if len(offer.mine) <= most:
        return []
    more = P_(
        "{count} more rental isn't shown here. See all: /kws list",
        "{count} more rentals aren't shown here. See all: /kws list",
        "count",
    )
    return [small(texts(more, count=len(offer.mine) - most))]


def refusal(text: str) -> View:
    """For whom KWS is not."""
    return View(type="home", blocks=[SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))])


def heading(text: str) -> HeaderBlock:
    """A title."""
    return HeaderBlock(text=PlainTextObject(text=clip(text, 150)))


def small(text: str) -> ContextBlock:
    """A line in small print."""
    return ContextBlock(elements=[MarkdownTextObject(text=clip(text, 2000))])


def _buttons(offer: FormOptions, texts: Texts) -> list[ButtonElement]:
    buttons: list[tuple[ids.Action, str, str | None]] = [
        (ids.Action.OPEN_RENT, N_("Rent a server"), "primary")
    ]
    if any(Kind.CONTAINER in room.kinds for room in offer.rooms):
        buttons.append((ids.Action.OPEN_CONTAINER, N_("Rent a container"), None))
    buttons.append((ids.Action.SHOW_STATUS, N_("Check availability"), None))
    buttons.append((ids.Action.SHOW_HELP, N_("Help"), None))
    return [
        ButtonElement(action_id=action, text=PlainTextObject(text=texts.plain(label)), style=style)
        for action, label, style in buttons
    ]
