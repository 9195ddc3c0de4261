"""Words in the person's language: gettext catalogues (Babel), English as the message ids.

Values put into a sentence are escaped for Slack's mrkdwn unless they are :class:`Mrkdwn` already.
"""

from __future__ import annotations

import functools
from datetime import date, datetime
from importlib.resources import files

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po

from kws_core.values import LOCALES, Locale

__all__ = [
    "LOCALES",
    "N_",
    "Locale",
    "Mrkdwn",
    "Texts",
    "catalogue",
    "code",
    "escape",
    "locale_of",
    "slack_time",
    "texts_for",
]

ENGLISH: Locale = "en"  # the language of the message ids


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
    fallback = format_datetime(moment, "medium", locale=texts.locale)
    return Mrkdwn(f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{escape(fallback)}>")


def locale_of(slack_locale: str | None, fallback: Locale) -> Locale:
    """``ko-KR`` → ``ko``; the fallback for languages that KWS does not speak."""
    short = (slack_locale or "").split("-")[0].lower()
    return next((locale for locale in LOCALES if locale == short), fallback)


@functools.cache
def catalogue(locale: Locale) -> dict[str, str]:
    """Message id → translation; empty for English."""
    if locale == ENGLISH:
        return {}
    path = files("bot.text").joinpath("locale", locale, "LC_MESSAGES", "kws.po")
    with path.open("rb") as file:
        messages = read_po(file, locale=locale)
    return {str(m.id): str(m.string) for m in messages if m.id and m.string}


class Texts:
    """Sentences in one language. ``texts("{name} is ready", name=…)`` is mrkdwn, ``plain`` is not."""

    def __init__(self, locale: Locale) -> None:
        self.locale: Locale = locale
        self._catalogue = catalogue(locale)

    def __call__(self, message: str, **data: object) -> Mrkdwn:
        """The sentence as mrkdwn, every value escaped."""
        filled = self._find(message).format(**{key: escape(value) for key, value in data.items()})
        return Mrkdwn(filled)

    def plain(self, message: str, **data: object) -> str:
        """The sentence for plain_text objects: nothing is markup there, nothing is escaped."""
        return self._find(message).format(**data)

    def date(self, day: date) -> str:
        """A date with its weekday, in words of the language."""
        return format_date(day, "full", locale=self.locale)

    def _find(self, message: str) -> str:
        return self._catalogue.get(message, message)


def N_(message: str) -> str:
    """Mark a message for the catalogues where it is not looked up yet."""
    return message


def texts_for(slack_locale: str | None, fallback: Locale) -> Texts:
    """The sentences for a person with that Slack locale."""
    return Texts(locale_of(slack_locale, fallback))
