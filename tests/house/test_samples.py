"""Code samples in the documents work: configuration is read as KWS reads it, Python compiles, shell is shell.

That ``kws …`` and ``make …`` name commands that exist is checked in ``test_references``.
"""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness.source_tree import ROOT

from kws_core.config import parse_config
from kws_core.errors import ConfigError

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.M | re.S)
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "README.ko.md", *sorted(DOCS.rglob("*.md"))]
KOREAN = [page for page in sorted((DOCS / "ko").rglob("*.md")) if page.name != "index.md"]
UNCHECKED = {"text", "mermaid", "ini"}  # output, diagrams, and files of other programs
REST = {  # what a sample may leave out
    "[sizes]": "[sizes]\nsmall = { vcpus = 1, ram_mb = 512, disk_gb = 5 }\n",
    "[[nodes]]": '[[nodes]]\nname = "rest"\ncloud = "rest"\nvcpus = 1\nram_mb = 512\ndisk_gb = 5\n',
}


def samples(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the language and text of each fenced block."""
    for _, language, block in FENCE.findall(page.read_text()):
        yield language, textwrap.dedent(block)


def wrong_toml(block: str) -> str | None:
    """Say what KWS's own reader finds wrong; a sample may leave out sections that it isn't about."""
    rest = "".join(text for head, text in REST.items() if head not in block)
    try:
        parse_config(f"{block}\n{rest}")
    except ConfigError as error:
        return "; ".join(error.problems)
    return None


def wrong_shell(block: str) -> str | None:
    """Say what bash finds wrong, without running anything."""
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    return checked.stderr or None


def wrong_python(block: str) -> str | None:
    """Say what the compiler finds wrong."""
    try:
        compile(block, "sample", "exec")
    except SyntaxError as error:
        return str(error)
    return None


def wrong_yaml(block: str) -> str | None:
    """Say what the YAML parser finds wrong."""
    try:
        list(yaml.safe_load_all(block))
    except yaml.YAMLError as error:
        return str(error)
    return None


def wrong_json(block: str) -> str | None:
    """Say what the JSON parser finds wrong."""
    try:
        json.loads(block)
    except json.JSONDecodeError as error:
        return str(error)
    return None


CHECKS = {
    "toml": wrong_toml,
    "sh": wrong_shell,
    "python": wrong_python,
    "yaml": wrong_yaml,
    "json": wrong_json,
}


def wrong(language: str, block: str) -> str | None:
    """Say what is wrong with one sample."""
    if language in UNCHECKED:
        return None
    check = CHECKS.get(language)
    return check(block) if check else f"no check for samples in {language!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_samples_work(page: Path) -> None:
    assert [(block, why) for language, block in samples(page) if (why := wrong(language, block))] == []


@pytest.mark.parametrize("page", KOREAN, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_korean_page_has_the_samples_of_the_english_one(page: Path) -> None:
    english = DOCS / page.relative_to(DOCS / "ko")
    assert list(samples(page)) == list(samples(english))


def test_the_rules_bite() -> None:
    assert wrong("toml", "[policy]\nmax_days = 5\ndefault_days = 9\n")
    assert wrong("toml", "[policy]\nno_such = 5\n")
    assert wrong("toml", "[policy]\nmax_days = 90\n") is None
    assert wrong("sh", "if true; then\n")
    assert wrong("python", "def f(:\n")
    assert wrong("yaml", "a: [1\n")
    assert wrong("json", "{,}")
    assert wrong("toml5", "")
    assert wrong("", "untold")
