"""What each person used in a time: from the rentals' own history, and as CSV.

A rental counts from the moment it was ready until nothing of it was left; one that was transferred counts
for each of its owners in turn.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import or_, select

from kws_core.context import Context
from kws_core.errors import ConfigError
from kws_core.tables.details.events import Transferred
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.values import Kind

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # by which Excel knows UTF-8
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would run, or trip over
MONTH = re.compile(r"(20[0-9]{2})-(0?[1-9]|1[0-2])")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIB = 1024


class Span(NamedTuple):
    """A rental while one person owned it; ``ended`` is empty while it lasts."""

    owner: str
    kind: Kind
    vcpus: int
    ram_mb: int
    disk_gb: int
    created: datetime | None  # None: it came from somebody else
    ready: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Used:
    """What one person used."""

    person: str
    rentals: int = 0  # begun in that time
    servers: int = 0  # of these
    containers: int = 0
    rental_days: float = 0.0
    vcpu_hours: float = 0.0
    ram_gb_hours: float = 0.0
    disk_gb_days: float = 0.0


def month_of(text: str) -> date:
    """Return the first day of a month such as 2026-11.

    Raises:
        ValueError: For anything else.
    """
    match = MONTH.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} isn't a month")
    return date(int(match[1]), int(match[2]), 1)


def month_after(first: date) -> date:
    """The first day of the month behind."""
    return (first + timedelta(days=31)).replace(day=1)


def month_before(first: date) -> date:
    """The first day of the month before."""
    return (first - DAY).replace(day=1)


class UsageReport:
    """Asks the database."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def month(self, first: date) -> list[Used]:
        """A month of the lab's zone, up to now."""
        begin, end = self._midnight(first), self._midnight(month_after(first))
        return summary(self.spans(begin, end), begin, end, self.context.now())

    def spans(self, begin: datetime, end: datetime) -> list[Span]:
        """Every rental that was there in that time, by its owners."""
        there = (Rental.created_at < end, or_(Rental.ended_at.is_(None), Rental.ended_at > begin))
        with self.context.store.read() as session:
            rentals = session.scalars(select(Rental).where(*there)).all()
            moved = select(Event).where(Event.kind == EventKind.TRANSFERRED).order_by(Event.id)
            transfers: dict[str, list[Event]] = {}
            for event in session.scalars(moved):
                transfers.setdefault(event.rental_id, []).append(event)
        return [span for rental in rentals for span in spans_of(rental, transfers.get(rental.id, ()))]

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(0), tzinfo=self.context.config.kws.zone).astimezone(UTC)


def spans_of(rental: Rental, transfers: Sequence[Event]) -> list[Span]:
    """One span per owner."""
    handed = [(event.at, event.details) for event in transfers if isinstance(event.details, Transferred)]
    owner = handed[0][1].was if handed else rental.owner
    size = (rental.kind, rental.vcpus, rental.ram_mb, rental.disk_gb)
    span = Span(owner, *size, rental.created_at, rental.ready_at, rental.ended_at)
    spans = []
    for at, details in handed:
        spans.append(span._replace(ended=at))
        ready = max(rental.ready_at, at) if rental.ready_at else None
        span = Span(details.to, *size, None, ready, rental.ended_at)
    return [*spans, span]


def summary(spans: Iterable[Span], begin: datetime, end: datetime, now: datetime) -> list[Used]:
    """What each person used from ``begin`` to ``end``, as far as it has ended; by person."""
    found: dict[str, Used] = {}
    for span in spans:
        used = found.get(span.owner, Used(span.owner))
        if span.created is not None and begin <= span.created < end:
            used = replace(
                used,
                rentals=used.rentals + 1,
                servers=used.servers + (span.kind is Kind.SERVER),
                containers=used.containers + (span.kind is Kind.CONTAINER),
            )
        found[span.owner] = _add(used, span, _length(span, begin, end, now))
    return [found[person] for person in sorted(found) if found[person] != Used(person)]


def _length(span: Span, begin: datetime, end: datetime, now: datetime) -> timedelta:
    if span.ready is None:
        return timedelta(0)
    return max(timedelta(0), min(span.ended or now, end, now) - max(span.ready, begin))


def _add(used: Used, span: Span, length: timedelta) -> Used:
    return replace(
        used,
        rental_days=used.rental_days + length / DAY,
        vcpu_hours=used.vcpu_hours + span.vcpus * (length / HOUR),
        ram_gb_hours=used.ram_gb_hours + span.ram_mb / MIB * (length / HOUR),
        disk_gb_days=used.disk_gb_days + span.disk_gb * (length / DAY),
    )


def rows(
    first: date, used: Iterable[Used], names: Mapping[str, str] | None = None
) -> list[dict[str, object]]:
    """The rows of a table; with ``names`` of the people where they are known."""
    return [
        {
            "month": first.strftime("%Y-%m"),
            "person": one.person,
            **({"name": names.get(one.person, "")} if names is not None else {}),
            "rentals": one.rentals,
            "servers": one.servers,
            "containers": one.containers,
            "rental_days": round(one.rental_days, 2),
            "vcpu_hours": round(one.vcpu_hours, 2),
            "ram_gb_hours": round(one.ram_gb_hours, 2),
            "disk_gb_days": round(one.disk_gb_days, 2),
        }
        for one in used
    ]


def to_csv(table: Sequence[Mapping[str, object]]) -> str:
    """The table for a spreadsheet: no cell of it is taken for a formula there."""
    columns = list(table[0]) if table else [*rows(date(2026, 1, 1), [Used("")])[0]]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in table:
        writer.writerow([_cell(row[column]) for column in columns])
    return BOM + file.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def month_typed(text: str) -> date:
    """Return the first day of a month that was typed at a command.

    Raises:
        ConfigError: If it isn't a month.
    """
    try:
        return month_of(text)
    except ValueError as error:
        raise ConfigError([f"--month: {text!r} isn't a month. Try 2026-11."]) from error
