"""What each person used in a time: from the rentals' own history, and as CSV.

A rental counts from the moment it was ready until nothing of it was left; one that was transferred counts
for each of its owners in turn, and one whose size changed in place with each of its sizes. A copy counts from
when it was kept until its node had nothing of it; that of a move doesn't count.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, lazyload, load_only

from kws_core.context import Context
from kws_core.copies.lifecycle import takes_gb
from kws_core.errors import ConfigError
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import ResizeDone, Transferred
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.values import Kind

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # by which Excel knows UTF-8
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would run, or trip over
MONTH = re.compile(r"(20[0-9]{2})-(0?[1-9]|1[0-2])")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIB = 1024
AT_ONCE = 500  # rentals in memory
COUNTED = (
    Rental.owner, Rental.kind, Rental.vcpus, Rental.ram_mb, Rental.disk_gb, Rental.created_at, Rental.ready_at,
    Rental.ended_at,
)  # fmt: skip


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


class CopySpan(NamedTuple):
    """A copy while one person owned it; ``ended`` is empty while it lasts."""

    owner: str
    gb: int
    kept: datetime
    new: bool  # False: it came from somebody else
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
    copies: int = 0  # kept in that time
    copy_gb_days: float = 0.0


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
        copies = self.copies(begin, end)
        return summary(self.spans(begin, end), begin, end, self.context.now(), copies)

    def spans(self, begin: datetime, end: datetime) -> Iterator[Span]:
        """Every rental that was there in that time, by its owners and sizes.

        The rows come some at a time: a busy month's rentals at once are memory that a process doesn't get rid of.
        """
        there = (Rental.created_at < end, or_(Rental.ended_at.is_(None), Rental.ended_at > begin))
        rentals = select(Rental).where(*there).options(load_only(*COUNTED), lazyload("*"))
        with self.context.store.read() as session:
            ids = select(Rental.id).where(*there)
            changes = _changes(session, ids, EventKind.TRANSFERRED, EventKind.RESIZE_DONE)
            for rental in session.scalars(rentals.execution_options(yield_per=AT_ONCE)):
                yield from spans_of(rental, changes.get(rental.id, ()))

    def copies(self, begin: datetime, end: datetime) -> list[CopySpan]:
        """Every copy that was kept in that time, by its owners."""
        there = (Copy.kept_at < end, or_(Copy.gone_at.is_(None), Copy.gone_at > begin))
        with self.context.store.read() as session:
            found = session.scalars(select(Copy).where(*there, Copy.for_move.is_(False))).unique().all()
            ids = select(Copy.rental_id).where(*there)
            changes = _changes(session, ids, EventKind.TRANSFERRED)
        return [span for copy in found for span in copy_spans_of(copy, changes.get(copy.rental_id, ()))]

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(0), tzinfo=self.context.config.kws.zone).astimezone(UTC)


def _changes(session: Session, rentals: Select[str], *kinds: EventKind) -> dict[str, list[Event]]:
    """By rental, of those with these ids, what changed of it, oldest first."""
    found: dict[str, list[Event]] = {}
    changed = select(Event).where(Event.rental_id.in_(rentals), Event.kind.in_(kinds))
    for event in session.scalars(changed.order_by(Event.id)):
        found.setdefault(event.rental_id, []).append(event)
    return found


def spans_of(rental: Rental, changes: Sequence[Event]) -> list[Span]:
    """One span per owner and size."""
    told = [(event.at, event.details) for event in changes]
    owners = [one for _, one in told if isinstance(one, Transferred)]
    sizes = [(one.vcpus, one.ram_mb, one.disk_gb) for _, one in told if isinstance(one, ResizeDone)]
    owner = owners[0].was if owners else rental.owner
    sizes.append((rental.vcpus, rental.ram_mb, rental.disk_gb))  # each event has the one before it
    span = Span(owner, rental.kind, *sizes.pop(0), rental.created_at, rental.ready_at, rental.ended_at)
    spans = []
    for at, details in told:
        spans.append(span._replace(ended=at))
        ready = max(rental.ready_at, at) if rental.ready_at else None
        span = span._replace(created=None, ready=ready)
        if isinstance(details, Transferred):
            span = span._replace(owner=details.to)
        elif isinstance(details, ResizeDone):
            vcpus, ram_mb, disk_gb = sizes.pop(0)
            span = span._replace(vcpus=vcpus, ram_mb=ram_mb, disk_gb=disk_gb)
    return [*spans, span]


def copy_spans_of(copy: Copy, changes: Sequence[Event]) -> list[CopySpan]:
    """One span per owner: a copy goes with its rental to another one, for as long as it is there."""
    assert copy.kept_at
    handed = [
        (event.at, event.details)
        for event in changes
        if isinstance(event.details, Transferred)
        and copy.kept_at < event.at
        and (copy.gone_at is None or event.at < copy.gone_at)
    ]
    owner = handed[0][1].was if handed else copy.owner
    span = CopySpan(owner, takes_gb(copy), copy.kept_at, new=True, ended=copy.gone_at)
    spans = []
    for at, details in handed:
        spans.append(span._replace(ended=at))
        span = span._replace(owner=details.to, kept=at, new=False)
    return [*spans, span]


def summary(
    spans: Iterable[Span],
    begin: datetime,
    end: datetime,
    now: datetime,
    copies: Iterable[CopySpan] = (),
) -> list[Used]:
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
        found[span.owner] = _add(used, span, _length(span.ready, span.ended, begin, end, now))
    for copy in copies:
        used = found.get(copy.owner, Used(copy.owner))
        days = _length(copy.kept, copy.ended, begin, end, now) / DAY
        kept = copy.new and begin <= copy.kept < end
        found[copy.owner] = replace(
            used, copies=used.copies + kept, copy_gb_days=used.copy_gb_days + copy.gb * days
        )
    return [found[person] for person in sorted(found) if found[person] != Used(person)]


def _length(
    since: datetime | None, ended: datetime | None, begin: datetime, end: datetime, now: datetime
) -> timedelta:
    if since is None:
        return timedelta(0)
    return max(timedelta(0), min(ended or now, end, now) - max(since, begin))


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
            "copies": one.copies,
            "copy_gb_days": round(one.copy_gb_days, 2),
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
