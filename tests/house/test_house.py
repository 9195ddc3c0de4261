"""The house keeps its own rules: directions of imports, documents that tell the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from harness.source_tree import ROOT, SOURCES, module_of, tree_of

from kws_core.tables.diagram import mermaid
from kws_core.values import LOCALES

# package prefix → what it may not import; the longest prefix that fits counts as well as the shorter ones
FORBIDDEN = {
    "kws_core": ["bot", "slack_sdk", "slack_bolt"],
    "kws_core.nodes": [
        "kws_core.rentals.service", "kws_core.database.store", "kws_core.tables.rental", "kws_core.scheduling.placement", "kws_core.reconcile.reconciler",
        "kws_core.reconcile.steps", "kws_core.outbox.pending_messages", "kws_core.scheduling.capacity", "sqlalchemy",
    ],
    "kws_core.scheduling.placement": ["sqlalchemy", "openstack", "kws_core.rentals.service", "kws_core.database.store", "kws_core.tables.rental"],
    "kws_core.tables.rental": ["kws_core.rentals.service", "kws_core.database.store", "openstack"],
    "kws_core.database.store": ["kws_core.rentals.service", "kws_core.reconcile.reconciler", "kws_core.reconcile.steps", "openstack"],
    "kws_core.rentals.service": ["kws_core.reconcile.reconciler", "kws_core.reconcile.steps", "kws_core.outbox.pending_messages", "openstack"],
    "kws_core.outbox.pending_messages": ["kws_core.reconcile.reconciler", "kws_core.reconcile.steps", "openstack"],
    "bot": ["openstack", "keystoneauth1", "zunclient", "sqlalchemy", "alembic"],
    "bot.views": ["bot.handlers", "bot.app", "bot.slack.dispatcher", "bot.delivery.owners", "bot.service", "slack_bolt", "kws_core.database.store"],
    "bot.handlers": ["bot.app", "bot.service", "bot.delivery.owners", "kws_core.database.store", "kws_core.reconcile.reconciler"],
    "slack_workspace": ["kws_core", "slack_bolt", "bot.app", "bot.views", "bot.handlers", "bot.service"],
}  # fmt: skip


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Every module imported anywhere in the file, relative ones resolved."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    package = module_of(path).split(".") if path.name == "__init__.py" else module_of(path).split(".")[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_run_downwards(path: Path) -> None:
    for package, forbidden in FORBIDDEN.items():
        if within(module_of(path), package):
            wrong = [i for i in imports_of(path) for f in forbidden if within(i, f)]
            assert wrong == [], f"{package} must not import {wrong}"


def test_the_plotting_library_never_comes_into_the_bot() -> None:
    """It takes a second and 45 MB: only the program that draws imports it, and nothing imports that program."""
    users = {module_of(path) for path in SOURCES if any(within(i, "matplotlib") for i in imports_of(path))}
    assert users == {"bot.delivery.plot"}
    assert [module_of(path) for path in SOURCES if "bot.delivery.plot" in imports_of(path)] == []


def test_the_rule_of_imports_bites(tmp_path: Path) -> None:
    bad = ROOT / "kws_core" / "scheduling/placement.py"
    text = "from bot import app\nimport slack_sdk\n" + bad.read_text()
    found = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert any(getattr(node, "module", None) == "bot" for node in found)
    assert within("slack_sdk.web", "slack_sdk") and not within("slack_sdkx", "slack_sdk")


@pytest.mark.parametrize("name", ["README.md", "docs/architecture/rentals.md"])
def test_the_state_diagram_is_fresh(name: str) -> None:
    text = (ROOT / name).read_text()
    assert mermaid() in text, "run: python -m kws_core.tables.diagram"


def babel_methods() -> list[tuple[str, str]]:
    """What babel.cfg extracts messages from: (pattern, method)."""
    return [
        (found[2], found[1])
        for found in re.finditer(r"^\[(\w+): (\S+)\]", (ROOT / "babel.cfg").read_text(), re.M)
    ]


@pytest.mark.parametrize("locale", sorted({*LOCALES} - {"en"}))
def test_every_message_is_translated(locale: str) -> None:
    with (ROOT / f"bot/text/locale/{locale}/LC_MESSAGES/kws.po").open("rb") as file:
        known = {message.id: message.string for message in read_po(file) if message.id}
    found = {
        message
        for pattern, method in babel_methods()
        for _, _, message, _, _ in extract_from_dir(
            ROOT, [(pattern, method)], keywords={"N_": None, "_": None}
        )
        if isinstance(message, str)
    }
    assert len(found) > 50
    assert found - set(known) == set(), "not translated"
    assert set(known) - found == set(), "not used any more"
    for message, translation in known.items():
        assert translation, message
        assert set(re.findall(r"{\w+}", str(message))) == set(re.findall(r"{\w+}", str(translation))), message


def keys_of_data(tree: ast.Module) -> list[int]:
    """Lines that read an event's or a notice's ``data`` by a string key."""
    found = []
    for node in ast.walk(tree):
        read: list[ast.expr] = []
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr == "get"):
            read = [node.value]
        elif isinstance(node, ast.Compare):
            read = node.comparators
        if any(isinstance(one, ast.Attribute) and _is_data_of_a_row(one) for one in read):
            found.append(node.lineno)
    return found


def _is_data_of_a_row(node: ast.Attribute) -> bool:
    """Errors and findings have a ``data`` too, which no database keeps."""
    others = isinstance(node.value, ast.Name) and node.value.id in ("error", "finding")
    return node.attr == "data" and not others


def test_what_rows_say_is_read_by_class() -> None:
    """Event.details and AdminAlert.details, instead of keys that only a comment knows."""
    for path in SOURCES:
        if not path.is_relative_to(ROOT / "kws_core/tables") and path.parts[-2] != "slack_workspace":
            assert keys_of_data(tree_of(path)) == [], path
    for line in (
        'event.data["via"]',
        'notice.data.get("owner")',
        '"note" in event.data',
        'Event.data["was"]',
    ):
        assert keys_of_data(ast.parse(line)) == [1], line


def test_help_needs_no_heavy_import() -> None:
    script = (
        "import sys; import bot.cli.main; "
        "print([m for m in ('openstack', 'slack_bolt', 'slack_sdk', 'sqlalchemy', 'zunclient') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"


def test_every_key_of_nodes_toml_is_documented() -> None:
    from kws_core.config import KwsSection, NodeSection, OpenStackSection, Policy, SizeEntry

    text = (ROOT / "docs/configuration.md").read_text()
    for section in (KwsSection, Policy, OpenStackSection, SizeEntry, NodeSection):
        for key in section.model_fields:
            assert f"`{key}`" in text, f"{section.__name__}.{key}"


def test_no_folder_of_tests_hides_a_package() -> None:
    """pytest imports tests/NAME/test_x.py as NAME.test_x: a package of that name would be half replaced."""
    packages = {"bot", "kws_core", "openstack", "zunclient", "slack_sdk", "slack_bolt"}
    assert {path.name for path in (ROOT / "tests").iterdir()} & packages == set()
