"""Lengths and days as people write them in a command."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bot.handlers.rent_words import day_meant

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
        ("1week", 7),
    ],
)
def test_lengths(word: str, days: int) -> None:
    assert day_meant(word, TODAY) == TODAY + timedelta(days=days)


@pytest.mark.parametrize("word", ["7", "일", "주", "7월", "d7", "2026-13-01"])
def test_what_is_no_length(word: str) -> None:
    assert day_meant(word, TODAY) is None
