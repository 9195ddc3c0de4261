"""The reader of ``banned_words.toml``: words and phrases that KWS doesn't use, and what to write instead."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from harness.source_tree import ROOT

_CODE = re.compile(r"```.*?```|``[^`]*``|`[^`\n]*`|:\w+:`[^`]*`|\]\([^)]*\)|<!--.*?-->|https?://\S+", re.S)
_SECTIONS = {"documents": ("everywhere",), "english": ("everywhere", "messages"), "korean": ("korean",)}


class Hit(NamedTuple):
    """A banned phrase of a text."""

    line: int
    phrase: str
    instead: str


@cache
def _patterns(kind: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    table: dict[str, dict[str, str]] = tomllib.loads((ROOT / "tests/house/banned_words.toml").read_text())
    flags = re.IGNORECASE | re.MULTILINE
    return tuple(
        (re.compile(rf"\b(?:{pattern})(?!\w)" if section == "everywhere" else pattern, flags), instead)
        for section in _SECTIONS[kind]
        for pattern, instead in table[section].items()
    )


def without_code(text: str) -> str:
    """Return the text with fenced blocks, code spans, link targets, and comments blanked, lines kept."""
    return _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def hits(text: str, kind: str = "documents") -> Iterator[Hit]:
    """Yield each banned phrase of a text, in the order of the lines.

    Args:
        text: What to check.
        kind: ``documents`` (what is in backticks isn't checked), or messages: ``english``, ``korean``.
    """
    prose = without_code(text) if kind == "documents" else text
    found = [
        (one.start(), Hit(prose.count("\n", 0, one.start()) + 1, one[0], instead))
        for pattern, instead in _patterns(kind)
        for one in pattern.finditer(prose)
    ]
    yield from (hit for _, hit in sorted(found))
