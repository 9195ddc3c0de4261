"""When a rental may end, has ended, is warned of, and may be deleted: the one owner of these rules.

Dates are the lab's, moments are UTC. A rental lasts to the end of its last day, so it is over at the first
instant of the day after. That instant is asked of the zone: some days have no 00:00 and some have two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from kws_core.config import Config, Policy
from kws_core.errors import ErrorCode, UserError
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

NOTICE = timedelta(hours=12)  # no deletion without a warning delivered that long before
WARN_AT = time(9)  # in the lab's zone: at midnight nobody reads
SLACK_TIME = timedelta(minutes=30)  # what a delivery may take without costing the notice
SCALE = 2 / 3  # a warning further ahead than this part of a short rental would come with its key
ONLY_LEAD = timedelta(hours=39)  # of the one warning where none of policy.warn_days fits
COUNTS_FOR_SHORT = frozenset({EventKind.READY, EventKind.EXTENDED, EventKind.RESTORED})
A_DAY = timedelta(days=1)
A_WEEK = timedelta(weeks=1)  # what a form proposes to extend by, and what a stopped rental is restored for
FARTHEST = timedelta(days=3650)  # what an admin may extend to: a slip of the year is noticed
COPY_LEAD = timedelta(days=3)  # of the warning that a copy is deleted
SOON = timedelta(days=2)  # an end that is nearer, or past, leaves no time for a warning


@dataclass(frozen=True, slots=True)
class Reminder:
    """A warning that a rental is to get, ``days`` before its last day (0: none of the policy's days fits)."""

    last_day: date
    days: int
    at: datetime

    @property
    def key(self) -> str:
        """Unique per rental: a warning is made once for each end date."""
        return f"{key_prefix(self.last_day)}{self.days}"


@dataclass(frozen=True, slots=True)
class ExpiryInfo:
    """What lies ahead of a rental, as seen at ``now``."""

    now: datetime
    ends_at: datetime  # in the lab's zone, as are the next two
    deleted_at: datetime  # or stopped, where the policy has a grace period
    last_day: date
    moved: bool  # deletion freezes make it last longer than was chosen
    latest: date  # the last end date that may be chosen now
    proposed: date  # a week more, as far as the policy goes
    grace_hours: int

    @property
    def today(self) -> date:
        """The lab's date."""
        return self.now.astimezone(self.ends_at.tzinfo).date()

    def later(self, by: timedelta) -> date | None:
        """The end date so much later; None when the policy does not go so far."""
        until = max(self.last_day, self.today) + by
        return until if until <= self.latest else None


class EndChoices:
    """Which end dates may be chosen, and which are proposed. ``today`` is the lab's date."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def latest(self, today: date) -> date:
        """The last end date that a person may choose today."""
        return today + timedelta(days=self._policy.max_days)

    def default(self, today: date) -> date:
        """The end date of a rental for which none was chosen."""
        return today + timedelta(days=self._policy.default_days)

    def check_last_day(self, day: date | None, today: date, *, beyond_policy: bool = False) -> date:
        """Validate and return a rental's last day. Admins may go ``beyond_policy``.

        Raises:
            UserError: If it is missing, past, or later than the policy allows.
        """
        if day is None:
            raise UserError(ErrorCode.END_MISSING)
        if day < today:
            raise UserError(ErrorCode.END_PAST, today=today)
        if beyond_policy:
            if day > today + FARTHEST:
                raise UserError(ErrorCode.END_FAR, last=today + FARTHEST)
        elif day > self.latest(today):
            raise UserError(ErrorCode.END_LATE, last=self.latest(today), days=self._policy.max_days)
        return day

    @staticmethod
    def check_first_day(day: date | None, last: date | None, today: date) -> date | None:
        """Validate and return a rental's first day; None where it begins at once.

        Raises:
            UserError: If it is past, or after its last day.
        """
        if day is None or day == today:
            return None
        if day < today:
            raise UserError(ErrorCode.END_PAST, today=today)
        if last is not None and day > last:
            raise UserError(ErrorCode.STARTS_LATE, last=last)
        return day

    @staticmethod
    def check_wait(day: date | None, last: date | None, today: date) -> date | None:
        """Validate and return the day until which a rental may wait; None: until its last day.

        Raises:
            UserError: If it is past.
        """
        if day is not None and day < today:
            raise UserError(ErrorCode.END_PAST, today=today)
        return None if last is not None and day is not None and day >= last else day

    def extends_from(self, rental: Rental, today: date) -> date:
        """The day from which an extension counts: what is agreed, or today where that has ended."""
        return max(rental.ends_on, today)

    def a_week_more(self, rental: Rental, today: date) -> date:
        """What is proposed to who may go beyond the policy."""
        return self.extends_from(rental, today) + A_WEEK

    def restored_until(self, today: date) -> date:
        """The end date of a stopped rental that is restored."""
        return min(self.latest(today), today + A_WEEK)

    def taken_over_until(self, agreed: date, today: date, days: int) -> date:
        """The end date of a machine of the previous system; in ``days`` days if it ends soon.

        Nobody loses a machine in the first night: who has no time left to be warned in gets some.
        """
        return agreed if agreed >= today + SOON else max(agreed, today + timedelta(days=days))


class ExpiryPolicy:
    """The rule, for one lab's zone and policy."""

    def __init__(self, config: Config) -> None:
        self.zone: ZoneInfo = config.kws.zone
        self.policy = config.policy
        self.choices = EndChoices(config.policy)

    def day_of(self, moment: datetime) -> date:
        """The lab's date at that moment."""
        return moment.astimezone(self.zone).date()

    def quiet(self, day: date) -> bool:
        """Whether nothing is deleted on that day."""
        return any(period.first <= day <= period.last for period in self.policy.quiet)

    def last_day(self, ends_on: date) -> date:
        """The day that a rental really lasts to: an end that deletion freezes touch moves to the day after them."""
        day = ends_on
        while touching := [p for p in self.policy.quiet if p.first <= day + A_DAY and day <= p.last]:
            day = max(period.last for period in touching) + A_DAY
        return day

    def chosen_by(self, today: date, within: int) -> date:
        """The last end date whose rentals will have ended in ``within`` days, with deletion freezes."""
        latest = today + timedelta(days=within)
        day = latest
        while self.last_day(day) > latest:
            day -= A_DAY
        return day

    def ends_at(self, rental: Rental) -> datetime:
        """The instant a rental has ended, in the lab's zone."""
        return self.over_at(rental).astimezone(self.zone)

    def over_at(self, rental: Rental) -> datetime:
        """The first instant after the rental's last day."""
        return self.midnight(self.last_day(rental.ends_on) + A_DAY)

    def free_from(self, ends_on: date) -> date:
        """The first day on which others can have what a rental with that end date holds."""
        return self.last_day(ends_on) + A_DAY + timedelta(days=math.ceil(self.policy.grace_hours / 24))

    def overdue(self, rental: Rental, now: datetime) -> bool:
        """Whether its last day has ended."""
        return self.last_day(rental.ends_on) < self.day_of(now)

    # -- what is told

    def outlook(self, rental: Rental, events: Iterable[Event], now: datetime) -> ExpiryInfo:
        """For what people are told."""
        last_day, today = self.last_day(rental.ends_on), self.day_of(now)
        return ExpiryInfo(
            now=now,
            ends_at=self.over_at(rental).astimezone(self.zone),
            deleted_at=self.deleted_at(rental, events, now).astimezone(self.zone),
            last_day=last_day,
            moved=last_day != rental.ends_on,
            latest=self.choices.latest(today),
            proposed=min(self.choices.latest(today), self.choices.a_week_more(rental, today)),
            grace_hours=self.policy.grace_hours,
        )

    # -- warnings

    def due_reminder(self, rental: Rental, now: datetime) -> Reminder | None:
        """The newest warning whose moment has come; older ones that were missed are not made up for."""
        due = [reminder for reminder in self.reminders(rental) if reminder.at <= now]
        return due[-1] if due else None

    def reminders(self, rental: Rental) -> Sequence[Reminder]:
        """All warnings for the rental's end date, earliest first; none where the ready message is enough."""
        last_day, over, since = self.last_day(rental.ends_on), self.over_at(rental), _since(rental)
        span = over - since
        if span < NOTICE:
            return ()
        fitting = [w for w in self._by_policy(last_day) if over - w.at <= span * SCALE]
        if fitting:
            return fitting
        lead = max(min(span / 2, ONLY_LEAD), NOTICE + SLACK_TIME)
        return (Reminder(last_day, 0, max(since, over - lead)),)

    def warns_until(self, now: datetime) -> date:
        """The last end date of which a warning may be due now, deletion freezes aside."""
        days = max([math.ceil(ONLY_LEAD / A_DAY), *self.policy.warn_days])
        return self.day_of(now) + timedelta(days=days + 1)

    def _by_policy(self, last_day: date) -> list[Reminder]:
        days = sorted(set(self.policy.warn_days), reverse=True)
        return [Reminder(last_day, d, self.moment(last_day - timedelta(days=d), WARN_AT)) for d in days]

    # -- deletion

    def deleted_at(self, rental: Rental, events: Iterable[Event], now: datetime) -> datetime:
        """When the nightly cleanup takes the rental, supposing that it is warned now if it never was."""
        warned = self._warned_at(rental, events)
        notice = timedelta(0) if self._too_short_to_warn(rental) else NOTICE
        return self._next_pass(max(self.over_at(rental), (now if warned is None else warned) + notice))

    def may_delete(self, rental: Rental, events: Iterable[Event], now: datetime) -> bool:
        """Whether a rental may go now: not on a day of a deletion freeze, only after a warning in time.

        And never before the moment that its owner was told, though a missed pass be caught up at noon.
        """
        events = list(events)
        if self._warned_at(rental, events) is None or self.quiet(self.day_of(now)):
            return False
        return self.deleted_at(rental, events, now) <= now

    @property
    def stops_first(self) -> bool:
        """Whether a rental that has ended is stopped, and deleted only after a grace period."""
        return self.policy.grace_hours > 0

    def grace_over(self, rental: Rental) -> datetime:
        """When a stopped rental is deleted."""
        assert rental.stopped_at
        end = rental.stopped_at + timedelta(hours=self.policy.grace_hours)
        return self._next_pass(end) if self.quiet(self.day_of(end)) else end

    def _warned_at(self, rental: Rental, events: Iterable[Event]) -> datetime | None:
        """When the owner was warned of this end date; long ago if Slack says that nobody can reach them."""
        since = _since(rental)
        prefix = key_prefix(self.last_day(rental.ends_on))
        short = self._too_short_to_warn(rental)
        found = []
        for event in events:
            warning = event.key is not None and event.key.startswith(prefix)
            counts = warning or (short and event.kind in COUNTS_FOR_SHORT and event.at >= since)
            if counts and event.undeliverable:
                return since - NOTICE
            if counts and event.delivered_at is not None:
                found.append(event.delivered_at)
        return min(found, default=None)

    def _too_short_to_warn(self, rental: Rental) -> bool:
        return self.over_at(rental) - _since(rental) < NOTICE

    def _next_pass(self, moment: datetime) -> datetime:
        """The first midnight from that moment on, on a day that is not quiet."""
        day = self.day_of(moment)
        while self.midnight(day) < moment or self.quiet(day):
            day += A_DAY
        return self.midnight(day)

    def midnight(self, day: date) -> datetime:
        """The first instant of that day in the lab's zone."""
        return self.moment(day, time(0))

    def moment(self, day: date, at: time) -> datetime:
        """That time of a day in the lab's zone. Of a time that the clocks skip this is the instant of the change; of one that comes twice, the first."""
        return datetime.combine(day, at, tzinfo=self.zone).astimezone(UTC)


class CopyEnds:
    """When the owner of a copy is warned, and when it is deleted: the same notice and freezes as for rentals."""

    def __init__(self, ends: ExpiryPolicy) -> None:
        self._ends = ends

    def due(self, copy: Copy, now: datetime) -> bool:
        """Whether the warning of its last day is to be given by now."""
        at = self._ends.moment(copy.keep_until - COPY_LEAD, WARN_AT)
        half = copy.keep_set_at + (self._ends.midnight(copy.keep_until + A_DAY) - copy.keep_set_at) / 2
        return now >= max(at, half)  # a copy that is kept for few days is warned of after half of them

    def has_ended(self, copy: Copy, now: datetime) -> bool:
        """Whether its last day has ended."""
        return copy.keep_until < self._ends.day_of(now)

    def may_delete(self, copy: Copy, events: Iterable[Event], now: datetime) -> bool:
        """Whether it may go now: its last day has ended, and its owner was told that long before."""
        if not self.has_ended(copy, now) or self._ends.quiet(self._ends.day_of(now)):
            return False
        told = next((event for event in events if event.key == copy_key(copy)), None)
        if told is None or told.undeliverable:
            return told is not None
        return told.delivered_at is not None and now - told.delivered_at >= NOTICE


def copy_key(copy: Copy) -> str:
    """The key of the warning of a copy's last day, which is given once."""
    return f"copy:{copy.id}:{copy.keep_until.isoformat()}"


def key_prefix(last_day: date) -> str:
    """What the keys of all warnings of one end date begin with."""
    return f"warned:{last_day.isoformat()}:"


def _since(rental: Rental) -> datetime:
    """Since when the owner has known this end date and had the machine."""
    return max(rental.end_set_at, rental.ready_at or rental.end_set_at)
