"""The form that asks until when a rental is to last."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from slack_sdk.models.blocks import (
    DatePickerElement,
    InputBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text import prose
from bot.text.i18n import N_, Texts, slack_time
from bot.text.units import clip
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import SentView
from kws_core.expiry import ExpiryInfo
from kws_core.tables.rental import Rental


class Extension(NamedTuple):
    """What the form says."""

    rental_id: str
    until: date | None


def build(rental: Rental, outlook: ExpiryInfo, texts: Texts) -> View:
    """The form; it proposes a week more, as far as the policy goes."""
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
        blocks=[SectionBlock(text=MarkdownTextObject(text=clip(now, 3000))), _until(outlook, texts)],
    )


def parse(view: SentView) -> Extension:
    """What the person chose, unchecked."""
    return Extension(view.private_metadata, view.state.day(ids.Field.ENDS_ON))


def _until(outlook: ExpiryInfo, texts: Texts) -> InputBlock:
    hint = texts.plain(N_("Choose a date no later than {day}."), day=texts.date(outlook.latest))
    element = DatePickerElement(action_id=ids.Action.VALUE, initial_date=outlook.proposed.isoformat())
    return fields.block(ids.Field.ENDS_ON, texts.plain(N_("New last day")), element, hint)
