"""Every call to the outside of every use case is once the last one of its process. ``make crash-sweep`` runs all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash.admin_cases import CASES as ADMIN_CASES
from crash.ask_cases import CASES as ASK_CASES
from crash.cases import CASES, Case
from crash.copy_cases import CASES as COPY_CASES
from crash.lab import CrashLab, patched
from crash.mortal import Fate
from crash.move_cases import CASES as MOVE_CASES
from crash.told_cases import CASES as TOLD_CASES
from crash.wait_cases import CASES as WAIT_CASES
from crash.web_cases import CASES as WEB_CASES

pytestmark = pytest.mark.thorough
STEP = 1 if os.environ.get("KWS_CRASH") == "all" else 31  # a sample by default


@pytest.fixture
def fate() -> Iterator[Fate]:
    """The fate of all processes of a test."""
    fate = Fate()
    with patched(fate):
        yield fate


def played(
    case: Case, fate: Fate, folder: Path, database: Path, kill_at: tuple[int, str] | None
) -> list[str]:
    """One run of the case; what is wrong at its end."""
    lab = CrashLab(folder, database, fate, case.policy, case.web)
    try:
        fate.calls, fate.counting = [], False
        lab.settle(2)
        case.before(lab)
        fate.counting, fate.kill_at = True, kill_at
        case.act(lab)
        fate.counting = False
        lab.settle()
        unkilled = [] if fate.kill_at is None else ["nobody died"]
        return unkilled + case.expected(lab) + lab.problems()
    finally:
        lab.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "case",
    [*CASES, *ADMIN_CASES, *COPY_CASES, *MOVE_CASES, *WAIT_CASES, *WEB_CASES, *ASK_CASES, *TOLD_CASES],
    ids=lambda case: case.name.replace(" ", "-"),
)
def test_a_death_at_any_call_breaks_nothing(
    case: Case,
    fate: Fate,
    tmp_path: Path,
    empty_database: Path,
    record_property: Callable[[str, object], None],
) -> None:
    assert played(case, fate, tmp_path, empty_database, None) == []
    calls = list(fate.calls)
    wrong = {}
    instants = [(number, side) for number in range(len(calls)) for side in ("before", "after")]
    chosen = instants[::STEP]
    for number, side in chosen:
        folder = tmp_path / f"{number}{side}"
        folder.mkdir()
        found = played(case, fate, folder, empty_database, (number, side))
        if found:
            wrong[f"{side} call {number}, {calls[number]}"] = found
    record_property("crash sweep", [case.name, len(calls), len(chosen), len(wrong)])
    assert wrong == {}
