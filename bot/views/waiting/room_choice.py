"""What the rental form asks where no node has room: to wait, a smaller size, fewer days, or something else.

The question is part of the form, above its fields, so nothing that was typed is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self, cast

from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    RadioButtonsElement,
    SectionBlock,
)

from bot.text.error_messages import ROOM_FROM
from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip, size_line
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.form_fields import ViewState
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.rentals.admission import CUSTOM, RentForm
from kws_core.values import Size

WORD = "room"  # what begins its word in private_metadata
WAIT, UNTIL, FIELDS, SIZE = "wait", "until", "fields", "size:"
MOST_SIZES = 7  # Slack takes ten options
NO_ROOM = N_("No node has room for {size} now.")
THIS_SIZE = N_("this size")


@dataclass(frozen=True, slots=True)
class RoomChoice:
    """What is offered: kept in the form's private_metadata as one word.

    ``number`` counts the questions of one form: Slack keeps what was chosen where a block's id stays.
    """

    number: int
    size: str  # for which there is no room
    ends_on: date | None = None  # what an earlier answer said instead of the field
    earliest: date | None = None  # from when there is room for it
    until: date | None = None  # the last day until which there is room from now on
    fitting: tuple[str, ...] = ()  # smaller sizes that fit now

    @classmethod
    def of(cls, error: UserError, wanted: RentForm, before: RoomChoice | None, ends_on: date | None) -> Self:
        """What can be done about that error of a form, whose last day field says ``ends_on``."""
        return cls(
            number=before.number + 1 if before else 1,
            size=wanted.size or CUSTOM,
            ends_on=wanted.ends_on if wanted.ends_on != ends_on else None,
            earliest=cast(date | None, error.data["earliest"]),
            until=cast(date | None, error.data["until"]),
            fitting=tuple(cast(Sequence[str], error.data["fitting"]))[-MOST_SIZES:],
        )

    def word(self) -> str:
        """For private_metadata."""
        days = [day.isoformat() if day else "" for day in (self.ends_on, self.earliest, self.until)]
        return ":".join([WORD, str(self.number), self.size, *days, ",".join(self.fitting)])

    @classmethod
    def read(cls, words: Sequence[str]) -> Self | None:
        """The one among the words of private_metadata.

        Raises:
            UserError: If it isn't as we write it.
        """
        found = next((word for word in words if word.startswith(f"{WORD}:")), None)
        if found is None:
            return None
        try:
            _, number, size, *days, names = found.split(":")
            ends_on, earliest, until = (date.fromisoformat(day) if day else None for day in days)
            return cls(int(number), size, ends_on, earliest, until, tuple(filter(None, names.split(","))))
        except ValueError:
            raise UserError(ErrorCode.FORM_STALE) from None

    @property
    def block_id(self) -> str:
        """Of the question."""
        return f"{ids.Field.ROOM}_{self.number}"

    def apply(self, form: RentForm, state: ViewState) -> RentForm:
        """The form as it was answered."""
        chosen = state.option(self.block_id) or FIELDS
        if chosen == FIELDS:
            return form
        size = form.size if self.size == CUSTOM else self.size  # its figures are in the fields
        form = replace(form, size=size, ends_on=self.ends_on or form.ends_on, starts_on=None)
        if chosen == UNTIL:
            return replace(form, ends_on=self.until)
        if chosen.startswith(SIZE):
            return replace(form, size=chosen.removeprefix(SIZE))
        return replace(form, wait=chosen == WAIT)


def no_room(error: FormError) -> UserError | None:
    """The error that there is no room, if nothing else is wrong."""
    found = list(error.fields.values())
    return found[0] if len(found) == 1 and found[0].code is ErrorCode.NO_ROOM else None


def named(size: str, texts: Texts) -> str:
    """The name of a size in a sentence."""
    return texts.plain(THIS_SIZE) if size == CUSTOM else size


def blocks(choice: RoomChoice, sizes: Sequence[Size], texts: Texts) -> list[Block]:
    """The question, to be put above the fields."""
    said = texts(NO_ROOM, size=Mrkdwn(f"*{texts('{size}', size=named(choice.size, texts))}*"))
    kept = texts(N_("What you typed is kept."))
    options = [_option(WAIT, *_wait(choice, texts))]
    now = texts.plain(N_("There's room for it now."))
    for size in sizes:
        if size.name in choice.fitting:
            options.append(_option(f"{SIZE}{size.name}", f"{size.name} · {size_line(size, texts)}", now))
    if choice.until:
        until = texts.plain(N_("Only until {day}"), day=texts.date(choice.until))
        options.append(_option(UNTIL, until, texts.plain(N_("There's room for these days."))))
    other = texts.plain(N_("Other days, or another size"))
    options.append(_option(FIELDS, other, texts.plain(N_("Change the fields below."))))
    radio = RadioButtonsElement(action_id=ids.Action.VALUE, options=options)
    return [
        SectionBlock(text=MarkdownTextObject(text=clip(f"{said} {kept}", 3000))),
        fields.block(choice.block_id, texts.plain(N_("What would you like to do?")), radio),
        wait_until(texts),
        first_day(texts),
    ]


def _wait(choice: RoomChoice, texts: Texts) -> tuple[str, str]:
    label = texts.plain(N_("Wait for {size}"), size=named(choice.size, texts))
    if choice.earliest is None:
        return label, texts.plain(N_("As planned now, there's no room before your last day."))
    return label, texts.plain(ROOM_FROM, day=texts.date(choice.earliest))


def _option(value: str, label: str, below: str) -> Option:
    return Option(
        value=value,
        text=PlainTextObject(text=clip(label, fields.MOST_OPTION_TEXT)),
        description=PlainTextObject(text=clip(below, fields.MOST_OPTION_TEXT)),
    )


def first_day(texts: Texts) -> InputBlock:
    """The first day of a reservation."""
    hint = texts.plain(N_("If empty, it's created right away. Otherwise it's running when this day begins."))
    element = DatePickerElement(action_id=ids.Action.VALUE)
    return fields.block(ids.Field.STARTS_ON, texts.plain(N_("First day")), element, hint, optional=True)


def wait_until(texts: Texts) -> InputBlock:
    """Until when somebody waits for room."""
    hint = texts.plain(N_("If no room comes by this day, the request ends, and you get a DM."))
    element = DatePickerElement(action_id=ids.Action.VALUE)
    return fields.block(
        ids.Field.WAIT_UNTIL, texts.plain(N_("Wait only until")), element, hint, optional=True
    )
