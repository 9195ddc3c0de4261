"""Tests are given what they need: they patch nothing by its path, and leave private members alone."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import source_tree

TESTS = Path(__file__).parents[1]
SOURCES = {path.relative_to(TESTS).as_posix(): path for path in sorted(TESTS.rglob("*.py"))}
PATCHERS = {"setattr", "delattr", "patch"}

# Private members that tests still reach into, by file. Only ever make these smaller: what a test needs is handed in
# by the constructor, or is public and documented.
ALLOWED = {
    "conftest.py": 2,  # SQLAlchemy's
    "harness/mutants.py": 1,
    "harness/sockets.py": 1,  # slack_sdk's
    "life/planted.py": 5,
    "life/test_known_bugs.py": 2,
    "stories/test_keys.py": 1,
    "unit/bot/cli/test_db.py": 1,
    "unit/bot/text/test_error_messages.py": 1,
    "unit/images/test_files.py": 1,
    "unit/nightly/test_cleanup_grace.py": 1,
    "unit/nightly/test_cleanup_reminders.py": 1,
    "unit/reconcile/test_orphan_sweep.py": 1,
    "unit/test_original_faults.py": 2,
}


def tree_of(name: str) -> ast.Module:
    return source_tree.tree_of(SOURCES[name])


def dotted_patches(tree: ast.AST) -> Iterator[str]:
    """What is patched by a path in a string."""
    for node in source_tree.nodes_of(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        target = node.args[0]
        if called in PATCHERS and isinstance(target, ast.Constant) and isinstance(target.value, str):
            yield target.value


def private_uses(tree: ast.AST) -> Iterator[str]:
    """Members and names with an underscore that are somebody else's."""
    for node in source_tree.nodes_of(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node.value):
            yield f"{ast.unparse(node)} (line {node.lineno})"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{name.name} (line {node.lineno})" for name in node.names if is_private(name.name))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_exit"


def is_own(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):  # super()
        value = value.func
    return isinstance(value, ast.Name) and value.id in ("self", "cls", "super")


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_patched_by_its_path(name: str) -> None:
    assert list(dotted_patches(tree_of(name))) == []


def test_private_members_are_left_alone() -> None:
    found = {name: list(private_uses(tree_of(name))) for name in SOURCES}
    numbers = {name: len(uses) for name, uses in found.items() if uses}
    more = {name: found[name] for name in numbers if numbers[name] > ALLOWED.get(name, 0)}
    assert more == {}, "hand in what the test needs, or make it public"
    assert numbers == ALLOWED, "fewer than allowed: write down the smaller number"


@pytest.mark.parametrize(
    ("line", "patches", "uses"),
    [
        ("monkeypatch.setattr('bot.service.CLOSE', 1)", 1, 0),
        ("patch('bot.service.Store', 1)", 1, 0),
        ("mock.patch('bot.service.Store')", 1, 0),
        ("monkeypatch.setattr(service, 'CLOSE', 1)", 0, 0),
        ("workspace._core.state", 0, 1),
        ("from bot.app import _authorize", 0, 1),
        ("self._own + cls._own + super()._own + one.__class__", 0, 0),
    ],
)
def test_the_rules_bite(line: str, patches: int, uses: int) -> None:
    tree = ast.parse(line)
    assert (len(list(dotted_patches(tree))), len(list(private_uses(tree)))) == (patches, uses)


def test_the_list_names_files_that_are_there() -> None:
    assert Counter(ALLOWED).keys() <= SOURCES.keys()
