"""The house keeps its own rules: documents that tell the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from harness.message_catalogue import KEYWORDS, forms, messages
from harness.source_tree import ROOT, SOURCES, nodes_of, tree_of

from kws_core.values import LOCALES


@pytest.mark.parametrize("locale", sorted({*LOCALES} - {"en"}))
def test_every_message_is_translated(locale: str) -> None:
    with (ROOT / f"bot/text/locale/{locale}/LC_MESSAGES/kws.po").open("rb") as file:
        known = {message.id: message.string for message in read_po(file) if message.id}
    found = messages()
    assert len(found) > 50
    assert any(isinstance(message, tuple) for message in found), "plural forms are extracted too"
    assert found - set(known) == set(), "not translated"
    assert set(known) - found == set(), "not used any more"
    for message, translation in known.items():
        for form in forms(translation):
            assert form, message
            assert set(re.findall(r"{\w+}", forms(message)[-1])) == set(re.findall(r"{\w+}", form)), message


def test_a_plural_is_extracted_with_both_forms(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text('say(P_("{n} day", "{n} days"))\ntexts.n(P_("a", "b", "up"), 3)\n')
    found = {
        message
        for _, _, message, _, _ in extract_from_dir(tmp_path, [("**.py", "python")], keywords=KEYWORDS)
    }
    assert found == {("{n} day", "{n} days"), ("a", "b")}


def keys_of_data(tree: ast.Module) -> list[int]:
    """Lines that read an event's or a notice's ``data`` by a string key."""
    found = []
    for node in nodes_of(tree):
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
    from kws_core.config import (
        AutoApprove,
        KwsSection,
        NodeSection,
        OpenStackSection,
        Policy,
        SizeEntry,
        WebSection,
    )

    text = (ROOT / "docs/reference/configuration.md").read_text()
    for section in (KwsSection, Policy, AutoApprove, OpenStackSection, WebSection, SizeEntry, NodeSection):
        for key in section.model_fields:
            assert f"`{key}`" in text, f"{section.__name__}.{key}"


def test_no_folder_of_tests_hides_a_package() -> None:
    """pytest imports tests/NAME/test_x.py as NAME.test_x: a package of that name would be half replaced."""
    packages = {"bot", "kws_core", "openstack", "zunclient", "slack_sdk", "slack_bolt"}
    assert {path.name for path in (ROOT / "tests").iterdir()} & packages == set()
