"""The nodes as admins see them, with what can be done; and the form that takes one into maintenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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

from bot.text.i18n import N_, Mrkdwn, Texts, code, slack_time
from bot.text.units import clip
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import SentView
from kws_core.scheduling.capacity import AllocatedCapacity, NodeStatus
from kws_core.scheduling.node_maintenance import LONGEST_REASON

MOST_NODES = 40  # Slack takes 50 blocks in a message
FIGURES = (("vcpus", "vCPU"), ("ram_mb", "RAM MB"), ("disk_gb", "Disk GB"))


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


def listing(
    statuses: Sequence[NodeStatus],
    missed: Mapping[str, AllocatedCapacity],
    months: Sequence[date],
    texts: Texts,
) -> list[Block]:
    """Every node with its button; nodes that only rentals remember; the buttons for CSVs of ``months``."""
    blocks: list[Block] = [_entry(status, texts) for status in statuses[:MOST_NODES]]
    for name, lent in list(missed.items())[: MOST_NODES - len(blocks)]:
        text = N_(":ghost: *{node}* is not in nodes.toml; {count} rentals are on it. Put it back.")
        blocks.append(_section(texts(text, node=name, count=lent.rentals)))
    buttons = [
        ButtonElement(
            action_id=f"{ids.Action.USAGE}:{number}",
            value=month.strftime("%Y-%m"),
            text=PlainTextObject(text=texts.plain(N_("Usage {month} (CSV)"), month=month.strftime("%Y-%m"))),
        )
        for number, month in enumerate(months)
    ]
    return [*blocks, ActionsBlock(elements=buttons)]


def _entry(status: NodeStatus, texts: Texts) -> SectionBlock:
    room = status.room
    lines = [_health(status, texts), _capacity(status, texts)]
    kinds = ", ".join(sorted(room.kinds))
    text = N_("{kinds} · {rentals} rentals · {builds} of at most {most} builds under way")
    lines.append(
        texts(text, kinds=kinds, rentals=status.lent.rentals, builds=room.builds, most=room.max_builds)
    )
    if room.up and status.last_error and status.last_error_at:
        moment = slack_time(status.last_error_at, texts)
        text = N_("last error {moment}: {error}")
        lines.append(texts(text, moment=moment, error=code(clip(status.last_error, 200))))
    section = _section("\n".join(lines))
    label = N_("Back into service") if room.drained else N_("Out of service …")
    section.accessory = ButtonElement(
        action_id=ids.Action.UNDRAIN if room.drained else ids.Action.DRAIN,
        value=room.node,
        text=PlainTextObject(text=texts.plain(label)),
        confirm=_sure(room.node, texts) if room.drained else None,
    )
    return section


def _health(status: NodeStatus, texts: Texts) -> Mrkdwn:
    room, since = status.room, status.since
    if not room.up:
        text = texts(N_(":red_circle: *{node}* does not answer"), node=room.node)
        error = f": {code(clip(status.error, 300))}" if status.error else ""
    elif room.drained:
        text, error = texts(N_(":large_yellow_circle: *{node}* takes no new rentals"), node=room.node), ""
        since = status.drained_at or since
    else:
        text, error = texts(N_(":large_green_circle: *{node}* answers"), node=room.node), ""
    parts = [str(text)]
    if since:
        parts.append(texts(N_("since {moment}"), moment=slack_time(since, texts)))
    if room.up and status.latency_ms is not None:
        parts.append(f"{status.latency_ms} ms")
    return Mrkdwn(" · ".join(parts) + error)


def _capacity(status: NodeStatus, texts: Texts) -> Mrkdwn:
    """``vCPU: 3 lent, 5 free of 8; the node says 4 of 64``, for each resource."""
    parts = []
    for what, unit in FIGURES:
        shown = texts(
            N_("{unit}: {lent} lent, {free} free of {whole}"),
            unit=unit,
            lent=getattr(status.lent, what),
            free=getattr(status.room, f"free_{what}"),
            whole=getattr(status.room, what),
        )
        measured = getattr(status.measured, what) if status.measured else None
        if status.measured and measured is not None:
            used = f"{getattr(status.measured, f'used_{what}'):g}"
            said = texts(N_("(measured: {used} of {all})"), used=used, all=f"{measured:g}")
            shown = Mrkdwn(f"{shown} {said}")
        parts.append(shown)
    return Mrkdwn(" · ".join(parts))


def _sure(node: str, texts: Texts) -> ConfirmObject:
    return ConfirmObject(
        title=PlainTextObject(text=texts.plain(N_("Back into service"))),
        text=PlainTextObject(text=texts.plain(N_("{node} gets new rentals from now on."), node=node)),
        confirm=PlainTextObject(text=texts.plain(N_("Back into service"))),
        deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
    )


def drain_form(origin: DrainOrigin, rentals: int, today: date, texts: Texts) -> View:
    """Take a node into maintenance; the people on it are told in the same step. Nothing is done before [Submit]."""
    head = texts(
        N_("*{node}* gets no new rentals from now on. The {count} that are on it stay as they are."),
        node=origin.node,
        count=rentals,
    )
    option = Option(value=ids.Field.TELL, text=PlainTextObject(text=texts.plain(N_("Tell the people on it"))))
    people = CheckboxesElement(action_id=ids.Action.VALUE, options=[option])
    in_a_week = (today + timedelta(days=7)).isoformat()
    day = DatePickerElement(action_id=ids.Action.VALUE, initial_date=in_a_week)
    reason = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_REASON)
    return View(
        type="modal",
        callback_id=ids.View.DRAIN,
        title=PlainTextObject(text=texts.plain(N_("Out of service"))),
        submit=PlainTextObject(text=texts.plain(N_("Out of service"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=json.dumps(origin),
        blocks=[
            _section(head),
            fields.block(ids.Field.TELL, texts.plain(N_("The people")), people, optional=True),
            fields.block(
                ids.Field.UNTIL, texts.plain(N_("Day from which it may be off")), day, optional=True
            ),
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
    )


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
