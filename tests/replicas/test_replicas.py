"""Replicas on one PostgreSQL, killed with SIGKILL at random under load. ``make replicas`` runs it in full."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.mutants import MUTANTS
from replicas.bench import Bench, Setting

pytestmark = pytest.mark.thorough  # starts processes

FULL = os.environ.get("KWS_REPLICAS") == "all"
QUICK = {"beat": 0.5, "dead_after": 4.0}
SAMPLE = (
    Setting(
        replicas=2,
        people=2,
        days=1,
        kills=3,
        pause=(0.5, 1.0),
        nights=False,
        aimed=1.0,
        beat=0.4,
        dead_after=3.0,
    ),
)
WHOLE = (
    Setting(replicas=2, people=8, days=2, kills=100, pause=(0.8, 1.8), beat=1, dead_after=6),
    Setting(replicas=4, people=8, days=2, kills=160, pause=(0.4, 1.2), beat=1, dead_after=6),
    Setting(replicas=4, people=8, days=1, kills=20, pause=(4, 9)),  # the shipped times
)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "setting", WHOLE if FULL else SAMPLE, ids=lambda s: f"{s.replicas}-{s.dead_after:.0f}s"
)
def test_killed_replicas_harm_nothing(
    setting: Setting,
    new_database: Callable[[], str],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    outcome = Bench(tmp_path, new_database(), setting).run()
    record_property("replicas", outcome.row())
    assert outcome.violations == []
    assert outcome.kills >= setting.kills


@pytest.mark.skipif(not FULL, reason="half a minute each: make replicas")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_it_harm_is_seen(mutant: str, new_database: Callable[[], str], tmp_path: Path) -> None:
    setting = Setting(replicas=3, people=5, days=1, kills=6, pause=(0.8, 1.5), mutant=mutant, **QUICK)  # type: ignore[arg-type]
    outcome = Bench(tmp_path, new_database(), setting).run()
    assert outcome.violations, f"nobody misses: {mutant}"
    print(f"{mutant}: {len(outcome.violations)} violations, as {outcome.violations[0]!r}")
