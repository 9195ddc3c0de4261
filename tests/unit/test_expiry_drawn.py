"""Whatever the zone, the policy, the quiet days and the hour: what must always hold of an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from harness.ends_kit import DAY, ZONES, ends, event, quiet, rental, warning
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_core.expiry import NOTICE, ExpiryPolicy
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

FIRST = date(2026, 9, 1)
DRAWN = settings(deadline=None, suppress_health_check=list(HealthCheck))
MOMENT = timedelta(microseconds=1)
moments = st.datetimes(datetime(2026, 9, 1), datetime(2027, 12, 1), timezones=st.just(UTC))
days = st.integers(0, 500).map(lambda number: FIRST + DAY * number)
periods = st.lists(st.tuples(days, st.integers(0, 20)), max_size=4)


def _period(first: date, length: int) -> tuple[str, str]:
    return first.isoformat(), (first + DAY * length).isoformat()


@dataclass
class Case:
    """A rental, what its owner was told of it, and the time."""

    rule: ExpiryPolicy
    lent: Rental
    told: list[Event]
    now: datetime

    @property
    def over(self) -> datetime:
        return self.rule.over_at(self.lent)

    @property
    def short(self) -> bool:
        assert self.lent.ready_at
        return self.over - self.lent.ready_at < NOTICE

    @property
    def warned(self) -> datetime | None:
        """When the owner had the first word that counts."""
        this_end = self.rule.last_day(self.lent.ends_on).isoformat()
        count = [e for e in self.told if (this_end in e.key if e.key else self.short)]
        return min((e.delivered_at for e in count if e.delivered_at), default=None)


@st.composite
def rules(draw: st.DrawFn) -> ExpiryPolicy:
    off = [_period(first, length) for first, length in draw(periods)]
    warn = draw(st.sampled_from(["", "warn_days = []", "warn_days = [1]", "warn_days = [30, 14, 2]"]))
    return ends.__wrapped__(draw(st.sampled_from(ZONES)), f"{quiet(*off)}\n{warn}")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rule, since = draw(rules()), draw(moments)
    lent = rental(rule.day_of(since) + DAY * draw(st.sampled_from([0, 0, 1, 1, 2, 3, 7, 14, 90])), since)
    last = rule.last_day(lent.ends_on)
    hours = draw(st.lists(st.floats(-200, 100), max_size=3))
    when = [max(since, rule.over_at(lent) + timedelta(hours=number)) for number in hours]
    told = [event(EventKind.READY, since, seen=draw(st.booleans()))]
    told += [warning(last, moment, seen=draw(st.booleans())) for moment in when]
    told += [warning(last - DAY * 2, since)]  # of an end date before
    return Case(rule, lent, told, since + timedelta(hours=draw(st.floats(0, 300))))


@DRAWN
@given(cases())
def test_deletion_is_a_midnight_after_the_end_on_no_quiet_day(case: Case) -> None:
    goes = case.rule.deleted_at(case.lent, case.told, case.now)
    assert goes >= case.over
    assert case.rule.overdue(case.lent, goes)
    assert not case.rule.quiet(case.rule.day_of(goes))
    assert case.rule.day_of(goes - MOMENT) < case.rule.day_of(goes)


@DRAWN
@given(cases())
def test_deletion_is_twelve_hours_after_the_warning(case: Case) -> None:
    goes = case.rule.deleted_at(case.lent, case.told, case.now)
    notice = timedelta(0) if case.short else NOTICE
    assert goes >= (case.warned or case.now) + notice


@DRAWN
@given(cases(), st.integers(0, 40))
def test_the_act_agrees_with_the_promise(case: Case, nights: int) -> None:
    goes = case.rule.deleted_at(case.lent, case.told, case.now)
    if case.warned is None:
        assert not case.rule.may_delete(case.lent, case.told, goes + nights * DAY)
        return
    assert goes == case.rule.deleted_at(case.lent, case.told, case.now + nights * DAY), "it does not slip"
    assert case.rule.may_delete(case.lent, case.told, goes)
    for early in (MOMENT, timedelta(minutes=1), timedelta(hours=5), DAY * (nights + 1)):
        assert not case.rule.may_delete(case.lent, case.told, goes - early)
    later = goes + DAY * nights
    assert case.rule.may_delete(case.lent, case.told, later) != case.rule.quiet(case.rule.day_of(later))


@DRAWN
@given(cases())
def test_what_cannot_be_delivered_is_not_waited_for(case: Case) -> None:
    told = [*case.told, warning(case.rule.last_day(case.lent.ends_on), case.now, undeliverable=True)]
    goes = case.rule.deleted_at(case.lent, told, case.now)
    assert case.over <= goes <= case.rule.deleted_at(case.lent, case.told, case.now)
    assert case.rule.may_delete(case.lent, told, goes)


@DRAWN
@given(rules(), days, st.integers(0, 60))
def test_the_last_day_is_settled_and_in_order(rule: ExpiryPolicy, chosen: date, more: int) -> None:
    last = rule.last_day(chosen)
    assert last >= chosen
    assert rule.last_day(last) == last
    assert rule.last_day(chosen + DAY * more) >= last
    assert not rule.quiet(last) or last == chosen
    assert not rule.quiet(last + DAY)
    between = [chosen + DAY * n for n in range((last - chosen).days)]
    assert all(rule.quiet(one) or rule.quiet(one + DAY) for one in between), "not one day more than needed"


@DRAWN
@given(cases())
def test_warnings_come_in_order_and_in_time(case: Case) -> None:
    found = case.rule.reminders(case.lent)
    assert bool(found) != case.short
    assert [r.at for r in found] == sorted({r.at for r in found})
    assert len({r.key for r in found}) == len(found)
    for reminder in found:
        assert case.lent.ready_at and reminder.at >= case.lent.ready_at
        assert case.over - reminder.at >= NOTICE
        assert reminder.last_day == case.rule.last_day(case.lent.ends_on)


@DRAWN
@given(cases())
def test_who_is_warned_in_time_loses_nothing_later_than_planned(case: Case) -> None:
    """Each warning told within half an hour: the rental goes at its end, not a day later."""
    found = case.rule.reminders(case.lent)
    slow = timedelta(minutes=30)
    if case.lent.ready_at is None or not found or case.over - case.lent.ready_at < NOTICE + slow:
        return
    told = [warning(reminder.last_day, reminder.at + slow) for reminder in found]
    assert case.rule.deleted_at(case.lent, told, case.now) == case.over
