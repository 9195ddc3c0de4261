"""The fields of forms: how each is drawn, and how its value is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any

from slack_sdk.models.blocks import (
    DatePickerElement,
    InputBlock,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
)

from bot.text.i18n import N_, Texts
from bot.text.units import clip
from bot.views import ids
from kws_core.errors import ErrorCode, UserError
from kws_core.nodes.values import Image
from kws_core.rentals.service import FormOptions

MOST_OPTIONS = 100  # Slack's limits for one select
MOST_OPTION_TEXT = 75
MOST_VALUE = 150
LONGEST_TEXT = 3000

Values = Mapping[str, Any]


def block(
    field: ids.Field,
    label: str,
    element: Any,
    hint: str | None = None,
    *,
    optional: bool = False,
    dispatch: bool = False,
) -> InputBlock:
    """One field of a form; ``dispatch`` reports a change at once."""
    return InputBlock(
        block_id=field,
        label=PlainTextObject(text=label),
        element=element,
        hint=PlainTextObject(text=clip(hint, 2000)) if hint else None,
        optional=optional,
        dispatch_action=dispatch or None,
    )


def text(
    field: ids.Field,
    label: str,
    placeholder: str,
    hint: str | None = None,
    *,
    initial: str | None = None,
    optional: bool = False,
    multiline: bool = False,
    focus: bool = False,
) -> InputBlock:
    """A text field."""
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE,
        max_length=LONGEST_TEXT,
        multiline=multiline,
        initial_value=initial,
        placeholder=PlainTextObject(text=placeholder),
        focus_on_load=focus or None,
    )
    return block(field, label, element, hint, optional=optional)


def select(
    field: ids.Field,
    label: str,
    options: Sequence[tuple[str, str]],
    initial: str | None,
    *,
    optional: bool = False,
    dispatch: bool = False,
    placeholder: str | None = None,
) -> InputBlock:
    """A choice among (text, value) pairs; values longer than Slack takes are left out."""
    drawn = [_option(text, value) for text, value in options if len(value) <= MOST_VALUE][:MOST_OPTIONS]
    element = StaticSelectElement(
        action_id=ids.Action.VALUE,
        options=drawn,
        initial_option=next((option for option in drawn if option.value == initial), None),
        placeholder=PlainTextObject(text=placeholder) if placeholder else None,
    )
    return block(field, label, element, optional=optional, dispatch=dispatch)


def number(field: ids.Field, label: str, initial: int) -> InputBlock:
    """A whole number."""
    element = NumberInputElement(
        action_id=ids.Action.VALUE, is_decimal_allowed=False, initial_value=str(initial), min_value="1"
    )
    return block(field, label, element)


def name(texts: Texts) -> InputBlock:
    """The rental's name."""
    hint = texts.plain(N_("Lower-case letters, digits and hyphens. It becomes the host name."))
    return text(ids.Field.NAME, texts.plain(N_("Name")), "web01", hint, focus=True)


def usable(images: Sequence[Image]) -> list[Image]:
    """The images that a select can offer: Slack takes no empty and no very long value."""
    return [image for image in images if image.name.strip() and len(image.name) <= MOST_VALUE]


def image(images: Sequence[Image], texts: Texts) -> InputBlock:
    """One of the nodes' images."""
    options = [(image.title.strip() or image.name, image.name) for image in usable(images)]
    initial = options[0][1] if len(options) == 1 else None
    placeholder = texts.plain(N_("Choose an operating system"))
    return select(ids.Field.IMAGE, texts.plain(N_("Image")), options, initial, placeholder=placeholder)


def registry_image(texts: Texts) -> InputBlock:
    """The name of a container image."""
    hint = texts.plain(N_("As for docker pull. Without a tag, latest is taken."))
    return text(ids.Field.IMAGE, texts.plain(N_("Container image")), "nginx:latest", hint)


def last_day(offer: FormOptions, texts: Texts) -> InputBlock:
    """The last day of the rental."""
    element = DatePickerElement(action_id=ids.Action.VALUE, initial_date=offer.default_end.isoformat())
    hint = texts.plain(
        N_("It is kept to the end of this day. Until {last} is possible."), last=texts.date(offer.last_end)
    )
    return block(ids.Field.ENDS_ON, texts.plain(N_("Last day")), element, hint)


def public_key(texts: Texts) -> InputBlock:
    """A public key, pasted."""
    hint = texts.plain(
        N_("The one line of the .pub file. Save keys for later with {command}."), command="/kws keys"
    )
    label = texts.plain(N_("Your public key"))
    return text(ids.Field.PUBLIC_KEY, label, "ssh-ed25519 AAAA… me@laptop", hint, multiline=True)


def password(texts: Texts) -> InputBlock:
    """A password. Slack has no field that hides what is typed."""
    hint = texts.plain(
        N_("At least 12 characters. Slack shows it while you type; KWS keeps only a hash of it.")
    )
    return text(ids.Field.PASSWORD, texts.plain(N_("Password")), "…", hint)


# -- reading


def values_of(view: Mapping[str, Any]) -> Values:
    """Block id → what its element says."""
    state: Values = (view.get("state") or {}).get("values") or {}
    return state


def kept(view: Mapping[str, Any], *kinds: type | UnionType) -> list[Any]:
    """What a form keeps in private_metadata, one value of each kind; UserError for what is no form of ours."""
    try:
        values = json.loads(str(view.get("private_metadata")))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != len(kinds) or not all(map(isinstance, values, kinds)):
        raise UserError(ErrorCode.FORM_STALE)
    return values


def typed(values: Values, field: ids.Field) -> str | None:
    """What was typed, without blanks round it; None when nothing was."""
    value = _element(values, field).get("value")
    return value.strip() or None if isinstance(value, str) else None


def written(values: Values, field: ids.Field) -> str | None:
    """What was written, to the last blank: in YAML, environments and commands they count. None for blanks only."""
    value = _element(values, field).get("value")
    return value if isinstance(value, str) and value.strip() else None


def whole_number(values: Values, field: ids.Field) -> int | None:
    """The number that was typed, None when it is none."""
    text = typed(values, field) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def choice(values: Values, field: ids.Field) -> str | None:
    """The value of the option that was chosen."""
    value = (_element(values, field).get("selected_option") or {}).get("value")
    return value if isinstance(value, str) else None


def picked_date(values: Values, field: ids.Field) -> str | None:
    """The date that was picked, as Slack writes it."""
    value = _element(values, field).get("selected_date")
    return value if isinstance(value, str) else None


def _element(values: Values, field: ids.Field) -> Mapping[str, Any]:
    return (values.get(field) or {}).get(ids.Action.VALUE) or {}


def _option(text: str, value: str) -> Option:
    return Option(text=PlainTextObject(text=clip(text, MOST_OPTION_TEXT)), value=value)
