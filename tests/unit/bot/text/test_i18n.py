"""Values from people and nodes in sentences: shown as they are, never as Slack markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import error_messages
from bot.text.i18n import LOCALES, Mrkdwn, Texts, catalogue, code, escape, locale_of, slack_time, texts_for

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
    for locale in LOCALES:
        text = slack_time(datetime(2026, 12, 15, 14, 59, tzinfo=UTC), Texts(locale))
        assert re.fullmatch(r"<!date\^1797346740\^\{date_short_pretty\} \{time\}\|[^<>|]+>", text)


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
    for message, translated in catalogue("ko").items():
        assert _blanks(translated) <= _blanks(message), message


def test_every_sentence_for_a_mistake_is_translated() -> None:
    known = catalogue("ko")
    assert [text for text in error_messages.SENTENCES.values() if text not in known] == []
    assert error_messages.BUG in known
