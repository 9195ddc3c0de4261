"""Who is warned when, what quiet days move, and when a rental may go."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from harness.ends_kit import BERLIN, DAY, HOUR, at, day, ends, event, quiet, rental, warning

from kws_core.errors import UserError
from kws_core.expiry import NOTICE
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

NOON = at("2026-12-01T12:00:10")
YEAR_END = quiet(("2026-12-24", "2027-01-02"))
ONE_DAY_OFF = quiet(("2026-12-05", "2026-12-05"))


def last_in(days: int) -> date:
    return day("2026-12-01") + DAY * days


# -- warnings


@pytest.mark.parametrize(
    ("days", "warned"),
    [
        (0, []), (1, [0]), (2, [1]), (3, [1]), (4, [1]), (5, [3, 1]), (7, [3, 1]), (10, [3, 1]), (12, [7, 3, 1]),
        (14, [7, 3, 1]), (90, [7, 3, 1]),
    ],
)  # fmt: skip
def test_which_warnings_a_rental_gets(days: int, warned: list[int]) -> None:
    found = ends().reminders(rental(last_in(days), NOON))
    assert [reminder.days for reminder in found] == warned
    assert [r.key for r in found] == [f"warned:{last_in(days)}:{number}" for number in warned]


@pytest.mark.parametrize("days", [2, 3, 4, 7, 14, 90])
def test_warnings_come_at_nine_in_the_morning(days: int) -> None:
    for reminder in ends().reminders(rental(last_in(days), NOON)):
        assert reminder.at == at(f"{last_in(days) - DAY * reminder.days}T09:00")


@pytest.mark.parametrize("days", [1, 2, 3, 4, 7, 14, 90])
@pytest.mark.parametrize("start", ["00:00:10", "08:59", "12:00:10", "23:59:50"])
def test_the_last_warning_leaves_time(days: int, start: str) -> None:
    lent = rental(last_in(days), at(f"2026-12-01T{start}"))
    latest = ends().reminders(lent)[-1].at
    assert ends().over_at(lent) - latest >= NOTICE + timedelta(minutes=30)
    assert lent.ready_at and latest >= lent.ready_at


@pytest.mark.parametrize(
    ("start", "warned"), [("12:00:00", [0]), ("12:00:01", []), ("23:50", []), ("11:00", [0])]
)
def test_a_rental_shorter_than_the_notice_gets_none(start: str, warned: list[int]) -> None:
    lent = rental("2026-12-01", at(f"2026-12-01T{start}"))
    assert [reminder.days for reminder in ends().reminders(lent)] == warned


def test_a_short_rental_of_half_a_day_is_warned_at_once() -> None:
    since = at("2026-12-01T11:45")
    (only,) = ends().reminders(rental("2026-12-01", since))
    assert only.at == since


def test_the_day_of_a_change_of_clocks_may_be_too_short() -> None:
    """From noon of the day before to the end is 35 hours where a night lacks one."""
    lent = rental("2027-03-28", at("2027-03-27T12:00:10", BERLIN))
    (only,) = ends(BERLIN).reminders(lent)
    over = ends(BERLIN).over_at(lent)
    assert only.days == 0
    assert over - only.at == (over - at("2027-03-27T12:00:10", BERLIN)) / 2


def test_only_the_newest_warning_that_is_due_is_given() -> None:
    lent = rental(last_in(14), NOON)
    told = {
        days: ends().due_reminder(lent, at(f"{last_in(14) - DAY * days}T09:00"))
        for days in (8, 7, 6, 3, 2, 1, 0)
    }
    assert {days: found and found.days for days, found in told.items()} == {
        8: None, 7: 7, 6: 7, 3: 3, 2: 3, 1: 1, 0: 1,
    }  # fmt: skip
    assert ends().due_reminder(lent, at(f"{last_in(14) - DAY * 7}T08:59:59")) is None


def test_one_that_was_overlooked_is_still_due_after_the_end() -> None:
    lent = rental(last_in(3), NOON)
    found = ends().due_reminder(lent, at(f"{last_in(30)}T03:00"))
    assert found and found.days == 1


@pytest.mark.parametrize(
    ("policy", "days", "warned"),
    [
        ("warn_days = []", 14, [0]),
        ("warn_days = [1, 1, 5]", 14, [5, 1]),
        ("warn_days = [30]", 14, [0]),
        ("warn_days = [30]", 90, [30]),
    ],
)
def test_the_policys_days(policy: str, days: int, warned: list[int]) -> None:
    lent = rental(last_in(days), NOON)
    found = ends(policy=policy).reminders(lent)
    assert [reminder.days for reminder in found] == warned
    assert ends().over_at(lent) - found[-1].at >= timedelta(hours=39)


# -- quiet days


@pytest.mark.parametrize(
    ("policy", "chosen", "really"),
    [
        (YEAR_END, "2026-12-22", "2026-12-22"),  # over at the first instant of the 23rd
        (YEAR_END, "2026-12-23", "2027-01-03"),  # would be over at the first instant of a quiet day
        (YEAR_END, "2026-12-24", "2027-01-03"),
        (YEAR_END, "2026-12-31", "2027-01-03"),
        (YEAR_END, "2027-01-02", "2027-01-03"),
        (YEAR_END, "2027-01-03", "2027-01-03"),
        (YEAR_END, "2027-01-04", "2027-01-04"),
        (ONE_DAY_OFF, "2026-12-03", "2026-12-03"),
        (ONE_DAY_OFF, "2026-12-04", "2026-12-06"),
        (ONE_DAY_OFF, "2026-12-05", "2026-12-06"),
        (ONE_DAY_OFF, "2026-12-06", "2026-12-06"),
        (quiet(("2026-12-05", "2026-12-06"), ("2026-12-07", "2026-12-08")), "2026-12-04", "2026-12-09"),
        (quiet(("2026-12-05", "2026-12-06"), ("2026-12-08", "2026-12-09")), "2026-12-04", "2026-12-10"),
        (quiet(("2026-12-05", "2026-12-06"), ("2026-12-09", "2026-12-10")), "2026-12-04", "2026-12-07"),
        (quiet(("2026-12-05", "2026-12-20"), ("2026-12-07", "2026-12-08")), "2026-12-07", "2026-12-21"),
        (quiet(("2026-12-07", "2026-12-08"), ("2026-12-05", "2026-12-07")), "2026-12-04", "2026-12-09"),
        (quiet(("2026-12-05", "2026-12-06"), ("2027-02-01", "2027-02-02")), "2027-01-31", "2027-02-03"),
    ],
)  # fmt: skip
def test_quiet_days_move_the_end_to_the_day_after_them(policy: str, chosen: str, really: str) -> None:
    rule = ends(policy=policy)
    assert rule.last_day(day(chosen)) == day(really)
    over = rule.over_at(rental(chosen, NOON))
    assert rule.day_of(over) == day(really) + DAY
    assert not rule.quiet(rule.day_of(over))


def test_warnings_are_of_the_day_it_really_lasts_to() -> None:
    found = ends(policy=YEAR_END).reminders(rental("2026-12-24", NOON))
    assert [reminder.key for reminder in found] == [f"warned:2027-01-03:{days}" for days in (7, 3, 1)]
    assert found[0].at == at("2026-12-27T09:00")


# -- deletion


def deleted(lent: Rental, told: list[Event], now: str = "2026-12-02T10:00", policy: str = "") -> datetime:
    """When it is deleted; the act must agree with the promise."""
    rule = ends(policy=policy)
    moment = rule.deleted_at(lent, told, at(now))
    assert rule.may_delete(lent, told, moment)
    assert not rule.may_delete(lent, told, moment - timedelta(microseconds=1))
    assert not rule.may_delete(lent, told, moment - DAY)
    return moment


@pytest.mark.parametrize(
    ("warned", "goes"),
    [
        ("2026-12-01T09:00", "2026-12-04T00:00"),
        ("2026-12-03T12:00", "2026-12-04T00:00"),
        ("2026-12-03T12:00:01", "2026-12-05T00:00"),
        ("2026-12-04T00:00", "2026-12-05T00:00"),
        ("2026-12-09T12:00", "2026-12-10T00:00"),
        ("2026-12-09T15:00", "2026-12-11T00:00"),
    ],
)
def test_deleted_after_the_end_and_twelve_hours_after_the_warning(warned: str, goes: str) -> None:
    lent = rental("2026-12-03", NOON - 10 * DAY)
    assert deleted(lent, [warning("2026-12-03", at(warned))]) == at(goes)


def test_the_first_of_several_warnings_counts() -> None:
    lent = rental("2026-12-03", NOON - 10 * DAY)
    told = [warning("2026-12-03", at("2026-12-02T09:00")), warning("2026-12-03", at("2026-12-03T20:00"))]
    assert deleted(lent, told) == at("2026-12-04T00:00")


def test_without_a_delivered_warning_it_is_kept() -> None:
    lent = rental("2026-12-03", NOON - 10 * DAY)
    unseen = [warning("2026-12-03", at("2026-12-02T09:00"), seen=False)]
    for told in ([], unseen, [event(EventKind.READY, NOON)]):
        assert not ends().may_delete(lent, told, at("2027-12-04T00:00"))
        assert ends().deleted_at(lent, told, at("2026-12-20T10:00")) == at("2026-12-21T00:00"), (
            "if warned now"
        )
        assert ends().deleted_at(lent, told, at("2026-12-20T13:00")) == at("2026-12-22T00:00")


def test_a_pass_that_is_caught_up_at_noon_takes_nothing_before_the_hour_that_was_told() -> None:
    lent = rental("2026-12-03", NOON - 10 * DAY)
    told = [warning("2026-12-03", at("2026-12-03T20:00"))]
    assert deleted(lent, told) == at("2026-12-05T00:00")
    assert not ends().may_delete(lent, told, at("2026-12-04T12:00"))


def test_somebody_who_cannot_be_reached_is_not_waited_for() -> None:
    lent = rental("2026-12-03", NOON - 10 * DAY)
    told = [warning("2026-12-03", at("2026-12-03T23:00"), undeliverable=True)]
    assert deleted(lent, told) == at("2026-12-04T00:00")


def test_that_another_message_could_not_be_delivered_says_nothing_of_the_warning() -> None:
    lent = rental("2026-12-03", NOON - 10 * DAY)
    told = [event(EventKind.READY, NOON - 10 * DAY, undeliverable=True)]
    assert not ends().may_delete(lent, told, at("2026-12-09T00:00"))


@pytest.mark.parametrize("kind", [EventKind.READY, EventKind.EXTENDED, EventKind.RESTORED])
def test_of_a_short_rental_the_ready_message_is_the_warning(kind: EventKind) -> None:
    lent = rental("2026-12-01", NOON)
    assert deleted(lent, [event(kind, NOON)], "2026-12-01T12:00:20") == at("2026-12-02T00:00")
    assert not ends().may_delete(lent, [event(kind, NOON, seen=False)], at("2026-12-03T00:00"))


def test_a_short_rental_is_promised_its_end_before_the_ready_message_is_seen() -> None:
    """The message itself says when it is deleted: it is drawn before it is delivered."""
    lent = rental("2026-12-01", NOON)
    told = [event(EventKind.READY, NOON, seen=False)]
    assert ends().deleted_at(lent, told, NOON) == at("2026-12-02T00:00")


def test_a_short_rental_whose_ready_message_came_after_its_end() -> None:
    lent = rental("2026-12-01", NOON)
    told = [event(EventKind.READY, NOON)]
    told[0].delivered_at = at("2026-12-02T08:00")
    assert deleted(lent, told) == at("2026-12-03T00:00")


def test_an_extension_by_a_few_hours_is_no_warning_for_the_end_before() -> None:
    lent = rental("2026-12-02", NOON)
    lent.end_set_at = at("2026-12-02T18:00")
    old = [event(EventKind.READY, NOON)]
    assert not ends().may_delete(lent, old, at("2026-12-03T00:00"))
    new = [*old, event(EventKind.EXTENDED, at("2026-12-02T18:00"))]
    assert deleted(lent, new, "2026-12-02T18:00") == at("2026-12-03T00:00")


def test_an_extension_re_arms_the_warnings() -> None:
    told = [warning("2026-12-03", at("2026-12-02T09:00"))]
    extended = rental("2026-12-10", NOON)
    extended.end_set_at = at("2026-12-03T09:00")
    assert not ends().may_delete(extended, told, at("2026-12-11T00:00"))
    assert [r.key for r in ends().reminders(extended)] == ["warned:2026-12-10:3", "warned:2026-12-10:1"]
    assert deleted(extended, [*told, warning("2026-12-10", at("2026-12-09T09:00"))]) == at("2026-12-11T00:00")


def test_nothing_goes_on_a_quiet_day() -> None:
    rule = ends(policy=YEAR_END)
    late = [warning("2026-12-22", at("2026-12-22T20:00"))]  # 12 hours later is the 23rd; the 24th is quiet
    lent = rental("2026-12-22", NOON)
    assert deleted(lent, late, policy=YEAR_END) == at("2027-01-03T00:00")
    early = [warning("2026-12-22", at("2026-12-22T09:00"))]
    assert deleted(lent, early, policy=YEAR_END) == at("2026-12-23T00:00")
    assert not rule.may_delete(lent, early, at("2026-12-24T09:00")), "a pass caught up on a quiet day"
    assert rule.may_delete(lent, early, at("2027-01-03T09:00"))


def test_the_grace_time_is_not_over_on_a_quiet_day() -> None:
    rule = ends(policy=f"grace_hours = 36\n{YEAR_END}")
    assert rule.grace_over(rental("2026-12-20", NOON, stopped=at("2026-12-21T00:00"))) == at(
        "2026-12-22T12:00"
    )
    assert rule.grace_over(rental("2026-12-22", NOON, stopped=at("2026-12-23T00:00"))) == at(
        "2027-01-03T00:00"
    )


def test_a_grace_time_of_a_day_has_24_hours_where_the_clocks_change() -> None:
    rule = ends(BERLIN, "grace_hours = 24")
    lent = rental("2027-03-27", NOON, stopped=at("2027-03-28T00:00", BERLIN))
    assert rule.grace_over(lent) == at("2027-03-29T01:00", BERLIN)


@pytest.mark.parametrize(
    ("now", "latest"), [("2026-12-01T23:59", "2027-03-01"), ("2026-12-02T00:00", "2027-03-02")]
)
def test_the_latest_date_counts_from_the_labs_today(now: str, latest: str) -> None:
    assert ends().choices.latest(ends().day_of(at(now))) == day(latest)


def test_half_an_hour_of_slack_is_allowed_for() -> None:
    lent = rental(last_in(1), at("2026-12-01T23:00"))
    (only,) = ends().reminders(lent)
    assert deleted(lent, [warning(last_in(1), only.at + HOUR / 2)]) == ends().over_at(lent)


# -- what may be chosen

TODAY = day("2026-12-01")


@pytest.mark.parametrize(
    ("chosen", "by_anybody", "by_an_admin"),
    [
        (None, "end_missing", "end_missing"),
        (-1, "end_past", "end_past"),
        (0, None, None),
        (90, None, None),
        (91, "end_late", None),
        (3650, "end_late", None),
        (3651, "end_late", "end_far"),
    ],
)
def test_who_may_choose_which_last_day(
    chosen: int | None, by_anybody: str | None, by_an_admin: str | None
) -> None:
    wanted = None if chosen is None else TODAY + DAY * chosen
    for beyond_policy, code in ((False, by_anybody), (True, by_an_admin)):
        if code is None:
            assert ends().choices.check_last_day(wanted, TODAY, beyond_policy=beyond_policy) == wanted
            continue
        with pytest.raises(UserError) as raised:
            ends().choices.check_last_day(wanted, TODAY, beyond_policy=beyond_policy)
        assert raised.value.code == code


@pytest.mark.parametrize(("max_days", "days"), [(90, 7), (3, 3)])
def test_a_restored_rental_lasts_a_week_as_far_as_the_policy_goes(max_days: int, days: int) -> None:
    rule = ends(policy=f"default_days = 1\nmax_days = {max_days}")
    assert rule.choices.restored_until(TODAY) == TODAY + DAY * days
    assert rule.choices.default(TODAY) == TODAY + DAY


@pytest.mark.parametrize(("agreed", "proposed"), [(-3, 7), (0, 7), (10, 17), (88, 90), (200, 90)])
def test_an_extension_proposes_a_week_more(agreed: int, proposed: int) -> None:
    lent = rental(TODAY + DAY * agreed, NOON - DAY * 10)
    outlook = ends().outlook(lent, (), NOON)
    assert outlook.proposed == TODAY + DAY * proposed
    assert ends().choices.a_week_more(lent, TODAY) == TODAY + DAY * (max(agreed, 0) + 7)


@pytest.mark.parametrize(("agreed", "by_a_day"), [(-3, 1), (10, 11), (89, 90), (90, None)])
def test_later_stops_where_the_policy_does(agreed: int, by_a_day: int | None) -> None:
    outlook = ends().outlook(rental(TODAY + DAY * agreed, NOON - DAY * 10), (), NOON)
    assert outlook.later(DAY) == (None if by_a_day is None else TODAY + DAY * by_a_day)


@pytest.mark.parametrize(("warn_days", "until"), [("[]", 3), ("[1]", 3), ("[7, 3, 1]", 8)])
def test_how_far_ahead_the_night_looks_for_warnings(warn_days: str, until: int) -> None:
    assert ends(policy=f"warn_days = {warn_days}").warns_until(NOON) == TODAY + DAY * until


@pytest.mark.parametrize(("agreed", "until"), [(-100, 5), (1, 5), (2, 2), (30, 30)])
def test_what_is_taken_over_is_not_over_at_once(agreed: int, until: int) -> None:
    assert ends().choices.taken_over_until(TODAY + DAY * agreed, TODAY, 5) == TODAY + DAY * until
