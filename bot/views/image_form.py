"""The form that describes an image: its title, the user that people log in as, the least size."""

from __future__ import annotations

import json
from typing import NamedTuple

from pydantic import TypeAdapter
from slack_sdk.models.blocks import (
    InputBlock,
    MarkdownTextObject,
    NumberInputElement,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Texts, code
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import SentView, ViewState
from kws_core.images.reports import LONGEST_TITLE, MOST_GB, MOST_MB, Description
from kws_core.nodes.image_store import LOGIN
from kws_core.nodes.values import Image
from kws_core.rentals.admission import DEFAULT_LOGIN

LONGEST_LOGIN = 32


class ImageBefore(NamedTuple):
    """What was said of the image when the form was opened."""

    title: str
    login: str
    min_disk_gb: int
    min_ram_mb: int


class ImageOrigin(NamedTuple):
    """What the form was opened for, and where the answer goes."""

    image: str
    response_url: str | None
    before: ImageBefore


IMAGE_ORIGIN = TypeAdapter(ImageOrigin)


class Asked(NamedTuple):
    """What the form says; ``wanted`` has only what was changed in it."""

    name: str
    response_url: str | None
    wanted: Description


def build(image: Image, response_url: str | None, texts: Texts) -> View:
    """The form with what is said now."""
    now = ImageBefore(image.title, image.properties.get(LOGIN, ""), image.min_disk_gb, image.min_ram_mb)
    return View(
        type="modal",
        callback_id=ids.View.IMAGE,
        title=PlainTextObject(text=texts.plain(N_("Describe image"))),
        submit=PlainTextObject(text=texts.plain(N_("Save"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=json.dumps(ImageOrigin(image.name, response_url, now)),
        blocks=[
            SectionBlock(text=MarkdownTextObject(text=code(image.name))),
            _title(image, texts),
            _login(image, texts),
            _number(ids.Field.MIN_DISK_GB, texts.plain(N_("Minimum disk (GB)")), image.min_disk_gb, MOST_GB),
            _number(ids.Field.MIN_RAM_MB, texts.plain(N_("Minimum memory (MB)")), image.min_ram_mb, MOST_MB),
        ],
    )


def parse(view: SentView) -> Asked:
    """What the admin changed, unchecked."""
    name, response_url, was = view.kept(IMAGE_ORIGIN)
    title, login = (view.state.text(field) or "" for field in (ids.Field.TITLE, ids.Field.LOGIN))
    disk, ram = (_whole(view.state, field) for field in (ids.Field.MIN_DISK_GB, ids.Field.MIN_RAM_MB))
    return Asked(
        name,
        response_url,
        Description(
            title=None if title == was.title else title,
            login=None if login == was.login else login,
            min_disk_gb=None if disk == was.min_disk_gb else disk,
            min_ram_mb=None if ram == was.min_ram_mb else ram,
        ),
    )


def _title(image: Image, texts: Texts) -> InputBlock:
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE, initial_value=image.title or None, max_length=LONGEST_TITLE
    )
    hint = texts.plain(N_("Shown in the form. If empty, the form shows the image's name."))
    return fields.block(ids.Field.TITLE, texts.plain(N_("Title")), element, hint, optional=True)


def _login(image: Image, texts: Texts) -> InputBlock:
    element = PlainTextInputElement(
        action_id=ids.Action.VALUE,
        initial_value=image.properties.get(LOGIN) or None,
        max_length=LONGEST_LOGIN,
        placeholder=PlainTextObject(text=image.login or DEFAULT_LOGIN),
    )
    hint = texts.plain(
        N_("The user people log in as on new servers. If empty, KWS uses the distribution's default.")
    )
    return fields.block(ids.Field.LOGIN, texts.plain(N_("Username")), element, hint, optional=True)


def _number(field: ids.Field, label: str, initial: int, most: int) -> InputBlock:
    element = NumberInputElement(
        action_id=ids.Action.VALUE,
        is_decimal_allowed=False,
        initial_value=str(initial),
        min_value="0",
        max_value=str(most),
    )
    return fields.block(field, label, element, optional=True)


def _whole(state: ViewState, field: ids.Field) -> int:
    """0 when it is empty; what is no whole number is refused by its range."""
    if state.text(field) is None:
        return 0
    number = state.number(field)
    return -1 if number is None else number
