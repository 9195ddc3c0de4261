"""Every message for people is found by the extraction of ``make messages``, so that it gets its Korean.

Babel reads tokens, not the syntax tree: before Python 3.12 it is blind to what stands inside of an f-string.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from harness.message_catalogue import KEYWORDS, forms
from harness.source_tree import ROOT, SOURCES, module_of, nodes_of, tree_of

MARKS = {"N_", "_", "P_", "gettext", "ngettext"}
TELLERS = {"texts", "plain"}  # ``texts("…")`` and ``texts.plain("…")`` look a message up
BLANK = re.compile(r"{\w*}")
TOLD = [path for path in SOURCES if module_of(path).split(".")[0] in ("bot", "demo")]


def name_of(call: ast.Call) -> str:
    """``texts`` of ``request.texts(…)``."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def calls(tree: ast.AST, names: set[str]) -> Iterator[tuple[ast.Call, str | None]]:
    """Calls of those functions, with the literal text that they are given, None where it is computed."""
    for node in nodes_of(tree):
        if isinstance(node, ast.Call) and node.args and name_of(node) in names:
            first = node.args[0]
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            yield node, str(first.value) if literal else None  # type: ignore[attr-defined]


def extracted(folder: Path) -> set[str]:
    """What Babel finds in the Python files of a folder."""
    found = extract_from_dir(folder, [("**.py", "python")], keywords=KEYWORDS)
    return {form for _, _, message, _, _ in found for form in forms(message)}


def missed(tree: ast.AST, found: set[str]) -> list[str]:
    """Marked messages that the extraction does not know."""
    return [
        f"line {call.lineno}: {text or ast.unparse(call)}"
        for call, text in calls(tree, MARKS)
        if text not in found
    ]


def unmarked(tree: ast.AST) -> list[str]:
    """Sentences that are looked up but marked nowhere. Blanks and punctuation alone are no words."""
    return [
        f"line {call.lineno}: {text}"
        for call, text in calls(tree, TELLERS)
        if text is not None and any(c.isalpha() for c in BLANK.sub("", text))
    ]


PLANTED = """\
say(N_("Seen"))
say(N_("Seen " "in parts"))
say(f"{texts(N_('Inside'))}!")
say(N_(f"Made {up}"))
texts("Not marked: {x}")
texts("{a} – {b}")
"""
INSIDE = ["line 3: Inside"] if sys.version_info < (3, 12) else []  # Babel sees into f-strings from then on


@pytest.fixture(scope="module")
def found() -> set[str]:
    return extracted(ROOT / "bot") | extracted(ROOT / "demo")


@pytest.mark.parametrize("path", TOLD, ids=module_of)
def test_no_message_is_missed(path: Path, found: set[str]) -> None:
    assert missed(tree_of(path), found) == []
    assert unmarked(tree_of(path)) == []


def test_the_core_has_no_words_for_people() -> None:
    """It is not extracted: what it says to people are codes, and ``bot/text`` has the sentences."""
    core = [path for path in SOURCES if module_of(path).startswith("kws_core")]
    assert [
        module_of(path) for path in core if list(calls(tree_of(path), {"N_", "P_", "gettext", "ngettext"}))
    ] == []


def test_the_rules_bite(tmp_path: Path) -> None:
    source = PLANTED
    (tmp_path / "planted.py").write_text(source)
    tree = ast.parse(source)
    assert sorted(missed(tree, extracted(tmp_path))) == [*INSIDE, "line 4: N_(f'Made {up}')"]
    assert unmarked(tree) == ["line 5: Not marked: {x}"]
