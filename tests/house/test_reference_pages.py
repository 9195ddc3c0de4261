"""The reference pages say what the code says, and what anything says of a page is true of a page that exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.source_tree import ROOT

from benchmarks import report
from benchmarks.__main__ import RUNS

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


def measured(page: str) -> list[str]:
    """The benchmarks whose results a page shows."""
    return [found[2] for found in report.BLOCK.finditer(page)]


def test_every_benchmark_has_its_block_on_the_page() -> None:
    page = report.PAGE.read_text()
    by_hand = ["moves"]  # it needs nodes whose servers boot
    assert sorted(measured(page)) == sorted([run.name for run in RUNS] + by_hand)
    assert page.count("<!-- measured: ") == 2 * len(measured(page)), (
        "a block isn't closed, or its name is no word"
    )


def test_every_block_is_written_by_a_program_of_that_name() -> None:
    named = {
        name
        for path in (ROOT / "benchmarks").glob("*.py")
        for line in re.findall(r"^.*\bReport\((.+)\)$", path.read_text(), re.M)
        for name in re.findall(r'"(\w+)"', line)
    }
    assert set(measured(report.PAGE.read_text())) <= named


def result() -> dict[str, Any]:
    """As a file in benchmarks/results has it."""
    table = {"title": "forms", "columns": ["", "ms", "lost"], "rows": [["KWS", spread(3.0, 1.0, 2.0), 0]]}
    once = {"title": "night", "columns": ["s"], "rows": [[spread(7.0)]]}
    good = {"name": "KWS to bare", "shown": "1.5 (1–2)", "rounds": 3, "goal": "≤ 2", "met": True}
    bad = {"name": "worst", "shown": "9", "rounds": 1, "goal": "≤ 1", "met": False}
    return {
        "command": "python -m benchmarks.slack",
        "machine": {"processor": "CPU", "cores": 2, "memory_mib": 2048, "python": "3.11.7"},
        "load": {"before": [0.25, 1, 1], "after": [1.5, 1, 1]},
        "tables": [table, once],
        "ratios": [good, bad],
        "notes": ["Nothing was refused."],
    }


def spread(*samples: float) -> Any:
    return report.plain(report.spread(samples))


def test_a_page_says_what_the_results_say() -> None:
    page = "A\n<!-- measured: slack -->\nold\n<!-- measured: end -->\nB\n<!-- measured: web -->\nkept\n<!-- measured: end -->\n"
    fresh = report.fresh(page, {"slack": result(), "growth": result()})
    assert report.fresh(fresh, {"slack": result()}) == fresh
    assert "old" not in fresh and fresh.count("KWS to bare") == 1
    assert "<!-- measured: web -->\nkept\n<!-- measured: end -->" in fresh, "not measured: it stays"
    for line in (
        "`python -m benchmarks.slack` on CPU, 2 cores, 2,048 MiB, Python 3.11.7; load 0.25 before, 1.50 after:",
        "*forms; 3 rounds*",
        "| KWS | 2 (1–3) | 0    |",
        "*night; one round*",
        "| KWS to bare | 1.5 (1–2) | 3      | ≤ 2  | met        |",
        "| worst       | 9         | 1      | ≤ 1  | **missed** |",
        "Nothing was refused.",
    ):
        assert f"\n{line}\n" in fresh, fresh


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
