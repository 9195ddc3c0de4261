"""Every message for people, as ``make messages`` extracts them, and its translations."""

from __future__ import annotations

import re
from functools import cache

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from harness.source_tree import ROOT

from kws_core.values import Locale

MessageId = str | tuple[str, ...]
KEYWORDS: dict[str, tuple[int, ...] | None] = {"N_": None, "_": None, "P_": (1, 2), "_n": (1, 2)}


def methods() -> list[tuple[str, str]]:
    """What babel.cfg extracts messages from: (pattern, method)."""
    return [
        (found[2], found[1])
        for found in re.finditer(r"^\[(\w+): (\S+)\]", (ROOT / "babel.cfg").read_text(), re.M)
    ]


@cache
def messages() -> frozenset[MessageId]:
    """The messages that the code has; one with a number as both of its forms."""
    return frozenset(
        message
        for pattern, method in methods()
        for _, _, message, _, _ in extract_from_dir(ROOT, [(pattern, method)], keywords=KEYWORDS)
    )


@cache
def translations(locale: Locale) -> dict[MessageId, tuple[str, ...]]:
    """Each message's forms in a language."""
    with (ROOT / f"bot/text/locale/{locale}/LC_MESSAGES/kws.po").open("rb") as file:
        return {message.id: forms(message.string) for message in read_po(file, locale=locale) if message.id}


def forms(message: MessageId | list[str]) -> tuple[str, ...]:
    """The forms of a message: one, or those of its plural."""
    return (message,) if isinstance(message, str) else tuple(message)
