"""The message of the 1st of a month: once for each person who has a rental, whatever the process and the clocks do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from harness.night_kit import lent
from harness.world import JOON, MINA, World

from bot.text.i18n import Texts
from bot.views.usage import month
from kws_core.context import Context
from kws_core.reports import monthly
from kws_core.reports.monthly import MonthlyUsage
from kws_core.reports.usage import UsageReport
from kws_core.tables.details.outage_events import MonthUsed
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

MakeWorld = Callable[..., World]
SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """On 20 December at noon, with three months of leave to rent."""
    world = make_world(max_rentals=8)
    world.clock.at = datetime(2026, 12, 20, 12, tzinfo=SEOUL).astimezone(UTC)
    return world


def at(world: World, *moment: int) -> None:
    """The lab's clock shows that; the minute's tick follows."""
    world.clock.at = datetime(*moment, tzinfo=world.config.kws.zone).astimezone(UTC)  # type: ignore[arg-type,misc]
    MonthlyUsage(world.context).tick()


def told(world: World) -> list[Event]:
    rentals = world.rental_queries.all_rentals()
    events = [event for rental in rentals for event in world.rental_queries.history(rental.id)]
    return [event for event in events if event.kind is EventKind.MONTH_USED]


def owned(world: World, rental: Rental, owner: str) -> Rental:
    with world.store.write() as session:
        session.get_one(Rental, rental.id).owner = owner
    return rental


def test_each_person_once_on_the_first_at_nine(world: World) -> None:
    first = lent(world, "web01", 60)
    with world.store.write() as session:
        session.get_one(Rental, first.id).created_at -= timedelta(days=1)
    lent(world, "web02", 60)
    owned(world, lent(world, "box", 60), JOON.id)
    at(world, 2027, 1, 1, 8, 59)
    assert told(world) == []
    for minute in range(3):
        at(world, 2027, 1, 1, 9, minute)
    assert {(e.details.person, e.key) for e in told(world)} == {  # type: ignore[attr-defined]
        (MINA.id, "month:2026-12"),
        (JOON.id, "month:2026-12"),
    }
    assert len(told(world)) == 2
    (mine,) = [e for e in world.rental_queries.history(first.id) if e.kind is EventKind.MONTH_USED]
    assert mine.details == MonthUsed(date(2026, 12, 1), MINA.id, 0, 62.0, 1488.0)
    at(world, 2027, 2, 1, 9, 0)
    assert sorted(str(e.key) for e in told(world)) == ["month:2026-12"] * 2 + ["month:2027-01"] * 2


@pytest.mark.parametrize(("day", "expected"), [(3, 1), (7, 1), (8, 0), (20, 0)])
def test_a_bot_that_was_off_catches_up_for_a_week(world: World, day: int, expected: int) -> None:
    lent(world, days=60)
    at(world, 2027, 1, day, 15, 0)
    assert len(told(world)) == expected


def test_nobody_without_a_rental_or_without_usage(world: World) -> None:
    over = lent(world, "old", 60)
    with world.store.write() as session:
        session.get_one(Rental, over.id).status = Status.ENDING
    world.clock.at = datetime(2027, 1, 1, 8, tzinfo=SEOUL).astimezone(UTC)
    owned(world, world.ready("new"), JOON.id)
    at(world, 2027, 1, 1, 9, 0)
    assert told(world) == []


def test_who_has_left_gets_none(world: World) -> None:
    lent(world, days=60)
    world.members.note_departure(MINA.id, left=True)
    at(world, 2027, 1, 1, 9, 0)
    assert told(world) == []


def test_it_can_be_switched_off(make_world: MakeWorld) -> None:
    world = make_world(policy="monthly_usage = false")
    lent(world, days=60)
    at(world, 2027, 1, 1, 9, 0)
    assert told(world) == []


def test_replicas_tell_it_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is asked while the first is at it, and again when it is done."""
    lent(world, days=60)
    monkeypatch.setattr(type(world.store), "single_process", False)
    other = MonthlyUsage(Context(world.config, world.store, world.clock), "other")
    count, asked = UsageReport.month, []

    def meanwhile(self: UsageReport, first: date) -> Any:
        asked.append(self)
        if len(asked) == 1:
            other.tick()
        return count(self, first)

    monkeypatch.setattr(UsageReport, "month", meanwhile)
    at(world, 2027, 1, 1, 9, 0)
    other.tick()
    assert len(asked) == len(told(world)) == 1


def test_a_restart_in_the_middle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies after the first person, whose oldest rental is returned before it is started again."""
    for name, owner in (("web01", MINA), ("web02", MINA), ("box01", JOON), ("box02", JOON)):
        owned(world, lent(world, name, 60), owner.id)
    record, done = monthly.queries.record_once, []

    def dies(session: Any, rental_id: str, *args: Any) -> bool:
        if done:
            raise KeyboardInterrupt
        done.append(rental_id)
        return record(session, rental_id, *args)

    with monkeypatch.context() as patch:
        patch.setattr(monthly.queries, "record_once", dies)
        with pytest.raises(KeyboardInterrupt):
            at(world, 2027, 1, 1, 9, 0)
    assert len(told(world)) == 1
    with world.store.write() as session:
        session.get_one(Rental, done[0]).status = Status.ENDING
    world.restart()
    at(world, 2027, 1, 1, 9, 1)
    at(world, 2027, 1, 1, 9, 30)
    assert sorted(e.details.person for e in told(world)) == sorted([MINA.id, JOON.id])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("zone", "month_of", "days"),
    [("Europe/Berlin", (2027, 4, 1), 31 - 1 / 24), ("Europe/Berlin", (2027, 11, 1), 31 + 1 / 24)],
)
def test_a_month_in_which_the_clocks_change(
    make_world: MakeWorld, zone: str, month_of: tuple[int, int, int], days: float
) -> None:
    world = make_world(zone=zone)
    first = datetime(*month_of, tzinfo=world.config.kws.zone)
    world.clock.at = (first - timedelta(days=10)).astimezone(UTC)
    rental = lent(world, days=60)
    with world.store.write() as session:
        session.get_one(Rental, rental.id).ready_at = world.clock() - timedelta(days=40)
    at(world, *month_of, 8, 59)
    assert told(world) == []
    at(world, *month_of, 9, 0)
    (event,) = told(world)
    assert world.clock().astimezone(world.config.kws.zone).hour == 9
    assert isinstance(event.details, MonthUsed)
    assert event.details.rental_days == round(days, 1)
    assert event.details.vcpu_hours == round(days * 24, 1)


def test_the_message_has_a_button_for_what_is_still_there(world: World) -> None:
    rentals = [lent(world, "web01", 60), lent(world, "web02", 60)]
    at(world, 2027, 1, 1, 9, 0)
    (event,) = told(world)
    drawn = month.message(event, rentals, lambda day: day, Texts("en"))
    said = ":calendar: Your usage in December 2026: rental days 62, vCPU hours 1,488, new rentals 0."
    assert drawn.text == f"{said}\nYour rentals now. Return what you no longer need:"
    blocks = [block.to_dict() for block in drawn.blocks]
    assert [block["accessory"]["value"] for block in blocks[1:]] == [rental.id for rental in rentals]
    assert "until Thu, Feb 18, 2027" in blocks[1]["text"]["text"]
    many = [lent(world, f"box{n}", 9) for n in range(month.MOST + 2)]
    assert "2 more: `/kws list`" in str(
        month.message(event, many, lambda day: day, Texts("en")).blocks[-1].to_dict()
    )
    assert "You have no rentals now." in month.message(event, [], lambda day: day, Texts("en")).text


def test_one_that_fails_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lent(world, "web01", 60)
    owned(world, lent(world, "box", 60), JOON.id)
    person = monthly.queries.person

    def fails(session: Any, user: str) -> Any:
        if user == JOON.id:
            raise RuntimeError
        return person(session, user)

    monkeypatch.setattr(monthly.queries, "person", fails)
    at(world, 2027, 1, 1, 9, 0)
    assert [e.details.person for e in told(world)] == [MINA.id]  # type: ignore[attr-defined]
