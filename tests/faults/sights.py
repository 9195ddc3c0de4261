"""What people have read so far, taken from their screens: each line once, in the order of its first showing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_CHANGING = (
    (re.compile(r"<!date\^[^|>]*\|([^>]*)>"), "…"),  # times
    (re.compile(r"`?SHA256:[\w+/]+`?"), "…"),
    (re.compile(r"`ssh [^`]*`"), "`ssh …`"),
    (re.compile(r"203\.0\.113\.\d+"), "…"),
    (re.compile(r"<@(\w+)>"), r"\1"),
    (re.compile(r":[a-z_]+:\s*"), ""),
    (re.compile(r"\*([^*]+)\*"), r"\1"),
    (re.compile(r"\b[0-9a-f]{8}$"), "…"),  # reference ids
)
_NODES = re.compile(r"node\d")


class Sights:
    """``look`` as often as possible; ``unusual`` compares with what is seen when nothing goes wrong."""

    def __init__(self) -> None:
        self.lines: dict[str, None] = {}

    def look(self, person: Any, prefix: str = "") -> None:
        """Reads a person's direct messages and what only they see."""
        for message in [*person.dm(), *person.ephemeral()]:
            for text in [
                *_texts(message.get("blocks") or []),
                *([] if message.get("blocks") else [message.get("text", "")]),
            ]:
                self._keep(prefix, text)

    def form(self, outcome: Any) -> None:
        """Reads what a submitted form answered, or Slack itself did."""
        errors = outcome.errors or {}
        for text in errors.values():
            self._keep("", text)
        if not errors and not outcome.acked:
            self._keep("Slack itself: ", outcome.error or "We had some trouble connecting. Try again?")

    def unusual(self, usual: Sights) -> list[str]:
        """Lines that were not seen in the other, whatever node they name."""
        known = {_NODES.sub("node", line) for line in usual.lines}
        odd = [line for line in self.lines if _NODES.sub("node", line) not in known]
        return [
            line for line in odd if line.partition(" ")[2] not in self.lines
        ]  # a bell repeats a line of the card

    def _keep(self, prefix: str, text: str) -> None:
        for line in str(text).splitlines():
            plain = line
            for pattern, instead in _CHANGING:
                plain = pattern.sub(instead, plain)
            if plain.strip():
                self.lines.setdefault(prefix + plain.strip())


def _texts(blocks: Any) -> Iterator[str]:
    """Texts of sections and contexts, not of buttons."""
    for block in blocks:
        if block.get("type") in ("section", "header") and block.get("text"):
            yield block["text"]["text"]
        if block.get("type") == "context":
            yield from (one["text"] for one in block["elements"] if "text" in one)
