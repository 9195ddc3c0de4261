"""The forms about a rental that there is: until when it is to last, and whether it is reset."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from pydantic import TypeAdapter
from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    InputBlock,
    MarkdownTextObject,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text import prose
from bot.text.i18n import N_, Mrkdwn, Texts, slack_time
from bot.text.units import clip
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.asks import ask_form
from bot.views.form_fields import SentView
from kws_core.expiry import ExpiryInfo
from kws_core.rentals.reset import ResetTerms
from kws_core.tables.rental import Rental
from kws_core.values import Kind

LONGEST_NAME = 100  # more than any has, so that a slip is told at the field
KEEP_KEY, NEW_KEY = "keep", "new"
RESET = (N_("Reset server"), N_("Reset container"))  # a server, a container
RESET_LOSES = (
    N_("*{name}* gets a new disk from the image {image}. All its data will be lost. You can't undo this."),
    N_(
        "*{name}* will be deleted and created again from {image}. All its data will be lost. You can't undo this."
    ),
)
RESET_KEEPS = (
    N_("Its address, ports, last day, and copies are kept. Its SSH host keys will be new."),
    N_("Its address, ports, last day, command, and environment variables are kept."),
)
_KEPT: TypeAdapter[tuple[str, int]] = TypeAdapter(tuple[str, int])


class Extension(NamedTuple):
    """What the form of an extension says."""

    rental_id: str
    until: date | None
    ask: str | None  # why an admin should allow it; None: not asked for


class ResetAnswer(NamedTuple):
    """What the form of a reset says; ``number`` is the rental's ``reset_number`` when it was opened."""

    rental_id: str
    number: int
    typed: str
    new_key: bool


def extension(
    rental: Rental,
    outlook: ExpiryInfo,
    texts: Texts,
    limit: date | None = None,
    *,
    said: Mrkdwn | None = None,
    until: date | None = None,
) -> View:
    """The form; it proposes a week more, as far as the policy goes, and promises to others (``limit``).

    ``said``: what the policy says to what was chosen, ``until`` that day, so that an admin may be asked.
    """
    now = texts(
        N_("You can use *{name}* until {moment}."),
        name=rental.name,
        moment=slack_time(prose.last_minute(outlook.ends_at), texts),
    )
    return View(
        type="modal",
        callback_id=ids.View.EXTEND,
        title=PlainTextObject(text=texts.plain(N_("Extend rental"))),
        submit=PlainTextObject(text=texts.plain(N_("Extend rental"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=rental.id,
        blocks=[
            _section(now),
            *([] if said is None else ask_form.blocks(said, texts)),
            _until(outlook, texts, limit, until),
        ],
    )


def parse_extension(view: SentView) -> Extension:
    """What the person chose, unchecked."""
    until = view.state.day(ids.Field.ENDS_ON)
    return Extension(view.private_metadata, until, ask_form.reason(view.state))


def reset(terms: ResetTerms, asker: str, texts: Texts) -> View:
    """The form that says what is lost and what is kept; ``asker`` may be an admin."""
    rental = terms.rental
    label = PlainTextObject(text=texts.plain(_of(rental, RESET)))
    said = [texts(_of(rental, RESET_LOSES), name=rental.name, image=rental.image)]
    if rental.copy_id is not None:
        said.append(texts(N_("It was created from a copy. The files of the copy won't come back.")))
    said.append(texts(_of(rental, RESET_KEEPS)))
    if rental.kind is Kind.SERVER and not terms.may_change_key:
        said.append(texts(N_("You log in the same way as before.")))
    if terms.may_copy:
        said.append(
            texts(N_("To keep your files, close this form and select *Keep a copy…* on the card first."))
        )
    if rental.owner != asker:
        owner = Mrkdwn(f"<@{rental.owner}>")
        said.append(texts(N_("The owner is {person} and will get a DM about the reset."), person=owner))
    blocks: list[Block] = [_section("\n".join(said))]
    if terms.may_change_key:
        blocks.append(_key(texts))
    name = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_NAME)
    hint = texts.plain(N_("To confirm, type {name}."), name=rental.name)
    blocks.append(fields.block(ids.Field.NAME, texts.plain(N_("Name")), name, hint))
    return View(
        type="modal",
        callback_id=ids.View.RESET,
        title=label,
        submit=label,
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=_KEPT.dump_json((rental.id, rental.reset_number)).decode(),
        blocks=blocks,
    )


def parse_reset(view: SentView) -> ResetAnswer:
    """What the person typed and chose, unchecked."""
    rental_id, number = view.kept(_KEPT)
    new_key = view.state.option(ids.Field.ACCESS) == NEW_KEY
    return ResetAnswer(rental_id, number, view.state.text(ids.Field.NAME) or "", new_key)


def _of(rental: Rental, messages: tuple[str, str]) -> str:
    return messages[rental.kind is Kind.CONTAINER]


def _key(texts: Texts) -> InputBlock:
    options = [
        (texts.plain(N_("Keep the current key")), KEEP_KEY),
        (texts.plain(N_("New key pair (private key by DM)")), NEW_KEY),
    ]
    hint = texts.plain(N_("The owner gets a new key before the reset begins."))
    return fields.select(ids.Field.ACCESS, texts.plain(N_("SSH key")), options, KEEP_KEY, hint=hint)


def _until(outlook: ExpiryInfo, texts: Texts, limit: date | None, chosen: date | None) -> InputBlock:
    proposed = outlook.proposed if limit is None else min(outlook.proposed, limit)
    hint = texts.plain(N_("Choose a date no later than {day}."), day=texts.date(limit or outlook.latest))
    if limit is not None:
        later = texts.date(limit + timedelta(days=1))
        hint += " " + texts.plain(N_("From {day}, its room is promised to someone else."), day=later)
    element = DatePickerElement(action_id=ids.Action.VALUE, initial_date=(chosen or proposed).isoformat())
    return fields.block(ids.Field.ENDS_ON, texts.plain(N_("New last day")), element, hint)


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
