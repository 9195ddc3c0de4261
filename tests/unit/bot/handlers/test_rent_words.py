"""Lengths and days as people write them in a command."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bot.handlers.rent_words import day_meant, days_meant, parse
from kws_core.rentals.service import FormOptions
from kws_core.values import Size

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("word", "days"),
    [
        ("7d", 7),
        ("2w", 14),
        ("7일", 7),
        ("2주", 14),
        ("3주일", 21),
        ("10일간", 10),
        ("2주간", 14),
        ("5days", 5),
        ("7일 동안", 7),
        ("일주일", 7),
        ("이주일간", 14),
        ("두 주", 14),
        ("삼일", 3),
        ("보름", 15),
        ("오늘", 0),
        ("내일", 1),
        ("1week", 7),
    ],
)
def test_lengths(word: str, days: int) -> None:
    assert day_meant(word, TODAY) == TODAY + timedelta(days=days)


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("2026.12.24", date(2026, 12, 24)),
        ("2026. 12. 24.", date(2026, 12, 24)),
        ("2026/12/4", date(2026, 12, 4)),
        ("2026년12월24일", date(2026, 12, 24)),
        ("2026년 12월 24일", date(2026, 12, 24)),
        ("2026-12-24", date(2026, 12, 24)),
    ],
)
def test_days_as_they_are_written(word: str, day: date) -> None:
    assert day_meant(word, TODAY) == day


@pytest.mark.parametrize(
    ("word", "today", "day"),
    [
        ("한달", date(2026, 11, 30), date(2026, 12, 30)),
        ("한 달", date(2026, 1, 31), date(2026, 2, 28)),
        ("1개월", date(2026, 12, 15), date(2027, 1, 15)),
        ("3개월간", date(2026, 11, 30), date(2027, 2, 28)),
        ("2months", date(2026, 12, 31), date(2027, 2, 28)),
        ("두달", date(2028, 12, 29), date(2029, 2, 28)),
    ],
)
def test_months_keep_the_day(word: str, today: date, day: date) -> None:
    assert day_meant(word, today) == day


@pytest.mark.parametrize(
    "word",
    ["7", "일", "2026.13.01", "12월", "월요일", "일일일", "1m", "주", "7월", "d7", "2026-13-01"],
)
def test_what_is_no_length(word: str) -> None:
    assert day_meant(word, TODAY) is None


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [
        ("14d", None, 14),
        ("2026-12-10..2026-12-20", date(2026, 12, 10), date(2026, 12, 20)),
        ("2026.12.10..2026.12.20", date(2026, 12, 10), date(2026, 12, 20)),
        ("2026-12-10..7d", date(2026, 12, 10), date(2026, 12, 17)),
        ("2026-12-10..", date(2026, 12, 10), None),
        ("2026-12-10부터", date(2026, 12, 10), None),
        ("2026-12-20까지", None, date(2026, 12, 20)),
        ("12월10일부터", date(2026, 12, 10), None),
        ("1월5일까지", None, date(2027, 1, 5)),
        ("20일까지", None, date(2026, 12, 20)),  # the twentieth, not in twenty days
        ("28일까지", None, date(2026, 11, 28)),
        ("2주까지", None, 14),
        ("내일부터", date(2026, 11, 29), None),
    ],
)
def test_days_that_are_meant(word: str, first: date | None, last: date | int | None) -> None:
    assert days_meant(word, TODAY) == (first, TODAY + timedelta(days=last) if isinstance(last, int) else last)


@pytest.mark.parametrize(
    ("words", "first", "last"),
    [
        ("12월 10일부터 12월 20일까지", date(2026, 12, 10), date(2026, 12, 20)),
        ("12월 10일 부터 20일 까지", date(2026, 12, 10), date(2026, 12, 20)),
        ("10일부터 5일까지", date(2026, 12, 10), date(2027, 1, 5)),
        ("2026년 12월 10일부터 2주 동안", date(2026, 12, 10), date(2026, 12, 24)),
        ("2026. 12. 10.부터 7일간", date(2026, 12, 10), date(2026, 12, 17)),
        ("한 달", None, date(2026, 12, 28)),
        ("2 weeks", None, date(2026, 12, 12)),
        ("10 days", None, date(2026, 12, 8)),
    ],
)
def test_days_of_several_words(words: str, first: date | None, last: date) -> None:
    offer = FormOptions((), [Size("small", 1, 512, 5)], (), TODAY, TODAY, TODAY)
    form = parse(f"web01 {words} small", offer)
    assert (form.name, form.size) == ("web01", "small")
    assert (form.starts_on, form.ends_on) == (first, last)


@pytest.mark.parametrize(
    "word", ["..", "..2026-12-20", "small..large", "2026-12-10..soon", "부터", "soon까지"]
)
def test_days_that_are_none(word: str) -> None:
    assert days_meant(word, TODAY) is None
