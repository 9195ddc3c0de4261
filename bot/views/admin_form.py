"""The forms in which an admin acts on anybody's rental: extend, transfer, restore, end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    MarkdownTextObject,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
    UserSelectElement,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.admin_home import ACTS
from bot.views.form_fields import SentView
from kws_core.scheduling.waiting_list import Promised
from kws_core.tables.rental import Rental

LONGEST_NOTE = 300
MOST_HIT = 15
SAID = {
    ids.RentalAct.EXTEND: N_("*{name}* ({person}) ends on {day}. You can extend it beyond the usual limit."),
    ids.RentalAct.TRANSFER: N_(
        "*{name}* ({person}) ends on {day}. The new owner gets the card but no key file."
    ),
    ids.RentalAct.RESTORE: N_("*{name}* ({person}) has expired. Restoring it adds a week."),
    ids.RentalAct.END: N_(
        "*{name}* ({person}) will be deleted now, along with all its data. You can't undo this."
    ),
}


class Filled(NamedTuple):
    """What the form says."""

    act: ids.RentalAct
    rental_id: str
    until: date | None
    person: str | None
    note: str | None
    anyway: bool = False  # it may take what is promised to others


def build(
    act: ids.RentalAct,
    rental: Rental,
    proposed: date,
    texts: Texts,
    *,
    missed: bool = False,
    hit: Sequence[Promised] = (),
) -> View:
    """The form; that it opens is the question, that it is sent is the answer.

    ``proposed`` is the new last day that stands in the form of an extension.
    ``missed``: the rental's node is not in nodes.toml any longer.
    ``hit``: whose first days an extension takes; the form then asks whether it is to be done anyway.
    """
    said: str = texts(
        SAID[act],
        name=rental.name,
        person=Mrkdwn(f"<@{rental.owner}>"),
        day=texts.date(rental.ends_on),
    )
    if missed and act is ids.RentalAct.END:
        said += "\n" + texts(
            N_(":ghost: Its node isn't in nodes.toml. The rental will be deleted when the node is back.")
        )
    blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=clip(said, 3000)))]
    if act is ids.RentalAct.EXTEND:
        day = DatePickerElement(action_id=ids.Action.VALUE, initial_date=proposed.isoformat())
        blocks.append(fields.block(ids.Field.ENDS_ON, texts.plain(N_("New last day")), day))
    if hit:
        blocks = [*_promised(hit, texts), *blocks]
    if act is ids.RentalAct.TRANSFER:
        person = UserSelectElement(action_id=ids.Action.VALUE)
        blocks.append(fields.block(ids.Field.PERSON, texts.plain(N_("New owner")), person))
    note = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_NOTE)
    label = texts.plain(N_("Reason (shown to the owner)"))
    blocks.append(fields.block(ids.Field.NOTE, label, note, optional=act is not ids.RentalAct.EXTEND))
    return View(
        type="modal",
        callback_id=ids.View.DESK,
        title=PlainTextObject(text=clip(texts.plain(ACTS[act]), 24)),
        submit=PlainTextObject(text=clip(texts.plain(ACTS[act]), 24)),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=ids.act_value(act, rental.id),
        blocks=blocks,
    )


def parse(view: SentView) -> Filled:
    """What the admin filled in, unchecked; UserError for what is no form of ours."""
    act, rental_id = ids.parse_act(view.private_metadata)
    return Filled(
        act,
        rental_id,
        view.state.day(ids.Field.ENDS_ON),
        view.state.person(ids.Field.PERSON),
        view.state.text(ids.Field.NOTE),
        bool(view.state.options(ids.Field.ANYWAY)),
    )


def _promised(hit: Sequence[Promised], texts: Texts) -> list[Block]:
    """Whom it hits, and the box to tick."""
    said = [texts(N_(":warning: Until that day, it takes room that is promised to others:"))]
    who = N_("• {name} ({person}), from {day}")
    said += [
        texts(who, name=one.name, person=Mrkdwn(f"<@{one.owner}>"), day=texts.date(one.starts_on))
        for one in hit[:MOST_HIT]
    ]
    if len(hit) > MOST_HIT:
        said.append(texts(N_("• and {n} more"), n=len(hit) - MOST_HIT))
    said.append(texts(N_("They get other room, if a node has it, or wait for it from their first day on.")))
    label, words = texts.plain(N_("Promised room")), texts.plain(N_("Extend it anyway"))
    section = SectionBlock(text=MarkdownTextObject(text=clip("\n".join(said), 3000)))
    return [section, fields.tick(ids.Field.ANYWAY, label, words)]
