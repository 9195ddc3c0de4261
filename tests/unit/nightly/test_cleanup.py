"""The nightly cleanup: once per date, whatever the clock, the process and single rentals do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from harness.ends_kit import BEIRUT, BERLIN, HAVANA, changes
from harness.night_kit import Killed, Mortal, lent, passes, status, when
from harness.world import World

from kws_core.database import job_ledger
from kws_core.database.store import Store
from kws_core.expiry import ExpiryPolicy
from kws_core.nightly import cleanup
from kws_core.nightly.cleanup import NIGHT, Nightly
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

MakeWorld = Callable[..., World]
TICK = timedelta(minutes=10)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When a pass was run, whoever ran it."""
    seen: list[datetime] = []
    run = Nightly.run

    def spy(self: Nightly, now: datetime) -> Any:
        seen.append(now)
        return run(self, now)

    monkeypatch.setattr(Nightly, "run", spy)
    return seen


def test_it_runs_once_a_date_however_often_it_is_asked(world: World, runs: list[datetime]) -> None:
    rental = lent(world)
    for _ in range(3):
        for _ in range(20):
            world.nightly.tick()
            world.clock.advance(minutes=7)
        world.midnight()
    world.nightly.tick()
    assert len(runs) == len(passes(world)) == 4
    assert world.kinds(rental).count("expired") == 1


def test_it_ends_what_is_over_at_the_first_tick_of_the_day_after(world: World) -> None:
    today, tomorrow = lent(world, "today"), lent(world, "tomorrow", 1)
    world.nightly.tick()
    world.midnight(seconds=-1)
    world.nightly.tick()
    assert status(world, today, tomorrow) == ["ready", "ready"]
    world.midnight()
    world.nightly.tick()
    assert status(world, today, tomorrow) == ["ending", "ready"]
    world.midnight()
    world.nightly.tick()
    world.tick()
    assert status(world, today, tomorrow) == ["ended", "ended"]


@pytest.mark.parametrize("nights", [1, 3])
@pytest.mark.parametrize("hour", [0, 15])
def test_a_missed_midnight_is_caught_up(world: World, nights: int, hour: int, runs: list[datetime]) -> None:
    rentals = [lent(world, f"web{days}", days) for days in range(nights)]
    world.nightly.tick()
    world.midnight(nights, hours=hour, minutes=17)
    world.restart()
    world.nightly.tick()
    assert set(status(world, *rentals)) == {"ending"}
    assert len(runs) == 2


def test_over_the_end_of_a_year(world: World) -> None:
    world.clock.at = datetime(2026, 12, 31, 14, 59, tzinfo=UTC)
    rental = lent(world)
    world.nightly.tick()
    assert status(world, rental) == ["ready"]
    world.clock.advance(minutes=1)
    world.nightly.tick()
    assert status(world, rental) == ["ending"]
    assert [day.isoformat() for day in passes(world)] == ["2026-12-31", "2027-01-01"]


def _walk(change: datetime, zone: str) -> Iterator[datetime]:
    """Every ten minutes about the change and about each midnight of six days, every four hours between."""
    moment, last = change - timedelta(days=3), change - timedelta(days=4)
    while moment < change + timedelta(days=3):
        local = moment.astimezone(ZoneInfo(zone))
        near = abs(moment - change) < timedelta(hours=2) or (local + timedelta(minutes=30)).hour == 0
        if near or moment - last >= timedelta(hours=4):
            last = moment
            yield moment
        moment += TICK


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("zone", [BERLIN, BEIRUT, HAVANA])
def test_one_pass_a_date_wherever_the_clocks_change(
    make_world: MakeWorld, zone: str, which: int, runs: list[datetime]
) -> None:
    world = make_world(zone=zone)
    ticks = list(_walk(changes(zone, 2027)[which], zone))
    world.clock.at = ticks[0]
    rentals = [lent(world, f"web{days}", days) for days in range(6)]
    for tick in ticks:
        world.clock.at = tick
        world.nightly.tick()
    days = sorted({world.context.expiry.day_of(tick) for tick in ticks})
    assert passes(world) == days
    assert [world.context.expiry.day_of(run) for run in runs] == days
    for rental in rentals:
        first = next((tick for tick in ticks if world.context.expiry.day_of(tick) > rental.ends_on), None)
        assert when(world, rental, EventKind.EXPIRED) == ([first] if first else [])


def test_the_labs_midnight_counts_not_the_machines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        test_it_ends_what_is_over_at_the_first_tick_of_the_day_after(world)
    finally:
        monkeypatch.undo()
        time.tzset()


# -- replicas and crashes


def test_of_two_replicas_one_runs_it(world: World, runs: list[datetime]) -> None:
    rental = lent(world)
    world.midnight()
    for one in (Nightly(world.context, "a"), Nightly(world.context, "b"), Nightly(world.context, "a")):
        one.tick()
    assert len(runs) == 1
    assert world.kinds(rental).count("expired") == 1


def test_a_replica_waits_before_it_takes_a_pass_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "single_process", False)
    rental = lent(world)
    world.midnight()
    with world.store.write() as session:
        assert job_ledger.claim(session, NIGHT, world.day(0), "a", world.clock(), alone=False)
    other = Nightly(world.context, "b")
    for _ in range(11):
        assert status(world, rental) == ["ready"]
        other.tick()
        world.clock.advance(minutes=1)
    assert status(world, rental) == ["ready"]
    other.tick()
    assert status(world, rental) == ["ending"]


POINTS = 14  # two a commit: the claim twice, three rentals, the end of the pass, a summary that has to wait


def _three(world: World, number: int) -> list[Rental]:
    """What is over at the midnight that has just come."""
    rentals = [lent(world, f"web{number}-{which}") for which in range(3)]
    world.midnight()
    return rentals


def _end_well(world: World, rentals: list[Rental]) -> None:
    """A new process; all ends once, with one summary."""
    world.restart()
    world.nightly.tick()
    for _ in range(3):
        world.tick()
        world.clock.advance(minutes=1)
    world.nightly.tick()
    world.nightly.tick()
    assert set(status(world, *rentals)) == {"ended"}
    for rental in rentals:
        assert world.kinds(rental).count("expired") == 1
    (summary,) = [told for told in world.notices("night") if told["day"] == str(world.day(0))]
    assert {one["id"] for one in summary["ended"]} == {rental.id for rental in rentals}
    assert (summary["stuck"], summary["failed"]) == ([], [])


def test_a_pass_that_is_cut_off_anywhere_is_finished(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for point in range(1, POINTS + 1):
        rentals = _three(world, point)
        with monkeypatch.context() as patch:
            Mortal(world, patch).die_at = point
            with pytest.raises(Killed):
                world.nightly.tick()
        _end_well(world, rentals)


def test_a_summary_that_is_cut_off_is_written_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for point in (1, 2):
        rentals = _three(world, point)
        world.nightly.tick()
        world.tick()
        with monkeypatch.context() as patch:
            Mortal(world, patch).die_at = point
            with pytest.raises(Killed):
                world.nightly.sum_up(world.clock())
        _end_well(world, rentals)


def test_a_pass_has_as_many_points_as_are_tried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _three(world, 0)
    mortal = Mortal(world, monkeypatch)
    world.nightly.tick()
    assert mortal.points == POINTS


# -- failures


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of rentals that can't be ended: a bug."""
    names: set[str] = set()
    end = cleanup.end

    def fails(rental: Rental, *args: Any, **more: Any) -> None:
        if rental.name in names:
            raise RuntimeError(rental.name)
        end(rental, *args, **more)

    monkeypatch.setattr(cleanup, "end", fails)
    return names


def test_a_rental_that_cannot_be_ended_stops_no_other(world: World, broken: set[str]) -> None:
    broken.add("web1")
    rentals = [lent(world, f"web{number}") for number in range(3)]
    world.midnight()
    world.nightly.tick()
    assert status(world, *rentals) == ["ending", "ready", "ending"]
    world.tick()
    world.nightly.tick()
    (summary,) = world.notices("night")
    assert summary["failed"] == [rentals[1].id]
    assert {one["name"] for one in summary["ended"]} == {"web0", "web2"}
    broken.clear()
    world.midnight()
    world.nightly.tick()
    assert status(world, rentals[1]) == ["ending"]


def test_a_failure_alone_is_worth_a_summary(world: World, broken: set[str]) -> None:
    broken.add("web01")
    rental = lent(world)
    world.midnight()
    world.nightly.tick()
    assert [notice["failed"] for notice in world.notices("night")] == [[rental.id]]


def test_a_warning_that_fails_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rentals = [lent(world, f"web{number}", warned=False) for number in range(3)]
    due = ExpiryPolicy.due_reminder
    monkeypatch.setattr(
        ExpiryPolicy, "due_reminder", lambda self, r, now: due(self, None if r.name == "web0" else r, now)
    )
    world.nightly.tick()
    assert [len(world.warned(rental)) for rental in rentals] == [0, 1, 1]


@pytest.mark.parametrize("part", ["remind", "run_if_due", "end_grace", "sum_up"])
def test_a_part_that_fails_stops_no_other(world: World, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Nightly, now: datetime) -> None:
        raise RuntimeError(part)

    fails.__name__ = part
    rental, unwarned = lent(world), lent(world, "web02", warned=False)
    world.midnight()
    with monkeypatch.context() as patch:
        patch.setattr(Nightly, part, fails)
        world.nightly.tick()
    assert bool(world.warned(unwarned)) == (part != "remind")
    assert status(world, rental) == ["ready" if part == "run_if_due" else "ending"]
    world.tick()
    world.nightly.tick()
    assert len(world.notices("night")) == (0 if part == "run_if_due" else 1)


# -- a pass that was asked for


def test_a_pass_of_a_night_to_come_leaves_that_night_its_own(world: World) -> None:
    today = lent(world)
    midnight = world.context.expiry.over_at(today)
    assert world.nightly.run(midnight).marked == [today.id]
    world.tick()
    assert status(world, today) == ["ended"], "it is deleted now, not when that night comes"
    later = lent(world, "web02")
    world.clock.at = midnight
    world.nightly.tick()
    assert status(world, later) == ["ending"]
    assert passes(world) == [world.day(0)]


def test_what_a_second_pass_of_a_date_ends_is_told_too(world: World, broken: set[str]) -> None:
    broken.add("web02")
    first, second = lent(world), lent(world, "web02")
    world.midnight()
    world.nightly.tick()
    broken.clear()
    world.tick()
    world.nightly.tick()
    world.clock.advance(hours=9)
    assert world.nightly.run(world.clock()).marked == [second.id]
    world.tick()
    world.nightly.tick()
    assert [len(summary["ended"]) for summary in world.notices("night")] == [1, 2]
    assert world.nightly.run(world.clock()).marked == []
    world.nightly.tick()
    assert len(world.notices("night")) == 2
    assert status(world, first, second) == ["ended", "ended"]
