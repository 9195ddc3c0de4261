"""Over at the first instant of the day after, in every zone: where midnight lacks or comes twice as well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from harness.ends_kit import (
    BEIRUT,
    BERLIN,
    CAIRO,
    DAY,
    HAVANA,
    NEW_YORK,
    SANTIAGO,
    SEOUL,
    ZONES,
    at,
    changes,
    day,
    ends,
    quiet,
    rental,
    warning,
)

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=15)
KNOWN = [
    (SEOUL, "2026-12-01", "2026-12-01T15:00"),
    (SEOUL, "2026-12-31", "2026-12-31T15:00"),
    ("UTC", "2028-02-28", "2028-02-29T00:00"),
    ("UTC", "2028-02-29", "2028-03-01T00:00"),
    ("UTC", "2027-02-28", "2027-03-01T00:00"),
    (BERLIN, "2027-03-27", "2027-03-27T23:00"),
    (BERLIN, "2027-03-28", "2027-03-28T22:00"),  # a day of 23 hours
    (BERLIN, "2027-10-31", "2027-10-31T23:00"),  # a day of 25
    (NEW_YORK, "2026-11-01", "2026-11-02T05:00"),
    (BEIRUT, "2027-03-27", "2027-03-27T22:00"),  # the 28th begins at 01:00
    (CAIRO, "2027-04-29", "2027-04-29T22:00"),  # the 30th begins at 01:00
    (SANTIAGO, "2026-09-05", "2026-09-06T04:00"),  # the 6th begins at 01:00
    (SANTIAGO, "2027-04-03", "2027-04-04T04:00"),  # has 23:00 to 24:00 twice
    (HAVANA, "2026-10-31", "2026-11-01T04:00"),  # the first of two midnights
    ("Pacific/Auckland", "2027-04-03", "2027-04-03T11:00"),
]


@pytest.mark.parametrize(("zone", "last", "over"), KNOWN, ids=lambda text: text)
def test_over_at_the_first_instant_of_the_day_after(zone: str, last: str, over: str) -> None:
    assert ends(zone).over_at(rental(last, SINCE)) == datetime.fromisoformat(over).replace(tzinfo=UTC)


def test_these_zones_do_what_they_are_here_for() -> None:
    """The tests below prove nothing if the zones' rules have changed."""
    spring = {zone: changes(zone, 2027)[0 if zone != SANTIAGO else 1] for zone in (BEIRUT, CAIRO, SANTIAGO)}
    for zone, change in spring.items():
        assert change.astimezone(ZoneInfo(zone)).strftime("%H:%M") == "01:00", zone
        assert (change - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).strftime("%H:%M") == "23:59", zone
    twice = changes(HAVANA, 2026)[1]
    assert twice.astimezone(ZoneInfo(HAVANA)).strftime("%H:%M") == "00:00"
    assert (twice - timedelta(seconds=1)).astimezone(ZoneInfo(HAVANA)).strftime("%H:%M") == "00:59"


def _days(zone: str) -> Iterator[date]:
    """The days round every change of a year and a half, round a year's end and round a leap day."""
    local = [
        change.astimezone(ZoneInfo(zone)).date() for year in (2026, 2027) for change in changes(zone, year)
    ]
    for middle in (*local, date(2026, 12, 31), date(2028, 2, 29)):
        yield from (middle + DAY * n for n in range(-2, 3))


@pytest.mark.parametrize("zone", ZONES)
def test_no_instant_of_the_last_day_is_after_its_end(zone: str) -> None:
    rule = ends(zone)
    for last in _days(zone):
        over = rule.over_at(rental(last, SINCE))
        assert rule.day_of(over) == last + DAY
        assert rule.day_of(over - timedelta(microseconds=1)) == last
        moment = over - timedelta(hours=30)
        while moment < over + timedelta(hours=20):
            assert (rule.day_of(moment) <= last) == (moment < over), f"{last} {moment}"
            assert rule.overdue(rental(last, SINCE), moment) == (moment >= over), f"{last} {moment}"
            moment += STEP


@pytest.mark.parametrize("zone", ZONES)
def test_each_day_ends_where_the_next_begins(zone: str) -> None:
    rule = ends(zone)
    for last in _days(zone):
        length = rule.over_at(rental(last + DAY, SINCE)) - rule.over_at(rental(last, SINCE))
        assert timedelta(hours=23) <= length <= timedelta(hours=25)


@pytest.mark.parametrize("zone", ZONES)
def test_warnings_come_at_nine_whatever_the_clocks_do(zone: str) -> None:
    rule = ends(zone)
    for last in _days(zone):
        found = rule.reminders(rental(last, rule.over_at(rental(last - 30 * DAY, SINCE))))
        local = [reminder.at.astimezone(ZoneInfo(zone)) for reminder in found]
        assert [(moment.date(), moment.hour, moment.minute) for moment in local] == [
            (last - DAY * days, 9, 0) for days in (7, 3, 1)
        ]


@pytest.mark.parametrize("zone", ZONES)
def test_the_night_pass_takes_it_at_the_first_instant_of_the_day(zone: str) -> None:
    rule = ends(zone)
    for last in _days(zone):
        lent = rental(last, rule.over_at(rental(last - 9 * DAY, SINCE)))
        over = rule.over_at(lent)
        told = [warning(last, over - timedelta(hours=12))]
        assert rule.deleted_at(lent, told, over - DAY) == over
        assert rule.may_delete(lent, told, over)
        late = [warning(last, over - timedelta(hours=12) + timedelta(seconds=1))]
        assert rule.deleted_at(lent, late, over) == rule.over_at(rental(last + DAY, SINCE))
        assert not rule.may_delete(lent, late, over)


@pytest.fixture
def machine_zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine's own zone is another one."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("machine_zone", ["America/Los_Angeles", "Pacific/Kiritimati"], indirect=True)
@pytest.mark.parametrize("zone", [SEOUL, BERLIN, BEIRUT])
def test_the_machines_own_zone_does_not_matter(machine_zone: str, zone: str) -> None:
    assert datetime.now().astimezone().utcoffset() != datetime.now(ZoneInfo(zone)).utcoffset()
    test_no_instant_of_the_last_day_is_after_its_end(zone)
    test_warnings_come_at_nine_whatever_the_clocks_do(zone)
    test_the_night_pass_takes_it_at_the_first_instant_of_the_day(zone)
    rule = ends(zone, quiet(("2026-12-24", "2027-01-02")))
    assert rule.last_day(day("2026-12-23")) == day("2027-01-03")
    assert rule.day_of(at("2026-12-31T23:59:59", zone)) == day("2026-12-31")
    assert rule.choices.latest(rule.day_of(at("2026-12-01T00:00", zone))) == day("2027-03-01")
