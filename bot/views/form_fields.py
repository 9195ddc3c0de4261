"""The fields of forms: how each is drawn, and how its value is read back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    DatePickerElement,
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Texts
from bot.text.units import clip
from bot.views import ids
from kws_core.errors import ErrorCode, UserError
from kws_core.nodes.values import Image
from kws_core.rentals.admission import DEFAULT_LOGIN
from kws_core.rentals.form_options import FormOptions
from kws_core.tables.copy import Copy

MOST_OPTIONS = 100  # Slack's limits for one select
MOST_OPTION_TEXT = 75
MOST_VALUE = 150
LONGEST_TEXT = 3000

COPY = "copy:"  # before the id of a copy that is chosen instead of an image

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Kept = TypeVar("Kept")


def notice(blocks: Sequence[Block]) -> View:
    """A modal that only says something; Slack's own button, in the person's language, closes it."""
    return View(type="modal", title=PlainTextObject(text="KWS"), blocks=blocks)


def block(
    field: str,
    label: str,
    element: InputInteractiveElement,
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
    field: str,
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
    hint: str | None = None,
    below: Mapping[str, str] | None = None,
) -> InputBlock:
    """A choice among (text, value) pairs; values longer than Slack takes are left out.

    ``below`` is what stands below an option in the list, by its value.
    """
    lines = below or {}
    offered = [(text, value) for text, value in options if len(value) <= MOST_VALUE][:MOST_OPTIONS]
    drawn = [_option(text, value, lines.get(value)) for text, value in offered]
    element = StaticSelectElement(
        action_id=ids.Action.VALUE,
        options=drawn,
        initial_option=next((option for option in drawn if option.value == initial), None),
        placeholder=PlainTextObject(text=placeholder) if placeholder else None,
    )
    return block(field, label, element, hint, optional=optional, dispatch=dispatch)


def tick(
    field: ids.Field, label: str, words: str, hint: str | None = None, *, ticked: bool = False
) -> InputBlock:
    """One box to tick, with words beside it."""
    options = [Option(value=field, text=PlainTextObject(text=clip(words, MOST_OPTION_TEXT)))]
    initial = options if ticked else None
    boxes = CheckboxesElement(action_id=ids.Action.VALUE, options=options, initial_options=initial)
    return block(field, label, boxes, hint, optional=True)


def number(field: ids.Field, label: str, initial: int) -> InputBlock:
    """A whole number."""
    element = NumberInputElement(
        action_id=ids.Action.VALUE, is_decimal_allowed=False, initial_value=str(initial), min_value="1"
    )
    return block(field, label, element)


def name(texts: Texts, filled: str | None = None) -> InputBlock:
    """The rental's name."""
    hint = texts.plain(N_("Lowercase letters, digits, and hyphens. This becomes the host name."))
    return text(ids.Field.NAME, texts.plain(N_("Name")), "web01", hint, initial=filled, focus=True)


def usable(images: Sequence[Image]) -> list[Image]:
    """The images that a select can offer: Slack takes no empty and no very long value."""
    return [image for image in images if image.name.strip() and len(image.name) <= MOST_VALUE]


def image(
    images: Sequence[Image], texts: Texts, copies: Sequence[Copy] = (), filled: str | None = None
) -> InputBlock:
    """One of the person's copies or of the nodes' images, and whom people log in as; ``filled`` is the value chosen."""
    options = [(image.title.strip() or image.name, image.name) for image in usable(images)]
    logins = {image.name: image.login or DEFAULT_LOGIN for image in usable(images)}
    for one in reversed(copies):
        made = texts.date(one.kept_at or one.requested_at)
        label = texts.plain(N_("Copy of {name} ({day})"), name=one.name, day=made)
        options.insert(0, (label, COPY + one.id))
        logins[COPY + one.id] = one.rental.login
    below = {value: texts.plain(N_("Log in as {login}"), login=login) for value, login in logins.items()}
    only = filled or (options[0][1] if len(options) == 1 else None)
    return select(
        ids.Field.IMAGE,
        texts.plain(N_("Image")),
        options,
        only,
        placeholder=texts.plain(N_("Choose an operating system")),
        hint=below.get(only) if only else None,
        below=below,
    )


def registry_image(texts: Texts) -> InputBlock:
    """The name of a container image."""
    hint = texts.plain(N_("Same as for docker pull. The default tag is latest."))
    return text(ids.Field.IMAGE, texts.plain(N_("Container image")), "nginx:latest", hint)


def last_day(offer: FormOptions, texts: Texts, filled: date | None = None) -> InputBlock:
    """The last day of the rental."""
    initial = (filled or offer.default_end).isoformat()
    element = DatePickerElement(action_id=ids.Action.VALUE, initial_date=initial)
    hint = texts.plain(
        N_("Kept until the end of this day. You can choose up to {last}."), last=texts.date(offer.last_end)
    )
    return block(ids.Field.ENDS_ON, texts.plain(N_("Last day")), element, hint)


def public_key(texts: Texts) -> InputBlock:
    """A public key, pasted."""
    hint = texts.plain(
        N_("The one line in your .pub file. To save keys for later, use {command}."), command="/kws keys"
    )
    label = texts.plain(N_("Your public key"))
    return text(ids.Field.PUBLIC_KEY, label, "ssh-ed25519 AAAA… me@laptop", hint, multiline=True)


def password(texts: Texts) -> InputBlock:
    """A password. Slack has no field that hides what is typed."""
    hint = texts.plain(N_("At least 12 characters. Slack shows it while you type. KWS keeps only a hash."))
    return text(ids.Field.PASSWORD, texts.plain(N_("Password")), "…", hint)


# -- reading

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,32}$")]  # as our columns have them
Name = Annotated[str, StringConstraints(max_length=255)]  # of blocks and actions


def _a_day(text: object) -> date:
    if not isinstance(text, str) or not DAY.fullmatch(text):
        raise ValueError("no date as Slack writes it")
    return date.fromisoformat(text)


Day = Annotated[date, BeforeValidator(_a_day)]


class SlackModel(BaseModel):
    """A part of what Slack sends. Keys that we do not read may be anything."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class SentOption(SlackModel):
    """A choice of a select, or a checkbox."""

    value: Name


class SentElement(SlackModel):
    """What was chosen or typed in one element."""

    value: str | None = None
    selected_option: SentOption | None = None
    selected_options: list[SentOption] | None = None
    selected_user: Id | None = None
    selected_date: Day | None = None

    @property
    def option(self) -> str | None:
        """The value of the option that was chosen."""
        return self.selected_option.value if self.selected_option else None


EMPTY = SentElement()


class ViewState(SlackModel):
    """What a form says, by the ``block_id`` of its fields. Empty and missing fields read as None."""

    values: dict[str, dict[str, SentElement]]

    def text(self, field: ids.Field) -> str | None:
        """What was typed, without blanks round it."""
        return (self._element(field).value or "").strip() or None

    def verbatim(self, field: str) -> str | None:
        """What was typed, to the last blank: in YAML, environments and commands they count."""
        value = self._element(field).value
        return value if value and value.strip() else None

    def number(self, field: ids.Field) -> int | None:
        """The whole number that was typed, or None."""
        text = self.text(field) or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def option(self, field: str) -> str | None:
        """The value of the option that was chosen."""
        return self._element(field).option

    def options(self, field: ids.Field) -> list[str]:
        """The values of the boxes that were ticked."""
        return [option.value for option in self._element(field).selected_options or ()]

    def day(self, field: ids.Field) -> date | None:
        """The date that was picked."""
        return self._element(field).selected_date

    def person(self, field: ids.Field) -> str | None:
        """The person who was picked."""
        return self._element(field).selected_user

    def _element(self, field: str) -> SentElement:
        return self.values.get(field, {}).get(ids.Action.VALUE, EMPTY)


class SentBlock(SlackModel):
    """A block of a view or a message."""

    type: str
    block_id: Name = ""


class SentView(SlackModel):
    """A modal or an App Home as Slack sends it back."""

    id: Name
    type: Literal["modal", "home"]
    callback_id: Name
    private_metadata: Annotated[str, StringConstraints(max_length=3000)]
    hash: str
    state: ViewState
    blocks: list[SentBlock]

    @property
    def fields(self) -> list[str]:
        """The block ids that an error can stand at."""
        return [block.block_id for block in self.blocks if block.type == "input"]

    def kept(self, kind: TypeAdapter[Kept]) -> Kept:
        """Return what the form keeps in private_metadata, as JSON.

        Raises:
            UserError: If the form isn't ours.
        """
        try:
            return kind.validate_json(self.private_metadata, strict=True)
        except ValidationError:
            raise UserError(ErrorCode.FORM_STALE) from None


def _option(text: str, value: str, below: str | None = None) -> Option:
    return Option(
        text=PlainTextObject(text=clip(text, MOST_OPTION_TEXT)),
        value=value,
        description=PlainTextObject(text=clip(below, MOST_OPTION_TEXT)) if below else None,
    )
