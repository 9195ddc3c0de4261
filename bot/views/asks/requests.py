"""Requests as the admins read them: in their messages and in *Manage rentals*, and the forms in which they decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from pydantic import TypeAdapter
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    DatePickerElement,
    InputBlock,
    MarkdownTextObject,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip, memory, room_line, size_line, spoken
from bot.views import form_fields as fields
from bot.views import history, ids
from bot.views.form_fields import SentView
from kws_core.errors import ErrorCode
from kws_core.rentals.asks import LONGEST_REASON
from kws_core.scheduling.placement import NodeCapacity
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.alerts import AskAlert
from kws_core.tables.details.asks import Allowance, BeyondPolicy, FreeOnNode
from kws_core.tables.rental import Ask
from kws_core.tables.states import AskDecision, AskKind
from kws_core.values import Kind, Size

AS_ASKED = "as_asked"  # the size that was asked for
_KEPT: TypeAdapter[int] = TypeAdapter(int)
KINDS = {Kind.SERVER.value: N_("server"), Kind.CONTAINER.value: N_("container")}
HEADS = {
    False: N_(":raised_hand: {person} asks for more than the policy allows: {what}"),
    True: N_(":raised_hand: {person} asks again, since nobody answered: {what}"),
}
AUTO = N_(":white_check_mark: Approved automatically for {person}: {what}. Reason: {reason}")
WHAT = {
    AskKind.RENT: N_("a new {kind}, *{name}* ({image}, {size}) until {day}"),
    AskKind.EXTEND: N_("*{name}* until {day} instead of {was}"),
    AskKind.RESIZE: N_("*{name}* with {size} instead of {had}"),
}
POLICY = {
    ErrorCode.END_LATE: N_("days from today: {wanted} (limit {limit})"),
    ErrorCode.QUOTA_RENTALS: N_("rentals: {wanted} (limit {limit})"),
    ErrorCode.QUOTA_VCPUS: N_("vCPUs: {wanted} (limit {limit})"),
    ErrorCode.QUOTA_RAM_MB: N_("memory: {wanted} (limit {limit})"),
    ErrorCode.PORTS_FORBIDDEN: N_("port {wanted}"),
    ErrorCode.NODE_ADMINS: N_("the node {node}"),
}
DECIDED = {
    AskDecision.APPROVED: N_(":white_check_mark: {actor} approved it."),
    AskDecision.LESS: N_(":white_check_mark: {actor} approved less: {granted}."),
    AskDecision.DECLINED: N_(":x: {actor} declined it."),
    AskDecision.OVER: N_(":white_circle: Nothing left to decide: it was withdrawn, or has ended."),
}
NOTE = N_("Reason: {note}")


class Answer(NamedTuple):
    """What a form of an admin says."""

    ask: int
    until: date | None
    size: str | None
    note: str | None


def text(alert: AskAlert, texts: Texts) -> Mrkdwn:
    """Who, what, why, what the policy says and what is free; then who decided what."""
    person, what = history.person(alert.owner), _what(alert, texts)
    if alert.decision is not None and alert.by == SYSTEM:
        return texts(AUTO, person=person, what=what, reason=alert.reason)
    lines: list[str] = [
        texts(HEADS[alert.again], person=person, what=what),
        texts(N_("*Reason:* {reason}"), reason=alert.reason),
        texts(N_("*Policy:* {policy}"), policy=_policy(alert, texts)),
    ]
    if alert.decision is None and alert.free:
        lines.append(texts(N_("*Available:* {free}"), free=_free(alert.free, texts)))
    if alert.decision is not None:
        lines.append(_decided(alert, texts))
    return Mrkdwn("\n".join(lines))


def buttons(alert: AskAlert, texts: Texts) -> list[Block]:
    """What can be decided; nothing once it is."""
    if alert.decision is not None:
        return []
    offered = (
        (ids.Action.ASK_APPROVE, N_("Approve"), "primary"),
        (ids.Action.ASK_LESS, N_("Approve less…"), None),
        (ids.Action.ASK_DECLINE, N_("Decline…"), "danger"),
    )
    elements = [
        ButtonElement(
            action_id=action,
            value=str(alert.ask),
            style=style,
            text=PlainTextObject(text=texts.plain(label)),
            accessibility_label=spoken(texts.plain(label), alert.name),
        )
        for action, label, style in offered
    ]
    return [ActionsBlock(elements=elements)]


def less_form(ask: Ask, sizes: Iterable[Size], rooms: Iterable[NodeCapacity], texts: Texts) -> View:
    """How much of it is allowed: a smaller size, an earlier last day."""
    wanted = ask.asked.wanted
    said = texts(
        N_("{person} asked for this: {reason}"), person=history.person(ask.asked_by), reason=ask.reason
    )
    blocks: list[Block] = [_section("\n".join([said, *(room_line(room, texts) for room in rooms)]))]
    if (most := wanted.whole_size) is not None:
        blocks.append(_smaller(most, sizes, ask.rental.disk_gb if ask.what is AskKind.RESIZE else 0, texts))
    if wanted.until is not None:
        day = DatePickerElement(action_id=ids.Action.VALUE, initial_date=wanted.until.isoformat())
        hint = texts.plain(N_("Asked for: {day}."), day=texts.date(wanted.until))
        blocks.append(fields.block(ids.Field.ENDS_ON, texts.plain(N_("Last day")), day, hint))
    return _form(ids.View.ASK_LESS, N_("Approve less"), ask.id, [*blocks, _note(texts)], texts)


def decline_form(ask: Ask, texts: Texts) -> View:
    """Whether there is something to say with it."""
    said = texts(
        N_("{person} asked for this: {reason}"), person=history.person(ask.asked_by), reason=ask.reason
    )
    return _form(ids.View.ASK_DECLINE, N_("Decline request"), ask.id, [_section(said), _note(texts)], texts)


def parse(view: SentView) -> Answer:
    """What the admin chose, unchecked."""
    size = view.state.option(ids.Field.SIZE)
    return Answer(
        view.kept(_KEPT),
        view.state.day(ids.Field.ENDS_ON),
        None if size == AS_ASKED else size,
        view.state.text(ids.Field.NOTE),
    )


def amount(allowance: Allowance, texts: Texts) -> Mrkdwn:
    """A size, a last day, or both."""
    size, until = allowance.whole_size, allowance.until
    parts = [named(size, texts)] if size else []
    parts += [texts.plain(N_("until {moment}"), moment=texts.date(until))] if until else []
    return texts("{parts}", parts=", ".join(parts))


def named(size: Size, texts: Texts) -> str:
    """A size with its figures."""
    return f"{size.name} ({size_line(size, texts)})"


def _what(alert: AskAlert, texts: Texts) -> Mrkdwn:
    wanted, had = alert.asked.wanted, alert.asked.had or Allowance()
    if alert.what not in list(AskKind):
        return texts("{name}", name=alert.name)
    return texts(
        WHAT[AskKind(alert.what)],
        kind=texts.plain(KINDS.get(alert.machine, KINDS[Kind.SERVER.value])),
        name=alert.name,
        image=alert.image,
        size=named(wanted.whole_size, texts) if wanted.whole_size else "?",
        had=named(had.whole_size, texts) if had.whole_size else "?",
        day=texts.date(wanted.until) if wanted.until else "?",
        was=texts.date(had.until) if had.until else "?",
    )


def _policy(alert: AskAlert, texts: Texts) -> Mrkdwn:
    return Mrkdwn("; ".join(_beyond(one, alert.asked.node, texts) for one in alert.asked.beyond))


def _beyond(one: BeyondPolicy, node: str | None, texts: Texts) -> str:
    if one.code not in POLICY:
        return texts("{code}", code=one.code)
    wanted: object = one.wanted
    limit: object = one.limit
    if one.code == ErrorCode.QUOTA_RAM_MB:
        wanted, limit = memory(one.wanted or 0, texts, up=True), memory(one.limit or 0, texts)
    return texts(POLICY[ErrorCode(one.code)], wanted=wanted, limit=limit, node=node)


def _free(free: Sequence[FreeOnNode], texts: Texts) -> Mrkdwn:
    parts = [
        texts(
            "{node} {size}",
            node=one.node,
            size=size_line(Size("", one.vcpus, one.ram_mb, one.disk_gb), texts),
        )
        for one in free
        if one.up
    ]
    return Mrkdwn("; ".join(parts)) if parts else texts(N_("none"))


def _decided(alert: AskAlert, texts: Texts) -> str:
    decision = alert.decision if alert.decision in list(AskDecision) else AskDecision.OVER
    said = texts(
        DECIDED[AskDecision(decision or AskDecision.OVER)],
        actor=history.person(alert.by or SYSTEM),
        granted=amount(alert.granted or Allowance(), texts),
    )
    return f"{said} {texts(NOTE, note=alert.note)}" if alert.note else said


def _smaller(most: Size, sizes: Iterable[Size], least_disk: int, texts: Texts) -> InputBlock:
    figures = (most.vcpus, most.ram_mb, most.disk_gb)
    options = [(texts.plain(N_("As asked for: {size}"), size=named(most, texts)), AS_ASKED)]
    options += [
        (clip(named(size, texts), 75), size.name)
        for size in sizes
        if size.within(most)
        and size.disk_gb >= least_disk
        and (size.vcpus, size.ram_mb, size.disk_gb) != figures
    ]
    return fields.select(ids.Field.SIZE, texts.plain(N_("Size")), options, AS_ASKED)


def _note(texts: Texts) -> InputBlock:
    note = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_REASON)
    return fields.block(ids.Field.NOTE, texts.plain(N_("Reason (shown to the owner)")), note, optional=True)


def _form(view: ids.View, title: str, ask: int, blocks: Sequence[Block], texts: Texts) -> View:
    label = PlainTextObject(text=texts.plain(title))
    return View(
        type="modal",
        callback_id=view,
        title=label,
        submit=label,
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=_KEPT.dump_json(ask).decode(),
        blocks=blocks,
    )


def _section(said: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(said, 3000)))
