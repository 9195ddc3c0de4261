"""What each person used in a month: against a count by the minute, over hand-overs, and as a spreadsheet reads it."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from harness.world import ADMIN, JOON, MINA, START, World
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from kws_core.copies.service import Copies
from kws_core.errors import NodeRefused, Refusal
from kws_core.moves.service import Moves
from kws_core.rentals.extension import Extensions
from kws_core.reports import usage
from kws_core.reports.usage import CopySpan, Span, UsageReport, Used
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.values import Kind

NOVEMBER = datetime(2026, 10, 31, 15, tzinfo=UTC), datetime(2026, 11, 30, 15, tzinfo=UTC)  # Seoul's
MINUTE = timedelta(minutes=1)
minutes = st.integers(-3000, 3000)


def span(
    owner: str, created: datetime, ready: datetime | None, ended: datetime | None, vcpus: int = 2
) -> Span:
    return Span(owner, Kind.SERVER, vcpus, 2048, 10, created, ready, ended)


@given(st.lists(st.tuples(minutes, st.none() | minutes, st.none() | minutes), max_size=4), minutes)
def test_the_sum_is_that_of_a_count_by_the_minute(
    drawn: list[tuple[int, int | None, int | None]], now: int
) -> None:
    begin, end = START, START + 1000 * MINUTE
    spans = []
    for created, waited, lived in drawn:
        made = START + created * MINUTE
        ready = made + abs(waited) * MINUTE if waited is not None else None
        ended = made + (abs(waited or 0) + abs(lived)) * MINUTE if lived is not None else None
        spans.append(span("a", made, ready, ended))
    at = START + now * MINUTE
    counted = sum(
        one.ready is not None and one.ready <= moment < (one.ended or at)
        for one in spans
        for moment in (begin + number * MINUTE for number in range(1000))
        if moment < at
    )
    found = sum(used.vcpu_hours for used in usage.summary(spans, begin, end, at))
    assert found == pytest.approx(counted * 2 / 60)


def test_a_month_is_that_of_the_lab(world: World) -> None:
    begin, end = NOVEMBER
    inside = span("a", begin, begin, end)
    (used,) = usage.summary([inside], begin, end, end + timedelta(days=9))
    assert (used.rentals, used.servers, used.rental_days, used.vcpu_hours) == (1, 1, 30.0, 1440.0)
    assert (used.ram_gb_hours, used.disk_gb_days) == (1440.0, 300.0)
    before = span("b", begin - MINUTE, begin - MINUTE, begin)
    after = span("c", end, end, None)
    assert usage.summary([before, after], begin, end, end + timedelta(days=9)) == []
    world.clock.at = end - timedelta(minutes=30)  # the evening of 30 November in Seoul
    world.ready()
    world.clock.advance(hours=1)
    (november,), (december,) = (
        UsageReport(world.context).month(date(2026, 11, 1)),
        UsageReport(world.context).month(date(2026, 12, 1)),
    )
    assert (november.rentals, december.rentals) == (1, 0), "counted where it began, used in both"
    assert november.vcpu_hours == pytest.approx(0.5, abs=0.01)
    assert december.vcpu_hours == pytest.approx(0.5, abs=0.01)


def test_what_was_handed_over_counts_for_each_in_turn(world: World) -> None:
    rental = world.ready()
    world.clock.advance(hours=2)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id, via="command")
    world.clock.advance(hours=3)
    world.rental_service.return_rental(JOON, rental.id)
    world.settle()
    world.clock.advance(hours=4)
    used = {one.person: one for one in UsageReport(world.context).month(date(2026, 12, 1))}
    assert used[MINA.id].vcpu_hours == pytest.approx(2, abs=0.02)
    assert used[JOON.id].vcpu_hours == pytest.approx(3, abs=0.02)
    assert (used[MINA.id].rentals, used[JOON.id].rentals) == (1, 0)


def test_a_rental_that_was_never_ready_used_nothing(world: World) -> None:
    rental = world.rent()
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    (used,) = UsageReport(world.context).month(date(2026, 12, 1))
    assert (used.rentals, used.rental_days, used.vcpu_hours) == (1, 0, 0)


def test_a_transfer_before_it_was_ready() -> None:
    event = Event(at=START, kind=EventKind.TRANSFERRED, data={"was": "a", "to": "b"})
    rental: Any = SimpleNamespace(
        owner="b", kind=Kind.SERVER, vcpus=1, ram_mb=512, disk_gb=5,
        created_at=START - MINUTE, ready_at=START + MINUTE, ended_at=None,
    )  # fmt: skip
    mine, theirs = usage.spans_of(rental, [event])
    later = START + timedelta(hours=1)
    assert usage.summary([mine], START - MINUTE, later, later)[0].vcpu_hours == 0
    assert usage.summary([theirs], START - MINUTE, later, later)[0].vcpu_hours == pytest.approx(59 / 60)


def test_a_rental_whose_size_changed_counts_with_each(world: World) -> None:
    rental = world.ready()
    world.clock.advance(hours=2)
    Moves(world.context).start(MINA, rental.id, size=world.config.size("large"))
    world.settle(30)
    assert world.look(rental).size == "large"
    world.clock.advance(hours=3)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id, via="command")
    world.clock.advance(hours=1)
    used = {one.person: one for one in UsageReport(world.context).month(date(2026, 12, 1))}
    assert used[MINA.id].vcpu_hours == pytest.approx(2 * 1 + 3 * 2, abs=0.05)
    assert used[MINA.id].ram_gb_hours == pytest.approx(2 * 0.5 + 3 * 2, abs=0.05)
    assert used[MINA.id].disk_gb_days == pytest.approx((2 * 5 + 3 * 20) / 24, abs=0.05)
    assert (used[MINA.id].rentals, used[JOON.id].rentals) == (1, 0)
    assert used[JOON.id].vcpu_hours == pytest.approx(2, abs=0.05)


def test_copies_count_as_long_as_they_are_kept(world: World) -> None:
    begin, end = NOVEMBER
    copies = [
        CopySpan("a", 3, begin - timedelta(days=2), new=True, ended=begin + timedelta(days=1)),
        CopySpan("a", 5, begin + timedelta(days=9), new=True, ended=None),
        CopySpan("b", 7, end, new=True, ended=None),
        CopySpan("c", 2, begin + timedelta(days=28), new=False, ended=end + timedelta(days=9)),
    ]
    found = usage.summary([], begin, end, begin + timedelta(days=29), copies)
    assert [(one.person, one.copies, one.copy_gb_days) for one in found] == [("a", 1, 103.0), ("c", 0, 2.0)]
    assert [(one.rentals, one.disk_gb_days) for one in found] == [(0, 0.0), (0, 0.0)]


def test_what_a_persons_copies_took(world: World) -> None:
    rental = world.ready()
    copies = Copies(world.context)
    copy = copies.request(MINA, rental.id)
    world.settle(30)
    kept = copies.get(MINA, copy.id)
    assert usage.takes_gb(kept) == 1, "of an image of a few bytes"
    world.clock.advance(days=2)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id, via="command")
    world.clock.advance(days=3)
    copies.delete(JOON, copy.id)
    world.settle(30)
    world.clock.advance(days=4)
    used = {one.person: one for one in UsageReport(world.context).month(date(2026, 12, 1))}
    assert (used[MINA.id].copies, used[JOON.id].copies) == (1, 0), "it was made once"
    assert used[MINA.id].copy_gb_days == pytest.approx(2, abs=0.01)
    assert used[JOON.id].copy_gb_days == pytest.approx(3, abs=0.01)
    (row, *_) = usage.rows(date(2026, 12, 1), [used[MINA.id]])
    assert (row["copies"], row["copy_gb_days"]) == (1, 2.0)


def test_a_copy_that_failed_or_was_for_a_move_is_nobodys(world: World) -> None:
    rental = world.ready()
    held = world.look(rental).placement
    assert held
    node = world.nodes[held.node]
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "no"))
    Copies(world.context).request(MINA, rental.id)
    world.settle(30)
    Moves(world.context).start(MINA, rental.id)
    world.settle(60)
    assert [copy.kept_at is not None for copy in all_copies(world)] == [False, True]
    (used,) = UsageReport(world.context).month(date(2026, 12, 1))
    assert (used.copies, used.copy_gb_days) == (0, 0)


def all_copies(world: World) -> list[Copy]:
    with world.store.read() as session:
        return session.query(Copy).order_by(Copy.requested_at).all()


def test_months_around() -> None:
    assert usage.month_before(date(2026, 1, 1)) == date(2025, 12, 1)
    assert usage.month_after(date(2026, 12, 1)) == date(2027, 1, 1)
    assert usage.month_after(date(2027, 1, 1)) == date(2027, 2, 1)
    for wrong in ("2026-00", "2026-13", "26-01", "2026-1-1", "2026-", "²026-01", "0000-01", "9999-12", ""):
        with pytest.raises(ValueError, match="isn't a month"):
            usage.month_of(wrong)


@given(st.text(max_size=20))
def test_no_name_is_run_by_a_spreadsheet(name: str) -> None:
    table = usage.rows(date(2026, 11, 1), [Used("U1", rentals=1)], {"U1": name})
    text = usage.to_csv(table)
    assert text.startswith("\ufeffmonth,person,name,rentals,")
    (row,) = csv.DictReader(io.StringIO(text[1:], newline=""))
    assert not row["name"].startswith(usage.FORMULA)
    assert row["name"] in (name, f"'{name}")


def test_an_empty_month_has_its_headings() -> None:
    assert usage.to_csv([]).strip("\ufeff\r\n").split(",")[:2] == ["month", "person"]


def test_a_busy_month_is_not_in_memory_at_once(world: World) -> None:
    rental = world.ready()
    UsageReport(world.context).month(date(2026, 12, 1))  # what is imported and remembered once
    with world.store.write() as session:
        row = dict(session.execute(select(Rental.__table__).where(Rental.id == rental.id)).mappings().one())
        more = [
            {**row, "id": f"copy{n}", "request_key": f"copy:{n}", "name": f"copy{n}"} for n in range(3000)
        ]
        session.execute(insert(Rental.__table__), more)
    del more
    tracemalloc.start()
    try:
        (used,) = UsageReport(world.context).month(date(2026, 12, 1))
        highest = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used.rentals == 3001
    assert highest < 6 * 2**20, "all at once take four times as much"
