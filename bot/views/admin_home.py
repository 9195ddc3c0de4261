"""The admins' part of the App Home: all rentals with a search and pages, nodes, images, what happened last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    DividerBlock,
    InputBlock,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
    UserSelectElement,
)

from bot.text.i18n import N_, P_, Mrkdwn, Texts, code, slack_time
from bot.text.units import clip, room_line
from bot.views import history, ids, rental_card
from bot.views.asks import requests
from bot.views.home import heading, small
from bot.views.waiting import calendar_lines
from kws_core.nodes.values import Image
from kws_core.outbox.admin_queries import Entry, Found, Search
from kws_core.rentals.lab_calendar import DayPlan
from kws_core.scheduling.capacity import NodeStatus
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.alerts import AskAlert
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

ANY = "any"
WITHIN = (
    (0, N_("Ends today")),
    (3, N_("Ends within 3 days")),
    (7, N_("Ends within 7 days")),
    (30, N_("Ends within 30 days")),
)
FILTERS = "desk-filters-"  # block ids: these and how often the search was cleared, so that fields get empty
NAME = "desk-name-"
MOST_OPTIONS = 100
MOST_NODES = 40
MOST_IMAGES = 60
MOST_ASKS = 5  # two blocks each
LONGEST_NAME = 63
ACTS = {
    ids.RentalAct.EXTEND: N_("Extend rental"),
    ids.RentalAct.TRANSFER: N_("Transfer rental"),
    ids.RentalAct.RESTORE: N_("Restore rental"),
    ids.RentalAct.END: N_("End rental"),
}


@dataclass(frozen=True, slots=True)
class AdminHome:
    """All that the admins' part shows."""

    search: Search
    found: Found
    last_day: Callable[[date], date]
    nodes: Sequence[NodeStatus]
    missed: Mapping[str, int]  # nodes that nodes.toml has no more, and how many rentals they have
    images: Sequence[Image]
    entries: Sequence[Entry]
    plan: DayPlan
    asks: Sequence[AskAlert] = ()  # what people wait for an answer to


def build(desk: AdminHome, texts: Texts) -> list[Block]:
    """The blocks, to be put below the person's own part."""
    blocks: list[Block] = [
        DividerBlock(),
        heading(texts.plain(N_("Manage rentals"))),
        *_asks(desk.asks, texts),
        *_filters(desk, texts),
        _name(desk.search, texts),
        *rows(desk.found, desk.missed, desk.last_day, texts),
    ]
    if desk.found.pages > 1:
        blocks.append(_turn(desk.found, texts))
    for title, section in SECTIONS:
        blocks += [heading(texts.plain(title)), *section(desk, texts)]
    return blocks


def _asks(asks: Sequence[AskAlert], texts: Texts) -> list[Block]:
    """How many wait for an answer, and the oldest of them with what can be decided."""
    if not asks:
        return []
    count = P_("{count} request to decide", "{count} requests to decide", "count")
    blocks: list[Block] = [small(texts(count, count=len(asks)))]
    for ask in asks[:MOST_ASKS]:
        blocks += [_section(requests.text(ask, texts)), *requests.buttons(ask, texts)]
    return blocks


def rows(
    found: Found, missed: Collection[str], last_day: Callable[[date], date], texts: Texts
) -> list[Block]:
    """How many there are, and the page's rentals with what can be done with each."""
    if not found.count:
        return [small(texts(N_("No rentals match.")))]
    count = texts(
        P_("{count} rental · page {page} of {pages}", "{count} rentals · page {page} of {pages}", "count"),
        count=found.count,
        page=found.page + 1,
        pages=found.pages,
    )
    shown = (row(rental, missed, last_day(rental.ends_on), texts) for rental in found.rentals)
    return [small(count), *shown]


def row(rental: Rental, missed: Collection[str], last_day: date, texts: Texts) -> SectionBlock:
    """One rental; ``missed`` are the nodes that are not in nodes.toml any longer."""
    icon, state = rental_card.state_of(rental)
    parts: list[str] = [
        f"{icon} *{texts('{name}', name=rental.name)}*",
        f"<@{rental.owner}>",
        _place(rental, missed, texts),
        texts(state),
        texts(N_("until {moment}"), moment=texts.date(last_day)),
    ]
    section = _section(" · ".join(parts))
    options = [
        Option(value=ids.act_value(act, rental.id), text=PlainTextObject(text=texts.plain(ACTS[act])))
        for act in acts(rental)
    ]
    if options:
        section.accessory = OverflowMenuElement(action_id=ids.Action.DESK_ACT, options=options)
    return section


def _place(rental: Rental, missed: Collection[str], texts: Texts) -> str:
    placement = rental.placement or next(iter(rental.placements[::-1]), None)
    if placement is None:
        return "–"
    if placement.node in missed:
        return texts(N_(":ghost: {node} (not in nodes.toml)"), node=placement.node)
    return texts("{node}", node=placement.node)


def acts(rental: Rental) -> list[ids.RentalAct]:
    """What an admin can do with it now."""
    if not rental.live:
        return []
    restore = [ids.RentalAct.RESTORE] if rental.status is Status.STOPPED else []
    return [ids.RentalAct.EXTEND, *restore, ids.RentalAct.TRANSFER, ids.RentalAct.END]


def _filters(desk: AdminHome, texts: Texts) -> list[Block]:
    search = desk.search
    there = [*(status.room.node for status in desk.nodes), *desk.missed]
    gone = [search.node] if search.node and search.node not in there else []  # what is searched for is shown
    nodes = [(node, node) for node in [*gone, *there]]
    states = [(texts.plain(label), status.value) for status, label in rental_card.STATES.items()]
    within = [(texts.plain(label), str(days)) for days, label in WITHIN]
    elements: list[InteractiveElement] = [
        UserSelectElement(
            action_id=ids.Action.DESK_PERSON,
            placeholder=PlainTextObject(text=texts.plain(N_("Filter by owner"))),
            initial_user=search.person,
        ),
        _select(ids.Action.DESK_NODE, texts.plain(N_("All nodes")), nodes, search.node),
        _select(ids.Action.DESK_STATE, texts.plain(N_("All active")), states, search.state),
        _select(
            ids.Action.DESK_WITHIN,
            texts.plain(N_("All last days")),
            within,
            None if search.within is None else str(search.within),
        ),
        ButtonElement(
            action_id=ids.Action.DESK_CLEAR, text=PlainTextObject(text=texts.plain(N_("Clear search")))
        ),
    ]
    return [ActionsBlock(block_id=f"{FILTERS}{search.round}", elements=elements)]


def _select(
    action: ids.Action, everything: str, options: Sequence[tuple[str, str]], chosen: str | None
) -> StaticSelectElement:
    pairs = [(everything, ANY), *options][:MOST_OPTIONS]
    drawn = [Option(value=value, text=PlainTextObject(text=clip(text, 75))) for text, value in pairs]
    initial = next((option for option in drawn if option.value == chosen), drawn[0])
    return StaticSelectElement(action_id=action, options=drawn, initial_option=initial)


def _name(search: Search, texts: Texts) -> InputBlock:
    return InputBlock(
        block_id=f"{NAME}{search.round}",
        label=PlainTextObject(text=texts.plain(N_("Search by name"))),
        element=PlainTextInputElement(
            action_id=ids.Action.DESK_NAME, initial_value=search.name or None, max_length=LONGEST_NAME
        ),
        dispatch_action=True,
        optional=True,
    )


def _turn(found: Found, texts: Texts) -> ActionsBlock:
    """Each button names its page, so that a second click turns no further."""
    buttons: list[InteractiveElement] = []
    for page, label in (
        (found.page - 1, N_("Previous page")),
        (found.page + 1, N_("Next page")),
    ):
        if 0 <= page < found.pages:
            buttons.append(
                ButtonElement(
                    action_id=f"{ids.Action.DESK_PAGE}:{'next' if page > found.page else 'previous'}",
                    value=str(page),
                    text=PlainTextObject(text=texts.plain(label)),
                )
            )
    return ActionsBlock(elements=buttons)


def _nodes(desk: AdminHome, texts: Texts) -> list[Block]:
    """What the nodes have left, and nodes that only rentals remember."""
    missed = P_(
        ":ghost: *{node}* isn't in nodes.toml but has {count} rental. Add the node again.",
        ":ghost: *{node}* isn't in nodes.toml but has {count} rentals. Add the node again.",
        "count",
    )
    lines: list[str] = [texts(missed, node=node, count=count) for node, count in desk.missed.items()]
    lines += [room_line(status.room, texts) for status in desk.nodes]
    return [_section("\n".join(lines[:MOST_NODES]))]


def _waiting(desk: AdminHome, texts: Texts) -> list[Block]:
    """Who waits for room or for a first day, and what begins and ends next."""
    found = [history.first_lines(calendar_lines.queue(desk.plan, texts)) or texts(N_("none"))]
    found += [history.first_lines(lines) for lines in [calendar_lines.by_node(desk.plan, texts)] if lines]
    return [_section(text) for text in found]


def _images(desk: AdminHome, texts: Texts) -> list[Block]:
    """What can be rented."""
    names = ", ".join(code(image.title or image.name) for image in desk.images[:MOST_IMAGES])
    more = texts(
        N_("To compare, copy, describe, hide, or delete images: {command}"),
        command=code(f"{ids.COMMAND} admin images"),
    )
    return [_section(f"{names or texts(N_('none'))}\n{more}")]


def _events(desk: AdminHome, texts: Texts) -> list[Block]:
    """What happened to rentals, the newest first."""
    lines = []
    for entry in desk.entries:
        event = entry.event
        actor = Mrkdwn("KWS" if event.actor == SYSTEM else f"<@{event.actor}>")
        parts = [
            slack_time(event.at, texts),
            texts("{name}", name=entry.name),
            texts(history.HAPPENED[event.kind]),
            actor,
        ]
        if event.note is not None:
            parts.append(texts("{note}", note=clip(event.note, 150)))
        lines.append(" · ".join(parts))
    return [_section(history.first_lines(lines) or texts(N_("none")))]


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))


SECTIONS: tuple[
    tuple[str, Callable[[AdminHome, Texts], list[Block]]], ...
] = (  # below the rentals; 30 blocks at most
    (N_("Waiting for room, and reserved"), _waiting),
    (N_("Nodes"), _nodes),
    (N_("Images"), _images),
    (N_("Recent activity"), _events),
)
