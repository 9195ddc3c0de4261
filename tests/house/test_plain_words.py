"""Messages in plain words: no banned phrase, short sentences, one wording for one thing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from harness.message_catalogue import forms, messages, translations
from house import banned_words

MOST_WORDS = 20
ENDINGS = ("니다", "세요", "까요", "주세요")


@cache
def texts_in(language: str) -> list[str]:
    """Each form of each message; read when a test asks, since every worker collects every test."""
    if language == "english":
        return sorted({form for message in messages() for form in forms(message)})
    return sorted({form for translated in translations("ko").values() for form in translated})


def found(texts: Iterable[str], language: str) -> Iterator[str]:
    """Each text with a banned phrase, and what to write instead."""
    for text in texts:
        yield from (f"{text!r}: {hit.phrase!r} → {hit.instead}" for hit in banned_words.hits(text, language))


def sentences(text: str) -> list[str]:
    """A message's sentences: what a command or an address has in it is one word."""
    return re.split(r"(?<=[.?!])\s+|\n|: (?=[a-z]+ )", text)


def too_long(text: str) -> list[str]:
    """Sentences with more words than people take in at once."""
    return [one for one in sentences(text) if len(re.findall(r"\S*\w\S*", one)) > MOST_WORDS]


def plain(text: str) -> str:
    """Without case and punctuation."""
    return re.sub(r"[^\w{} ]", "", text).lower().strip()


@pytest.mark.parametrize("language", ["english", "korean"])
def test_no_message_has_a_banned_phrase(language: str) -> None:
    assert list(found(texts_in(language), language)) == []


def test_a_sentence_has_at_most_twenty_words() -> None:
    assert [text for text in texts_in("english") if too_long(text)] == []


def test_korean_sentences_are_polite() -> None:
    told = [one for text in texts_in("korean") for one in sentences(text)]
    assert [one for one in told if re.search(r"[가-힣]\.$", one) and not one[:-1].endswith(ENDINGS)] == []


def test_one_thing_has_one_wording() -> None:
    """Messages that differ only in case or punctuation are translated alike."""
    alike = defaultdict(set)
    for message, translated in translations("ko").items():
        alike[plain(forms(message)[0])].add(plain(translated[0]))
    assert {text: found for text, found in alike.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("{word} fits nothing here.", "english"),
        ("{node} does not answer", "english"),
        ("Out of service …", "english"),
        ("{ram} MB of memory", "english"),
        ("{name}을(를) 삭제", "korean"),
        ("{name}이 없습니다", "korean"),
        ("{actor}님이 했습니다", "korean"),
        ("이제 회원님의 것입니다.", "korean"),
    ],
)
def test_the_rules_bite(text: str, language: str) -> None:
    assert list(found([text], language))


def test_what_is_right_is_left_alone() -> None:
    assert not list(found(["{node} is no longer in nodes.toml.", "3 GB", "Choose…"], "english"))
    assert not list(found(["{day}까지 {node} 노드를 사용합니다.", "{person} 님에게"], "korean"))
    assert not too_long("Short. " * 30)
    assert too_long("word " * 21)
