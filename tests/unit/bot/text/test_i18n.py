"""Values from people and nodes in sentences: shown as they are, never as Slack markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter

import pytest
from harness.message_catalogue import forms, translations
from hypothesis import given
from hypothesis import strategies as st

from bot.text import error_messages
from bot.text.i18n import (
    LOCALES,
    P_,
    Mrkdwn,
    Texts,
    catalogue,
    code,
    escape,
    locale_of,
    slack_time,
    texts_for,
)

MARKUP = re.compile(r"<[^>]*>")


@given(st.text())
def test_no_markup_survives(text: str) -> None:
    escaped = escape(text)
    assert not set("<>`") & set(escaped)
    assert "&" not in re.sub(r"&(amp|lt|gt);", "", escaped)


@given(st.text(st.characters(exclude_characters="`")))
def test_slack_shows_what_was_typed(text: str) -> None:
    assert escape(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


@pytest.mark.parametrize(
    "text", ["<!channel>", "<@U0MINA00001>", "<https://evil|here>", "&lt;!here&gt;", "`x` y"]
)
def test_a_mention_or_a_link_is_only_text(text: str) -> None:
    for locale in LOCALES:
        said = Texts(locale)("{name} is ready", name=text)
        assert not MARKUP.search(said)
        assert "`" not in said


def test_markup_of_ours_is_kept_and_not_escaped_twice() -> None:
    assert Texts("en")("{command}", command=code("a<b")) == "`a&lt;b`"
    assert escape(Mrkdwn("<@U1>")) == "<@U1>"


@given(st.text())
def test_a_code_span_has_one_beginning_and_one_end(text: str) -> None:
    assert code(text).count("`") == 2


@given(st.text())
def test_braces_in_a_value_are_no_blanks(text: str) -> None:
    assert Texts("en").plain("{name}", name=text) == text


def test_a_moment_has_slacks_own_form_and_a_fallback() -> None:
    moment = datetime(2026, 12, 15, 14, 59, tzinfo=UTC)
    begin = "<!date^1797346740^{date_short_pretty}"
    assert slack_time(moment, Texts("en")) == begin + " at {time}|Tue, Dec 15, 2026 at 2:59 PM>"
    assert slack_time(moment, Texts("ko")) == begin + " {time}|2026년 12월 15일 (화) 14:59>"


@pytest.mark.parametrize(
    ("number", "english", "korean"), [(0, "0 days", "0일"), (1, "1 day", "1일"), (2, "2 days", "2일")]
)
def test_a_sentence_goes_with_its_number(number: int, english: str, korean: str) -> None:
    days = P_("{n} day", "{n} days")
    assert (Texts("en").n(days, number), Texts("ko").n(days, number)) == (english, korean)
    assert Texts("en").plain(days, n=number) == english


@pytest.mark.parametrize(
    ("slack", "mine"),
    [
        ("ko-KR", "ko"),
        ("ko", "ko"),
        ("en-GB", "en"),
        ("EN-us", "en"),
        ("tlh-XX", "ko"),
        ("", "ko"),
        (None, "ko"),
    ],
)
def test_the_language_is_slacks_or_the_fallback(slack: str | None, mine: str) -> None:
    assert locale_of(slack, "ko") == mine
    assert texts_for(slack, "ko").locale == mine


def _blanks(message: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(message) if name}


def test_every_translation_has_the_blanks_of_its_message() -> None:
    for message, translated in translations("ko").items():
        known = _blanks(forms(message)[-1])
        assert all(_blanks(form) <= known for form in translated), message


def test_every_sentence_for_a_mistake_is_translated() -> None:
    known = catalogue("ko")
    messages = error_messages.SENTENCES.values()
    assert [one for one in messages if (one if isinstance(one, str) else one.one) not in known] == []
    assert error_messages.BUG in known
