"""Documents, docstrings, and comments use no phrase of ``banned_words.toml``."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from harness.source_tree import ROOT, SOURCES, nodes_of, tree_of
from house import banned_words
from typer.main import get_command

from bot.cli.main import app

DOCUMENTS = [
    page
    for page in (*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")))
    if "ko" not in page.parts
    and page.name not in ("README.ko.md", "CHANGELOG.md", "writing.md")  # Korean; the past; the list itself
]
CODE = [*SOURCES, *sorted((ROOT / "benchmarks").rglob("*.py")), *sorted((ROOT / ".ci").glob("*.py"))]
QUOTED = re.compile(
    r"<!-- (?:generated: [\w-]+|faults: begin) -->.*?<!-- (?:generated|faults): end -->", re.S
)


def blanked(text: str) -> str:
    """Return a page without the blocks that quote messages, which another test judges; lines are kept."""
    return QUOTED.sub(lambda found: re.sub(r"[^\n]", "", found[0]), text)


@cache
def help_texts() -> frozenset[str]:
    """Return the docstrings that ``kws --help`` shows: they are messages, not documentation of the code."""

    def walk(command: object) -> Iterator[str]:
        yield str(getattr(getattr(command, "callback", None), "__doc__", ""))
        for child in getattr(command, "commands", {}).values():
            yield from walk(child)

    return frozenset(walk(get_command(app)))


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring, also of those below a field."""
    for node in nodes_of(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def suspicious(text: str) -> bool:
    """Return whether a banned phrase stands behind a number sign: only then is it worth looking for comments."""
    return any(
        any(banned_words.hits(line[sign.start() :]))
        for line in text.splitlines()
        if "#" in line
        for sign in re.finditer("#", line)
    )


def found_in(path: Path) -> list[str]:
    """Return what a file says that it shouldn't, each with its line and what to write instead."""
    if path.suffix == ".md":
        texts: list[tuple[int, str]] = [(1, blanked(path.read_text()))]
    else:
        shown = help_texts()
        told = [(line, text) for line, text in docstrings(tree_of(path)) if text not in shown]
        source = path.read_text()
        texts = [*told, *(comments(source) if suspicious(source) else ())]
    return [
        f"{path.relative_to(ROOT)}:{line + below - 1}: {phrase!r}; write: {instead}"
        for line, text in texts
        for below, phrase, instead in banned_words.hits(text)
    ]


@pytest.mark.parametrize("kind", ["documents", "code"])
def test_no_banned_phrase(kind: str) -> None:
    files = DOCUMENTS if kind == "documents" else CODE
    assert len(files) > 40
    assert [line for path in files for line in found_in(path)] == []


def test_the_rules_bite() -> None:
    assert [phrase for _, phrase, _ in banned_words.hits("It lacks things.\nGive it back, `lacks`.")] == [
        "lacks",
        "things",
        "Give it back",
    ]
    assert [line for line, _, _ in banned_words.hits("Fine.\n\nMake what lacks.")] == [3]
    assert list(banned_words.hits("There is no node. It is no longer over the limit. [x](leaks.md)")) == []
    assert list(comments("x = 1  # as ever\n")) == [(1, "# as ever")]
    assert suspicious("x = '#' + y  # what `it` lacks") and not suspicious("x = 'lacks'  # fine")
    assert blanked("<!-- generated: a -->\nit lacks\n<!-- generated: end -->x") == "\n\nx"
