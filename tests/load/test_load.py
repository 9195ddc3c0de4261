"""A class rents at nine o'clock: no ack over a second, nothing lost, turns taken. ``make load`` runs it in full."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.postgres_kit import Postgres, missing
from load.full_morning import FullMorning
from load.morning import Morning, Outcome, Setting

pytestmark = pytest.mark.thorough  # starts a process

FULL = os.environ.get("KWS_LOAD") == "all"
SAMPLE = Setting(people=30, seconds=8, speed=8, vcpus=8, max_builds=2)
WHOLE = Setting(people=200, seconds=60, max_builds=8, tiers=True)
UNLIMITED = Setting(people=200, seconds=60, max_builds=8, speed=4)  # what the bot itself can do
HALF_SAMPLE = Setting(people=20, seconds=6, speed=8, vcpus=3, max_builds=2, waits=True)
HALF = Setting(people=200, seconds=60, max_builds=8, vcpus=30, waits=True)  # 240 wishes, room for 120
FAIR = 0.95  # Jain's index


def play(folder: Path, url: str, setting: Setting, record: Callable[[str, object], None]) -> Outcome:
    """Nothing may be wrong, and there were more wishes than room."""
    outcome = (FullMorning if setting.waits else Morning)(folder, url, setting).run()
    record("load", outcome.row())
    assert outcome.violations == []
    assert any(one.waited if setting.waits else one.refused for one in outcome.noticed)
    return outcome


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "setting", [WHOLE, UNLIMITED] if FULL else [SAMPLE], ids=lambda s: f"{s.people}-{s.speed}"
)
def test_a_class_rents_at_nine(
    setting: Setting, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    play(tmp_path, f"sqlite:///{tmp_path / 'kws.db'}", setting, record_property)


@pytest.mark.timeout(1800)
def test_half_of_a_class_waits_for_room(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    url = f"sqlite:///{tmp_path / 'kws.db'}"
    outcome = play(tmp_path, url, HALF if FULL else HALF_SAMPLE, record_property)
    assert sum(one.again for one in outcome.noticed) == 0
    assert not any(one.refused for one in outcome.noticed)
    assert outcome.jain >= FAIR


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not FULL, reason="two minutes: make load")
def test_a_class_rents_at_nine_on_postgresql(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if reason := missing():
        pytest.skip(reason)
    server = Postgres()
    try:
        play(tmp_path, server.database(), UNLIMITED, record_property)
    finally:
        server.stop()
