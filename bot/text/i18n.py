"""Words in the person's language: gettext catalogs (Babel), English as the message ids.

Values put into a sentence are escaped for Slack's mrkdwn unless they are :class:`Mrkdwn` already.
"""

from __future__ import annotations

import functools
import gettext
from collections.abc import Callable
from datetime import date, datetime
from importlib.resources import files
from typing import NamedTuple

from babel.dates import format_skeleton, format_time
from babel.messages.pofile import read_po

from kws_core.values import LOCALES, Locale

__all__ = [
    "LOCALES",
    "N_",
    "P_",
    "Locale",
    "Message",
    "Mrkdwn",
    "Plural",
    "Texts",
    "catalogue",
    "code",
    "escape",
    "locale_of",
    "slack_time",
    "texts_for",
]

ENGLISH: Locale = "en"  # the language of the message ids
CLOCKS = {"ko": "Hm"}  # skeletons of the time of day, where it isn't the locale's short one


class Plural(NamedTuple):
    """A sentence whose wording depends on a number: the one in the blank ``by``."""

    one: str
    many: str
    by: str = "n"


Message = str | Plural


class Mrkdwn(str):
    """Text that is Slack markup already: not escaped again."""

    __slots__ = ()


def escape(text: object) -> str:
    """``text`` so that Slack shows it as it is: no mention, link, or code span can come out of it."""
    if isinstance(text, Mrkdwn):
        return text
    plain = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("`", "ˋ")


def code(text: object) -> Mrkdwn:
    """``text`` in a code span."""
    return Mrkdwn(f"`{escape(text)}`")


def slack_time(moment: datetime, texts: Texts) -> Mrkdwn:
    """A moment that Slack shows in each reader's own zone, with a fallback in the moment's zone."""
    shown = texts.plain(_MOMENT, day="{date_short_pretty}", time="{time}")
    fallback = texts.plain(_MOMENT, day=texts.date(moment), time=_time_of_day(moment, texts.locale))
    return Mrkdwn(f"<!date^{int(moment.timestamp())}^{shown}|{escape(fallback)}>")


def _time_of_day(moment: datetime, locale: Locale) -> str:
    if locale in CLOCKS:
        return format_skeleton(CLOCKS[locale], moment, locale=locale)
    return format_time(moment, "short", locale=locale).replace("\u202f", " ")


def locale_of(slack_locale: str | None, fallback: Locale) -> Locale:
    """``ko-KR`` → ``ko``; the fallback for languages that KWS does not speak."""
    short = (slack_locale or "").split("-")[0].lower()
    return next((locale for locale in LOCALES if locale == short), fallback)


@functools.cache
def catalogue(locale: Locale) -> dict[str, tuple[str, ...]]:
    """Message id → translation, or its plural forms; empty for English."""
    if locale == ENGLISH:
        return {}
    return _read(locale)[0]


@functools.cache
def _rule(locale: Locale) -> Callable[[int], int]:
    """Which plural form goes with a number."""
    expression = "n != 1" if locale == ENGLISH else _read(locale)[1]
    return gettext.c2py(expression)


@functools.cache
def _read(locale: Locale) -> tuple[dict[str, tuple[str, ...]], str]:
    """Return the translations and the plural rule; Babel's own catalog of them is a MiB larger."""
    path = files("bot.text").joinpath("locale", locale, "LC_MESSAGES", "kws.po")
    with path.open("rb") as file:
        found = read_po(file, locale=locale)
    return {_id(m.id): _forms(m.string) for m in found if m.id and m.string}, found.plural_expr


def _id(message: str | list[str] | tuple[str, ...]) -> str:
    return message if isinstance(message, str) else message[0]


def _forms(found: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else tuple(found)


class Texts:
    """Sentences in one language. ``texts("{name} is ready", name=…)`` is mrkdwn, ``plain`` is not."""

    def __init__(self, locale: Locale) -> None:
        self.locale: Locale = locale
        self._catalogue = catalogue(locale)

    def __call__(self, message: Message, **data: object) -> Mrkdwn:
        """The sentence as mrkdwn, every value escaped."""
        filled = self._find(message, data).format(**{key: escape(value) for key, value in data.items()})
        return Mrkdwn(filled)

    def plain(self, message: Message, **data: object) -> str:
        """The sentence for plain_text objects: nothing is markup there, nothing is escaped."""
        return self._find(message, data).format(**data)

    def n(self, message: Plural, n: int, **data: object) -> Mrkdwn:
        """A sentence with the number ``n`` in it, as mrkdwn."""
        return self(message, **{message.by: n}, **data)

    def day(self, day: date) -> str:
        """A date of the next weeks: ``Thu, Dec 24``, ``12월 24일 (목)``."""
        return format_skeleton("MMMEd", day, locale=self.locale)

    def month(self, day: date) -> str:
        """The month of a day: ``December 2026``, ``2026년 12월``."""
        return format_skeleton("yMMMM", day, locale=self.locale)

    def date(self, day: date) -> str:
        """A date as people write it: ``Thu, Dec 24, 2026``, ``2026년 12월 24일 (목)``."""
        return format_skeleton("yMMMEd", day, locale=self.locale)

    def _find(self, message: Message, data: dict[str, object]) -> str:
        if isinstance(message, str):
            return self._catalogue.get(message, (message,))[0]
        forms = self._catalogue.get(message.one, (message.one, message.many))
        number = data[message.by]
        assert isinstance(number, int), message
        return forms[_rule(self.locale)(number)]


def N_(message: str) -> str:
    """Mark a message for the catalogs where it is not looked up yet."""
    return message


def P_(one: str, many: str, by: str = "n") -> Plural:
    """Marks a sentence with a number, for one and for more; ``by`` is the blank that counts."""
    return Plural(one, many, by)


_MOMENT = N_("{day} at {time}")


def texts_for(slack_locale: str | None, fallback: Locale) -> Texts:
    """The sentences for a person with that Slack locale."""
    return Texts(locale_of(slack_locale, fallback))
