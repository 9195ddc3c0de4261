"""The reference pages say what the code says, and what anything says of a page is true of a page that exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.source_tree import ROOT

NAMED = re.compile(r"(?<![\w/.])docs/[\w./-]+\.(?:md|png)")


@pytest.fixture(scope="module")
def reference() -> Any:
    spec = importlib.util.spec_from_file_location("reference", ROOT / ".ci/reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_blocks_are_fresh(reference: Any) -> None:
    assert reference.stale() == [], "run: make reference"


@pytest.mark.parametrize("name", ["README.md", "README.ko.md", "docs/explanation/architecture/rentals.md"])
def test_the_state_diagram_is_fresh(reference: Any, name: str) -> None:
    assert reference.mermaid() in (ROOT / name).read_text(), "run: make reference"


def test_every_block_has_its_place(reference: Any) -> None:
    used = [found[2] for page in reference.PAGES for found in reference.BLOCK.finditer(page.read_text())]
    assert sorted(used) == sorted(reference.MAKERS)


def test_every_command_is_on_its_page(reference: Any) -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    names = [path for path, _ in reference.walk(reference.get_command(reference.app), "kws")]
    assert len(names) > 20
    assert [name for name in names if f"### `{name}`" not in page] == []


def tracked() -> list[Path]:
    """Every file of the repository that is text and names pages; the changelog tells of the past."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return [p for p in paths if p.suffix not in (".png", ".md") and p.is_file()]


def test_pages_that_code_and_messages_name_exist() -> None:
    missing = {
        (str(path.relative_to(ROOT)), name)
        for path in tracked()
        for name in NAMED.findall(path.read_text(errors="ignore"))
        if not (ROOT / name).exists()
    }
    assert missing == set()


def test_the_rules_bite(reference: Any) -> None:
    page = "<!-- generated: states -->\nold\n<!-- generated: end -->"
    assert "requested --> building" in reference.fresh(page)
    assert reference.fresh(reference.fresh(page)) == reference.fresh(page)
    nowhere = "/".join(["docs", "nowhere.md"])  # in parts, or this file would name a page that isn't there
    assert NAMED.findall(f"see {nowhere}.") == [nowhere]
