"""Rentals and warnings in memory, and the days on which a zone's clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from harness.world import make_config

from kws_core.expiry import ExpiryPolicy, key_prefix
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

SEOUL, BERLIN, NEW_YORK, AUCKLAND = "Asia/Seoul", "Europe/Berlin", "America/New_York", "Pacific/Auckland"
BEIRUT, CAIRO, SANTIAGO = "Asia/Beirut", "Africa/Cairo", "America/Santiago"  # a day in spring has no 00:00
HAVANA = "America/Havana"  # a day in autumn has it twice
ZONES = (SEOUL, BERLIN, NEW_YORK, BEIRUT, CAIRO, SANTIAGO, HAVANA, AUCKLAND, "UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@cache
def ends(zone: str = SEOUL, policy: str = "") -> ExpiryPolicy:
    """The rule for a zone and some lines of [policy]."""
    return ExpiryPolicy(make_config(zone=zone, policy=policy))


def quiet(*periods: tuple[str, str]) -> str:
    """Quiet days as a line of [policy]."""
    return f"quiet = [{', '.join(f'{{ from = {first}, to = {last} }}' for first, last in periods)}]"


def at(text: str, zone: str = SEOUL) -> datetime:
    """A local time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


def rental(last: date | str, since: datetime, *, stopped: datetime | None = None) -> Rental:
    """A rental that is ready since then, chosen a minute before."""
    ends_on = day(last) if isinstance(last, str) else last
    return Rental(
        ends_on=ends_on, end_set_at=since - timedelta(minutes=1), ready_at=since, stopped_at=stopped
    )


def event(
    kind: EventKind, when: datetime, *, key: str | None = None, seen: bool = True, undeliverable: bool = False
) -> Event:
    """An event that the owner has seen at once, unless it says otherwise."""
    delivered = when if seen or undeliverable else None
    return Event(kind=kind, at=when, key=key, data={}, delivered_at=delivered, undeliverable=undeliverable)


def warning(last_day: date | str, when: datetime, *, seen: bool = True, undeliverable: bool = False) -> Event:
    """A warning of that last day."""
    last = day(last_day) if isinstance(last_day, str) else last_day
    key = f"{key_prefix(last)}1"
    return event(EventKind.WARNED, when, key=key, seen=seen, undeliverable=undeliverable)


@cache
def changes(zone: str, year: int) -> list[datetime]:
    """The instants of that year at which the zone's offset changes."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + HOUR * n for n in range(366 * 24)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    return [hour for hour, old, new in zip(hours[1:], offsets, offsets[1:], strict=False) if old != new]
