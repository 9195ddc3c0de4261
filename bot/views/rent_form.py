"""The rental form: built from an offer, parsed back into a RentForm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from slack_sdk.models.blocks import (
    ContextBlock,
    DatePickerElement,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.i18n import N_, Texts
from bot.views import ids
from bot.views.text import clip, size_line, used_line
from kws_core.admission import RentForm
from kws_core.config import Policy
from kws_core.core import Offer
from kws_core.nodes import Image, Size

MOST_OPTIONS = 100  # Slack's limit for one select
MOST_OPTION_TEXT = 75
MOST_VALUE = 150


def build(offer: Offer, policy: Policy, texts: Texts) -> View:
    """The form; without images yet, a view that says so and can't be submitted."""
    title = PlainTextObject(text=texts.plain(N_("Rent a server")))
    close = PlainTextObject(text=texts.plain(N_("Cancel")))
    images = [image for image in offer.images if len(image.name) <= MOST_VALUE][:MOST_OPTIONS]
    if not images:
        text = texts(
            N_("No node has told KWS its images yet. Please try again in a minute, or tell an admin.")
        )
        section = SectionBlock(text=MarkdownTextObject(text=text))
        return View(type="modal", callback_id=ids.View.RENT, title=title, close=close, blocks=[section])
    return View(
        type="modal",
        callback_id=ids.View.RENT,
        title=title,
        submit=PlainTextObject(text=texts.plain(N_("Rent"))),
        close=close,
        blocks=[
            _standing(offer, policy, texts),
            _name(texts),
            _image(images, texts),
            _size(offer.sizes, texts),
            _ends_on(offer, texts),
            _public_key(texts),
        ],
    )


def parse(view: Mapping[str, Any]) -> RentForm:
    """What the person filled in, unchecked; what is empty or absent is None."""
    values: Mapping[str, Any] = view["state"]["values"]
    return RentForm(
        name=_text(values, ids.Field.NAME),
        image=_choice(values, ids.Field.IMAGE),
        size=_choice(values, ids.Field.SIZE),
        ends_on=_date(values, ids.Field.ENDS_ON),
        public_key=_text(values, ids.Field.PUBLIC_KEY),
    )


def _standing(offer: Offer, policy: Policy, texts: Texts) -> ContextBlock:
    return ContextBlock(elements=[MarkdownTextObject(text=clip(used_line(offer, policy, texts), 2000))])


def _input(
    field: ids.Field, label: str, element: Any, hint: str | None = None, optional: bool = False
) -> InputBlock:
    return InputBlock(
        block_id=field,
        label=PlainTextObject(text=label),
        element=element,
        hint=PlainTextObject(text=hint) if hint else None,
        optional=optional,
    )


def _name(texts: Texts) -> InputBlock:
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE,
        max_length=100,
        placeholder=PlainTextObject(text="web01"),
        focus_on_load=True,
    )
    hint = texts.plain(N_("Lower-case letters, digits and hyphens. It becomes the host name."))
    return _input(ids.Field.NAME, texts.plain(N_("Name")), element, hint)


def _image(images: list[Image], texts: Texts) -> InputBlock:
    options = [_option(image.title or image.name, image.name) for image in images]
    element = StaticSelectElement(
        action_id=ids.Action.VALUE,
        options=options,
        initial_option=options[0] if len(options) == 1 else None,
        placeholder=PlainTextObject(text=texts.plain(N_("Choose an operating system"))),
    )
    return _input(ids.Field.IMAGE, texts.plain(N_("Image")), element)


def _size(sizes: Any, texts: Texts) -> InputBlock:
    options = [_option(_size_label(size), size.name) for size in sizes[:MOST_OPTIONS]]
    element = StaticSelectElement(action_id=ids.Action.VALUE, options=options, initial_option=options[0])
    return _input(ids.Field.SIZE, texts.plain(N_("Size")), element)


def _size_label(size: Size) -> str:
    return f"{size.name} · {size_line(size)}"


def _ends_on(offer: Offer, texts: Texts) -> InputBlock:
    element = DatePickerElement(action_id=ids.Action.VALUE, initial_date=offer.default_end.isoformat())
    hint = texts.plain(
        N_("The server is kept to the end of this day. Until {last} is possible."),
        last=texts.date(offer.last_end),
    )
    return _input(ids.Field.ENDS_ON, texts.plain(N_("Last day")), element, hint)


def _public_key(texts: Texts) -> InputBlock:
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE,
        multiline=True,
        max_length=3000,
        placeholder=PlainTextObject(text="ssh-ed25519 AAAA… me@laptop"),
    )
    hint = texts.plain(
        N_("Leave it empty and KWS makes a key pair for you: the private key comes as a file in your DM.")
    )
    return _input(ids.Field.PUBLIC_KEY, texts.plain(N_("Your own public key")), element, hint, optional=True)


def _option(text: str, value: str) -> Option:
    return Option(text=PlainTextObject(text=clip(text, MOST_OPTION_TEXT)), value=value)


def _element(values: Mapping[str, Any], field: ids.Field) -> Mapping[str, Any]:
    block = values.get(field) or {}
    return block.get(ids.Action.VALUE) or {}


def _text(values: Mapping[str, Any], field: ids.Field) -> str | None:
    value = _element(values, field).get("value")
    return value.strip() or None if isinstance(value, str) else None


def _choice(values: Mapping[str, Any], field: ids.Field) -> str | None:
    option = _element(values, field).get("selected_option") or {}
    value = option.get("value")
    return value if isinstance(value, str) else None


def _date(values: Mapping[str, Any], field: ids.Field) -> date | None:
    try:
        return date.fromisoformat(_element(values, field).get("selected_date") or "")
    except (ValueError, TypeError):
        return None
