"""What is free on which day, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from harness.gallery import SIZES, TODAY, plan

from bot.text.i18n import LOCALES, Texts
from bot.views.waiting import calendar_lines
from kws_core.rentals.lab_calendar import Booking, DayPlan, FreeDay
from kws_core.values import Locale

EN = Texts("en")


def drawn(counts: list[int]) -> DayPlan:
    """So many small servers fit on each day."""
    size = SIZES[0]
    days = [FreeDay(TODAY + timedelta(days=n), {size.name: count}, {}) for n, count in enumerate(counts)]
    return DayPlan([size], days)


def test_only_days_on_which_something_changes() -> None:
    small, medium, large = calendar_lines.by_size(plan(), EN)
    assert small == "*small*: 3 now · 5 from Wed, Dec 9"
    assert medium == "*medium*: 1 now · 2 from Wed, Dec 9"
    assert large == "*large*: 1 now · 0 from Fri, Dec 11 · 1 from Tue, Dec 15"
    assert calendar_lines.by_size(drawn([2] * 28), EN) == ["*small*: 2 now"]


def test_a_restless_lab_is_told_in_one_line() -> None:
    (line,) = calendar_lines.by_size(drawn([n % 2 for n in range(28)]), EN)
    assert line.count("from") == calendar_lines.MOST_CHANGES
    assert line.endswith(" · …")


def test_admins_read_what_begins_and_ends() -> None:
    lines = calendar_lines.by_node(plan(), EN)
    assert lines[0] == "*Thu, Dec 3* · node1 · last day: web00 (<@U0MINA00001>)"
    assert lines[1] == "*Tue, Dec 8* · node1 · last day: web01 (<@U0MINA00001>), web02 (<@U0MINA00001>)"
    assert lines[2] == "*Thu, Dec 10* · node2 · begins: exam (<@U0JOON00001>)"
    assert calendar_lines.by_node(plan(admin=False), EN) == []


def test_many_names_of_a_day_are_counted() -> None:
    many = [Booking("node1", f"w{n}", "U1", None, TODAY) for n in range(9)]
    (line,) = calendar_lines.by_node(replace(plan(), bookings=many), EN)
    assert line.endswith(", +4")


def test_admins_read_who_waits() -> None:
    first, second, booked = calendar_lines.queue(plan(), EN)
    assert first.startswith("*web01* · <@U0MINA00001> · 1 vCPU")
    assert "Waiting for room (1 of 2)" in first and "from Tue, Dec 8" in first
    assert "Waiting for room (2 of 2)" in second
    assert "Reserved: starts on Thu, Dec 10, 2026" in booked
    long = replace(plan(), waiting=list(plan().waiting) * 10)
    assert calendar_lines.queue(long, EN)[-1] == "• and 10 more"


@pytest.mark.parametrize("locale", LOCALES)
def test_everyone_reads_the_first_paragraph_only(locale: Locale) -> None:
    assert len(calendar_lines.said(plan(admin=False), Texts(locale))) == 1
    assert len(calendar_lines.said(plan(), Texts(locale))) == 3
