"""Moves of servers as people see them: the question, the form for another size, and why a move came to no end."""

from __future__ import annotations

from typing import NamedTuple

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip, size_line, spoken
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.asks import ask_form
from bot.views.form_fields import SentView
from kws_core.errors import ErrorCode
from kws_core.moves import in_place, lifecycle
from kws_core.moves.service import MoveTerms, SizeChoice
from kws_core.tables.rental import Rental
from kws_core.tables.states import Reason

WHY: dict[str, str] = {  # beside what nodes say, and what is said of copies
    lifecycle.SLOW: N_("it took too long"),
    lifecycle.ENDED: N_("its last day has passed"),
    Reason.NO_NODE: N_("no node could create the new server"),
    Reason.NO_ANSWER: N_("the new server didn't respond"),
    Reason.NO_LOGIN: N_("the new server didn't accept the login"),
    Reason.VANISHED: N_("someone deleted the new server"),
    Reason.RETURNED: N_("the new server was returned"),
    Reason.ADMIN: N_("an admin ended the new server"),
    ErrorCode.MOVE_NO_ROOM: N_("no other node has room for it"),
    ErrorCode.MOVE_NETWORK: N_("other servers share its network"),
    ErrorCode.COPY_NO_ROOM: N_("its node has no disk space left for the copy"),
    ErrorCode.COPY_UNDER_WAY: N_("a copy was being made"),
    ErrorCode.NODE_SILENT: N_("its node isn't responding"),
    ErrorCode.BUSY: N_("KWS was busy with it"),
    ErrorCode.RESET_UNDER_WAY: N_("it was being reset"),
    ErrorCode.RESIZING: N_("its size was being changed"),
    ErrorCode.MOVE_FOREIGN: N_("it was imported from the previous system"),
    in_place.NO_LOGIN: N_("you couldn't log in after the restart"),
    in_place.UNDONE: N_("someone undid it on the node"),
    ErrorCode.NOT_READY: N_("it wasn't running"),
}
WAYS = {True: N_("Keeps its address, restarts"), False: N_("Gets a new address, through a copy")}
MOVE = N_("Move server")
SIZE = N_("Change size")


class SizeForm(NamedTuple):
    """What the form for another size says."""

    rental_id: str
    size: str | None
    ask: str | None  # why an admin should allow it; None: not asked for


def question(terms: MoveTerms, texts: Texts) -> list[Block]:
    """What a move does, and the button that starts it."""
    text = texts(
        N_(
            "Move {name} from {source} to {target}? KWS stops the server, copies its disk, and creates it there. That "
            "takes minutes to hours, and you can't log in meanwhile. Its files, name, login, and last day stay the "
            "same. Its address and SSH host keys change. If the move fails, the server starts again on {source}."
        ),
        name=terms.rental.name,
        source=terms.source,
        target=terms.target,
    )
    move = _button(ids.Action.MOVE, MOVE, terms.rental, texts)
    move.style = "primary"
    return [
        _section(text),
        ActionsBlock(elements=[move, _button(ids.Action.KEEP, N_("Cancel"), terms.rental, texts)]),
    ]


def maintenance_buttons(rental: Rental, texts: Texts) -> list[ButtonElement]:
    """What the owner of a server can do about its node's maintenance."""
    return [
        _button(ids.Action.MOVE_ASK, N_("Move now…"), rental, texts),
        _button(ids.Action.MOVE_TONIGHT, N_("Tonight at 03:00"), rental, texts),
        _button(ids.Action.MOVE_MYSELF, N_("I'll do it myself"), rental, texts),
    ]


def size_form(choice: SizeChoice, texts: Texts, refused: Mrkdwn | None = None) -> View:
    """The form for another size, with what each does to the server; the disk can't be smaller than it is.

    ``refused``: what the policy says to the one that was chosen, so that an admin may be asked.
    """
    rental = choice.rental
    said = texts(
        N_(
            "*{name}* has {size}. Some sizes keep its address: the server restarts, and you can log in again in a few "
            "minutes. Otherwise, or if {node} can't do it, KWS copies its disk and creates a new server. That takes minutes "
            "to hours, and its address and SSH host keys change. Its files, name, login, and last day stay the same. If it "
            "fails, the server starts again as it was."
        ),
        name=rental.name,
        size=size_line(rental.wanted_size, texts),
        node=rental.placement.node if rental.placement else "",
    )
    options = [(clip(f"{size.name} ({size_line(size, texts)})", 75), size.name) for size in choice.sizes]
    ways = {size.name: clip(texts.plain(WAYS[size.name in choice.in_place]), 75) for size in choice.sizes}
    blocks: list[Block] = [_section(said), *([] if refused is None else ask_form.blocks(refused, texts))]
    if options:
        blocks.append(fields.select(ids.Field.SIZE, texts.plain(N_("New size")), options, None, below=ways))
    else:
        blocks.append(_section(texts(N_("There's no other size with a disk at least as large."))))
    label = PlainTextObject(text=texts.plain(SIZE))
    return View(
        type="modal",
        callback_id=ids.View.SIZE,
        title=label,
        submit=label if options else None,
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=rental.id,
        blocks=blocks,
    )


def parse_size(view: SentView) -> SizeForm:
    """What the person chose, unchecked."""
    size = view.state.option(ids.Field.SIZE)
    return SizeForm(view.private_metadata, size, ask_form.reason(view.state))


def _button(action: ids.Action, label: str, rental: Rental, texts: Texts) -> ButtonElement:
    text = texts.plain(label)
    return ButtonElement(
        action_id=action,
        value=rental.id,
        text=PlainTextObject(text=text),
        accessibility_label=spoken(text, rental.name),
    )


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
