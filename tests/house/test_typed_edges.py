"""What Slack sends is checked and named once: behind the dispatcher nobody reads a raw payload."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.source_tree import ROOT, SOURCES, nodes_of, tree_of

HANDLERS = [path for path in SOURCES if path.parent == ROOT / "bot/handlers"]
VIEWS = [path for path in SOURCES if path.parent == ROOT / "bot/views"]


def uses_of_any(tree: ast.AST) -> Iterator[int]:
    """The lines that say ``Any``, or import it under whatever name."""
    for node in nodes_of(tree):
        match node:
            case ast.Name(id="Any") | ast.Attribute(attr="Any") | ast.alias(name="Any"):
                yield node.lineno


def of_bolt(tree: ast.AST) -> set[str]:
    """What is imported from Bolt."""
    found = set()
    for node in nodes_of(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("slack_bolt"):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("slack_bolt")}
    return found


@pytest.mark.parametrize("path", [*HANDLERS, *VIEWS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_handlers_and_views_know_what_they_are_given(path: Path) -> None:
    assert list(uses_of_any(tree_of(path))) == []


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.stem)
def test_handlers_leave_acknowledging_to_the_dispatcher(path: Path) -> None:
    assert of_bolt(tree_of(path)) <= {"App"}, "register with dispatcher.listener, .form or .event"


@pytest.mark.parametrize(
    ("line", "anys", "bolt"),
    [
        ("from typing import Any, NamedTuple", 1, set()),
        ("from typing import Any as Whatever", 1, set()),
        ("def parse(view: dict[str, Any]) -> Any: ...", 2, set()),
        ("x: typing.Any", 1, set()),
        ("from slack_bolt import Ack, App", 0, {"Ack", "App"}),
        ("from slack_bolt.context.ack import Ack", 0, {"Ack"}),
        ("import slack_bolt", 0, {"slack_bolt"}),
        ("found = any(x for x in ())", 0, set()),
    ],
)
def test_the_rules_bite(line: str, anys: int, bolt: set[str]) -> None:
    tree = ast.parse(line)
    assert (len(list(uses_of_any(tree))), of_bolt(tree)) == (anys, bolt)


def test_they_read_something() -> None:
    assert len(HANDLERS) > 10
    assert len(VIEWS) > 10
