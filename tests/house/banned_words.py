"""Words and phrases that KWS doesn't use, and what to write instead.

The list follows the language guide: one name per idea (a *transfer*, never a hand-over), and plain English instead of an
idiom of the project's own (``what lacks``, ``is none``, ``without a word``). Identifiers and stored values keep their
names: put them in backticks, where nothing is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Banned:
    """A pattern that no text may have, and the replacement that its author is told."""

    pattern: str
    instead: str


BANNED = (
    # one name per idea
    Banned(r"g(?:ive|ives|ave|iven|iving) (?:\w+ )?back", "return, release"),
    Banned(r"hand(?:s|ed|ing)?[ -]?overs?", "transfer"),
    Banned(r"leak(?:s|ed|ing)?", "orphaned resource"),
    Banned(r"night(?:ly)? pass(?:es)?", "nightly cleanup"),
    Banned(r"the night's", "the nightly cleanup's"),
    Banned(r"(?:out of|back into) service", "in maintenance, end maintenance"),
    Banned(r"grace time", "grace period"),
    Banned(r"quiet days?", "deletion freeze"),
    Banned(r"desk", "Manage rentals"),
    Banned(r"(?:the )?system before(?: KWS)?", "previous system"),
    Banned(r"bells?", "notification"),
    Banned(r"notices? to (?:the )?admins?", "admin alert"),
    Banned(r"(?:is|are|was|were) (?:not )?over(?! (?:a|the|its|\d))", "has ended, is active"),
    Banned(r"being built", "being created"),
    Banned(r"silent|silence", "not responding"),
    Banned(r"direct messages?", "DM"),
    Banned(r"new-key(?!\.md)", "SSH key reset"),
    # no idiom of its own
    Banned(r"lack(?:s|ed|ing)?", "doesn't have, is missing"),
    Banned(r"things?", "name it"),
    Banned(r"anew", "again"),
    Banned(r"any more", "no longer"),
    Banned(r"an own|one's own|own one", "your own, a separate one"),
    Banned(r"(?:is|are) possible", "can"),
    Banned(r"(?<!there )(?:is|are) none", "there is no, isn't"),
    Banned(r"(?<!there )(?<!here )\bis no (?!longer)", "isn't, doesn't count as"),
    Banned(r"without a (?:\w+ )?word|(?:gets?|has|had) word|word of it", "without notice, is told"),
    Banned(r"in (?:its|their|his|her) hands?|at hand|by hand of", "holds, available"),
    Banned(
        r"a look|looks? at the (?:same|node)|(?:two|no|each|every|shared|last|next|first) looks?",
        "a check, read",
    ),
    Banned(r"a making|makings|every making|each making", "creating, a create call"),
    Banned(r"pok(?:e|es|ed|ing)", "requeue, wake"),
    Banned(r"bur(?:y|ies|ied|ials?)", "expire"),
    Banned(r"as ever", "as before"),
    Banned(r"comes? to nothing|fits? nothing|of nobody|nobody's", "name it"),
    Banned(r"whoever|whosoever", "the one who, anyone who"),
    Banned(r"everybody's network", "shared network"),
    Banned(r"[,;:] else\b", "otherwise, then"),
    Banned(r"besides? of|inside of", "besides, inside"),
    Banned(r"the like\b|and such\b", "name it"),
    Banned(r"so many\b|so long as", "that many, as long as"),
    Banned(r"hastily|heretofore|thereof|therein|hereby|whither|thither", "plain words"),
    Banned(r"for want of", "because there is no"),
    Banned(r"mended?|mending", "fix"),
    Banned(r"riddles?", "plain words"),
)
_ALL = re.compile("|".join(f"(?P<b{i}>\\b(?:{one.pattern})(?!\\w))" for i, one in enumerate(BANNED)), re.I)
_CODE = re.compile(r"```.*?```|``[^`]*``|`[^`\n]*`|:\w+:`[^`]*`|\]\([^)]*\)|<!--.*?-->|https?://\S+", re.S)


def without_code(text: str) -> str:
    """Return the text with fenced blocks, code spans, link targets, and comments blanked, lines kept."""
    return _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def hits(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, phrase, and replacement for each banned phrase of a text.

    Args:
        text: Prose or Markdown; what stands in backticks isn't checked.
    """
    prose = without_code(text)
    for found in _ALL.finditer(prose):
        number = int(str(found.lastgroup)[1:])
        yield prose.count("\n", 0, found.start()) + 1, found[0], BANNED[number].instead
