"""A person's saved keys: the list with its buttons, and the form for one more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import TypeAdapter
from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    InputBlock,
    MarkdownTextObject,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Texts, code, slack_time
from bot.text.units import clip, spoken
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import SentView
from kws_core.tables.saved_key import LONGEST_NAME, SavedKey


class Origin(NamedTuple):
    """Where the form was opened from: the answer goes there, as a list that is new or replaces the old."""

    response_url: str | None
    replace: bool


ORIGIN = TypeAdapter(Origin)


class KeyInput(NamedTuple):
    """What the form says."""

    name: str | None
    public_key: str


def listing(keys: Sequence[SavedKey], texts: Texts, news: str | None = None) -> list[Block]:
    """Every key with its Remove button; ``news`` is said first."""
    title = texts(N_("Your saved keys ({count})"), count=len(keys))
    hint = texts(N_("With a saved key, new servers don't need a key file."))
    none = texts(N_("You don't have any saved keys."))
    head = f"*{title}*" if keys else f"{none} {hint}"
    blocks: list[Block] = [_section(f"{news}\n{head}" if news else head)]
    blocks += [_entry(key, texts) for key in keys]
    add = ButtonElement(
        action_id=ids.Action.ADD_KEY,
        text=PlainTextObject(text=texts.plain(N_("Add key"))),
        style=None if keys else "primary",
    )
    return [*blocks, ActionsBlock(elements=[add])]


def build(origin: Origin, texts: Texts) -> View:
    """The form for one more key."""
    return View(
        type="modal",
        callback_id=ids.View.KEY,
        title=PlainTextObject(text=texts.plain(N_("Add key"))),
        submit=PlainTextObject(text=texts.plain(N_("Save"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=json.dumps(origin),
        blocks=[_public_key(texts), _name(texts)],
    )


def parse(view: SentView) -> KeyInput:
    """What the person filled in, unchecked."""
    return KeyInput(view.state.text(ids.Field.NAME), view.state.text(ids.Field.PUBLIC_KEY) or "")


def _entry(key: SavedKey, texts: Texts) -> SectionBlock:
    added = texts(N_("added {moment}"), moment=slack_time(key.added_at, texts))
    section = _section(f"{code(key.name)}\n{key.type} · {code(key.fingerprint)} · {added}")
    label = texts.plain(N_("Remove key"))
    section.accessory = ButtonElement(
        action_id=ids.Action.REMOVE_KEY,
        value=str(key.id),
        text=PlainTextObject(text=label),
        confirm=_confirm(key, texts),
        accessibility_label=spoken(label, key.name),
    )
    return section


def _confirm(key: SavedKey, texts: Texts) -> ConfirmObject:
    text = texts.plain(N_("You can't choose this key again. Existing servers keep it."))
    return ConfirmObject(
        title=PlainTextObject(text=clip(texts.plain(N_("Remove {name}?"), name=key.name), 100)),
        text=PlainTextObject(text=text),
        confirm=PlainTextObject(text=texts.plain(N_("Remove key"))),
        deny=PlainTextObject(text=texts.plain(N_("Cancel"))),
    )


def _public_key(texts: Texts) -> InputBlock:
    label = texts.plain(N_("Public key"))
    hint = texts.plain(N_("The one line in your .pub file, such as ~/.ssh/id_ed25519.pub."))
    placeholder = "ssh-ed25519 AAAA… me@laptop"
    return fields.text(ids.Field.PUBLIC_KEY, label, placeholder, hint, multiline=True, focus=True)


def _name(texts: Texts) -> InputBlock:
    element = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_NAME)
    hint = texts.plain(N_("If empty, KWS uses the comment at the end of the key."))
    return fields.block(ids.Field.NAME, texts.plain(N_("Name")), element, hint, optional=True)


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
