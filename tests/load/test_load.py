"""A class rents at nine o'clock: no ack over half a second, nothing lost, turns taken. ``make load`` runs it in full."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.postgres_kit import Postgres, missing
from load.full_morning import FullMorning
from load.morning import Morning, Outcome, Setting

pytestmark = pytest.mark.thorough  # starts a process

FULL = os.environ.get("KWS_LOAD") == "all"
SAMPLE = Setting(people=30, seconds=8, speed=8, vcpus=8, max_builds=2)
WHOLE = Setting(people=200, seconds=60, max_builds=8, tiers=True)  # with the times of real nodes
UNLIMITED = Setting(people=200, seconds=60, max_builds=8, speed=4)  # what the bot itself can do
HALF_SAMPLE = Setting(people=20, seconds=6, speed=8, vcpus=3, max_builds=2, waits=True)
HALF = Setting(people=200, seconds=60, max_builds=8, vcpus=30, waits=True)  # 240 wishes, room for 120
HALF_LIMITED = Setting(people=200, seconds=60, max_builds=8, vcpus=30, waits=True, tiers=True)
FAIR = 0.95  # Jain's index


def play(folder: Path, url: str, setting: Setting, record: Callable[[str, object], None]) -> Outcome:
    """Nothing may be wrong, and there were more wishes than room."""
    outcome = (FullMorning if setting.waits else Morning)(folder, url, setting).run()
    record("load", outcome.row())
    assert outcome.violations == []
    assert any(one.waited if setting.waits else one.refused for one in outcome.noticed)
    return outcome


@pytest.fixture(params=["sqlite", "postgresql"] if FULL else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'kws.db'}"
        return
    if reason := missing():
        pytest.skip(reason)
    server = Postgres()
    try:
        yield server.database()
    finally:
        server.stop()


def named(setting: Setting) -> str:
    return f"{setting.people}-{setting.speed:g}{'-limits' if setting.tiers else ''}"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("setting", [WHOLE, UNLIMITED] if FULL else [SAMPLE], ids=named)
def test_a_class_rents_at_nine(
    url: str, setting: Setting, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    play(tmp_path, url, setting, record_property)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("setting", [HALF, HALF_LIMITED] if FULL else [HALF_SAMPLE], ids=named)
def test_half_of_a_class_waits_for_room(
    url: str, setting: Setting, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcome = play(tmp_path, url, setting, record_property)
    assert setting.tiers or sum(one.again for one in outcome.noticed) == 0
    assert not any(one.refused for one in outcome.noticed)
    assert outcome.jain >= FAIR
