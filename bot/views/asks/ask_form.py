"""What a form says when only the policy forbids what was chosen: why, and a field to ask an admin all the same.

It is part of the form, above its fields, so nothing that was typed is lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    MarkdownTextObject,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)

from bot.text.error_messages import sentence
from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import ViewState
from kws_core.errors import UserError
from kws_core.rentals.asks import LONGEST_REASON

MOST_VALUE = 2000  # characters; Slack's limit for a button
BEYOND = N_("This goes beyond the lab's policy.")
KEPT = N_("Change it below, or ask an admin to allow it. What you typed is kept.")


def refusals(errors: Iterable[UserError], texts: Texts) -> Mrkdwn:
    """What the policy says, each once."""
    return Mrkdwn("\n".join(dict.fromkeys(sentence(error, texts) for error in errors)))


def blocks(said: Mrkdwn | None, texts: Texts) -> list[Block]:
    """What the policy says, and the field for the reason; ``said`` is known only right after it said so."""
    text = f"{said or texts(BEYOND)}\n{texts(KEPT)}"
    element = PlainTextInputElement(action_id=ids.Action.VALUE, multiline=True, max_length=LONGEST_REASON)
    label = texts.plain(N_("Ask an admin: why do you need it?"))
    hint = texts.plain(N_("The admins read this. You'll get their answer by DM."))
    return [
        SectionBlock(text=MarkdownTextObject(text=clip(text, 3000))),
        fields.block(ids.Field.ASK, label, element, hint, optional=True),
    ]


def reason(state: ViewState) -> str | None:
    """Why an admin should allow it; None if the form does not ask that."""
    return (state.text(ids.Field.ASK) or "") if ids.Field.ASK in state.values else None


def button(action: ids.Action, value: str, texts: Texts) -> list[Block]:
    """Below a refusal outside of a form: opens the form, filled in."""
    if len(value) > MOST_VALUE:
        return []
    label = PlainTextObject(text=texts.plain(N_("Ask an admin…")))
    return [ActionsBlock(elements=[ButtonElement(action_id=action, value=value, text=label)])]
