"""The cases of web addresses are worth something: each of these faults, planted in the product, is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash.lab import patched
from crash.mortal import Fate
from crash.test_crash_sweep import played
from crash.web_cases import CASES
from harness import broken_names

pytestmark = pytest.mark.thorough


PLANTED = [
    (broken_names.stay_behind, "move the server", "the old one has a site"),
    (broken_names.go_too_early, "a move that fails", "web01.lab.example leads to"),
    (broken_names.lead_to_what_is_reset, "reset the server", "not starting"),
]


@pytest.fixture
def fate() -> Iterator[Fate]:
    fate = Fate()
    with patched(fate):
        yield fate


@pytest.mark.parametrize(
    ("plant", "case", "words"), PLANTED, ids=lambda value: getattr(value, "__name__", "-")
)
def test_a_planted_fault_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None],
    case: str,
    words: str,
    fate: Fate,
    tmp_path: Path,
    empty_database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch)
    (found,) = [one for one in CASES if one.name == f"web address: {case}"]
    assert words in str(played(found, fate, tmp_path, empty_database, None))
