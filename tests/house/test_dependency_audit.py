"""The audit of the dependencies finds what it is there to find, and the repository passes what needs no network."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_repository_is_in_order(audit: Any) -> None:
    assert [*audit.lock_problems(), *audit.licence_problems()] == []


@pytest.mark.parametrize(
    "line",
    ["jinja2>=3", "jinja2", "jinja2==3.*", "jinja2==3.1,!=3.2", "jinja2 @ https://evil.example/j.whl",
     "git+https://evil.example/j.git", "-e .", "--index-url https://evil.example/", "./local"],
)  # fmt: skip
def test_what_is_not_one_exact_version(audit: Any, tmp_path: Path, line: str) -> None:
    (tmp_path / "lock.txt").write_text(f"# a lock\naiohttp==3.14.5\n    # via kws\n{line}\n")
    found = audit.pins(tmp_path / "lock.txt")
    assert found.pop("aiohttp") == "3.14.5" and list(found.values()) == [""]


def test_a_lock_that_is_behind_the_project(
    audit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in audit.LOCKS:
        (tmp_path / name).write_text((ROOT / name).read_text())
    project = (ROOT / "pyproject.toml").read_text()
    project = project.replace('"jinja2>=3.1"', '"jinja2>=99"').replace('"pyyaml>=6"', '"nobody-has-this>=1"')
    (tmp_path / "pyproject.toml").write_text(project)
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    problems = "\n".join(audit.lock_problems())
    assert "lacks nobody-has-this" in problems and "jinja2" in problems and problems.count("\n") == 1


@pytest.mark.parametrize(
    ("licence", "good"),
    [("MIT", True), ("Apache-2.0 AND MIT", True), ("LGPL-3.0-only", True), ("GPL-3.0-or-later OR MIT", True),
     ("GPL-3.0-only", False), ("GNU General Public License v3 (GPLv3)", False), ("AGPL-3.0", False), ("BUSL-1.1", False),
     ("SSPL-1.0", False), ("Apache-2.0 with Commons Clause", False), ("My own", False)],
)  # fmt: skip
def test_licences(audit: Any, licence: str, good: bool) -> None:
    assert audit.may_be_used(licence) is good


HOLE = {"name": "jinja2", "version": "3.1", "vulns": [{"id": "CVE-1", "fix_versions": ["3.2"]}]}
UNKNOWN = {"name": "x", "version": "1", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("out", "err", "problems", "says"),
    [
        (json.dumps({"dependencies": [HOLE]}), "", ["jinja2 3.1: CVE-1, mended in 3.2"], "audited for known"),
        (
            json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": []}, UNKNOWN]}),
            "",
            [],
            "1 of 2",
        ),
        (json.dumps({"dependencies": [UNKNOWN]}), "", [], "NOT AUDITED"),
        ("", "ConnectionError: Max retries exceeded", [], "NOT AUDITED"),
        ("", "No module named pip_audit", [], "NOT AUDITED"),
    ],
)
def test_known_holes(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    out: str, err: str, problems: list[str], says: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(audit, "run", lambda *_: subprocess.CompletedProcess([], 1, out, err))
    assert list(audit.known_holes()) == problems
    assert says in capsys.readouterr().out


def test_what_is_installed_is_what_is_locked(audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = audit.pins(ROOT / "requirements.txt")
    monkeypatch.setattr(audit, "pins", lambda _: {**real, "jinja2": "0.1", "not-there": "1"})
    monkeypatch.setattr(
        audit,
        "run",
        lambda *_: subprocess.CompletedProcess([], 1, "aiohttp needs attrs>99, which is not there", ""),
    )
    found = "\n".join(audit.environment_problems())
    assert "jinja2 0.1 is locked" in found and "not-there" in found and "aiohttp needs" in found
