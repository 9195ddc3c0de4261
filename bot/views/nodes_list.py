"""The nodes as admins see them, with what can be done; and the form that takes one into maintenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from pydantic import TypeAdapter
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    CheckboxesElement,
    ConfirmObject,
    DatePickerElement,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, P_, Mrkdwn, Texts, code, slack_time
from bot.text.units import clip, disk, memory, spoken
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import SentView
from kws_core.scheduling.capacity import AllocatedCapacity, NodeStatus
from kws_core.scheduling.node_maintenance import LONGEST_REASON
from kws_core.values import Kind

MOST_NODES = 40  # Slack takes 50 blocks in a message
Amount = Callable[[float, Texts], str]
FIGURES: tuple[tuple[str, str, Amount], ...] = (
    ("vcpus", N_("vCPUs"), lambda number, _: f"{number:g}"),
    ("ram_mb", N_("Memory"), memory),
    ("disk_gb", N_("Disk"), disk),
)
KINDS = {Kind.SERVER: N_("server"), Kind.CONTAINER: N_("container")}


class DrainOrigin(NamedTuple):
    """Which node the form is about, and where it was opened from."""

    node: str
    response_url: str | None
    replace: bool  # that it was a list, which is drawn again


DRAIN_ORIGIN = TypeAdapter(DrainOrigin)


class DrainForm(NamedTuple):
    """What the form says."""

    origin: DrainOrigin
    until: date | None
    reason: str
    tell: bool
    move: bool


def listing(
    statuses: Sequence[NodeStatus],
    missed: Mapping[str, AllocatedCapacity],
    months: Sequence[date],
    texts: Texts,
) -> list[Block]:
    """Every node with its button; nodes that only rentals remember; the buttons for CSVs of ``months``."""
    blocks: list[Block] = [_entry(status, texts) for status in statuses[:MOST_NODES]]
    for name, lent in list(missed.items())[: MOST_NODES - len(blocks)]:
        text = P_(
            ":ghost: *{node}* isn't in nodes.toml but has {count} rental. Add the node again.",
            ":ghost: *{node}* isn't in nodes.toml but has {count} rentals. Add the node again.",
            "count",
        )
        blocks.append(_section(texts(text, node=name, count=lent.rentals)))
    buttons = [
        ButtonElement(
            action_id=f"{ids.Action.USAGE}:{number}",
            value=month.strftime("%Y-%m"),
            text=PlainTextObject(
                text=texts.plain(N_("Download usage {month} (CSV)"), month=month.strftime("%Y-%m"))
            ),
        )
        for number, month in enumerate(months)
    ]
    return [*blocks, ActionsBlock(elements=buttons)]


def _entry(status: NodeStatus, texts: Texts) -> SectionBlock:
    room = status.room
    lines = [_health(status, texts), _capacity(status, texts)]
    kinds = ", ".join(texts(KINDS[kind]) for kind in sorted(room.kinds))
    line = P_(
        "{kinds} · {rentals} rental · creating {builds} of up to {most}",
        "{kinds} · {rentals} rentals · creating {builds} of up to {most}",
        "rentals",
    )
    lines.append(
        texts(line, kinds=kinds, rentals=status.lent.rentals, builds=room.builds, most=room.max_builds)
    )
    if room.up and status.last_error and status.last_error_at:
        moment = slack_time(status.last_error_at, texts)
        text = N_("Last error {moment}: {error}")
        lines.append(texts(text, moment=moment, error=code(clip(status.last_error, 200))))
    section = _section("\n".join(lines))
    label = texts.plain(N_("End maintenance") if room.drained else N_("Start maintenance…"))
    section.accessory = ButtonElement(
        action_id=ids.Action.UNDRAIN if room.drained else ids.Action.DRAIN,
        value=room.node,
        text=PlainTextObject(text=label),
        confirm=_sure(room.node, texts) if room.drained else None,
        accessibility_label=spoken(label, room.node),
    )
    return section


def _health(status: NodeStatus, texts: Texts) -> Mrkdwn:
    room, since = status.room, status.since
    if not room.up:
        text = texts(N_(":red_circle: *{node}* isn't responding"), node=room.node)
        error = f": {code(clip(status.error, 300))}" if status.error else ""
    elif room.drained:
        text, error = texts(N_(":large_yellow_circle: *{node}* is in maintenance"), node=room.node), ""
        since = status.drained_at or since
    else:
        text, error = texts(N_(":large_green_circle: *{node}* is available"), node=room.node), ""
    parts = [str(text)]
    if since:
        parts.append(texts(N_("since {moment}"), moment=slack_time(since, texts)))
    if room.up and status.latency_ms is not None:
        parts.append(f"{status.latency_ms} ms")
    return Mrkdwn(" · ".join(parts) + error)


def _capacity(status: NodeStatus, texts: Texts) -> Mrkdwn:
    """``vCPUs: 3 in use, 5 of 8 available (measured: 4 of 64 in use)``, for each resource."""
    parts = []
    for what, label, amount in FIGURES:
        shown = texts(
            N_("{what}: {lent} in use, {free} of {whole} available"),
            what=texts(label),
            lent=amount(getattr(status.lent, what), texts),
            free=amount(getattr(status.room, f"free_{what}"), texts),
            whole=amount(getattr(status.room, what), texts),
        )
        measured = getattr(status.measured, what) if status.measured else None
        if status.measured and measured is not None:
            used = amount(getattr(status.measured, f"used_{what}"), texts)
            said = texts(N_("(measured: {used} of {all} in use)"), used=used, all=amount(measured, texts))
            shown = Mrkdwn(f"{shown} {said}")
        parts.append(shown)
    return Mrkdwn(" · ".join(parts))


def _sure(node: str, texts: Texts) -> ConfirmObject:
    return ConfirmObject(
        title=PlainTextObject(text=texts.plain(N_("End maintenance"))),
        text=PlainTextObject(text=texts.plain(N_("{node} will get new rentals again."), node=node)),
        confirm=PlainTextObject(text=texts.plain(N_("End maintenance"))),
        deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
    )


def drain_form(origin: DrainOrigin, rentals: int, today: date, texts: Texts) -> View:
    """Take a node into maintenance; the people on it are told in the same step. Nothing is done before [Submit]."""
    head = texts(
        P_(
            "*{node}* won't get new rentals. The {count} rental on it isn't affected.",
            "*{node}* won't get new rentals. The {count} rentals on it aren't affected.",
            "count",
        ),
        node=origin.node,
        count=rentals,
    )
    option = Option(
        value=ids.Field.TELL,
        text=PlainTextObject(text=texts.plain(N_("Notify the owners of rentals on this node"))),
    )
    mover = Option(
        value=ids.MOVE_REST,
        text=PlainTextObject(text=texts.plain(N_("Also move them to other nodes at 03:00 that day"))),
    )
    people = CheckboxesElement(action_id=ids.Action.VALUE, options=[option, mover])
    in_a_week = (today + timedelta(days=7)).isoformat()
    day = DatePickerElement(action_id=ids.Action.VALUE, initial_date=in_a_week)
    reason = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_REASON)
    return View(
        type="modal",
        callback_id=ids.View.DRAIN,
        title=PlainTextObject(text=texts.plain(N_("Start maintenance"))),
        submit=PlainTextObject(text=texts.plain(N_("Start maintenance"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=json.dumps(origin),
        blocks=[
            _section(head),
            fields.block(ids.Field.TELL, texts.plain(N_("Owners")), people, optional=True),
            fields.block(ids.Field.UNTIL, texts.plain(N_("Maintenance starts")), day, optional=True),
            fields.block(ids.Field.REASON, texts.plain(N_("Reason")), reason, optional=True),
        ],
    )


def parse(view: SentView) -> DrainForm:
    """What the admin filled in, unchecked; UserError for what is no form of ours."""
    return DrainForm(
        origin=view.kept(DRAIN_ORIGIN),
        until=view.state.day(ids.Field.UNTIL),
        reason=view.state.text(ids.Field.REASON) or "",
        tell=bool(view.state.options(ids.Field.TELL)),
        move=ids.MOVE_REST in view.state.options(ids.Field.TELL),
    )


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
