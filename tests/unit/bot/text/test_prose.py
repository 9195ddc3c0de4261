"""Longer texts: how far away a rental's end is."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from bot.text import prose
from bot.text.i18n import Locale, Texts
from kws_core.expiry import ExpiryInfo

SEOUL = ZoneInfo("Asia/Seoul")
END = datetime(2026, 12, 16, tzinfo=SEOUL)  # the last day is the 15th


@pytest.mark.parametrize(
    ("now", "locale", "words"),
    [
        (datetime(2026, 12, 8, 9, tzinfo=SEOUL), "en", "in 7 days"),
        (datetime(2026, 12, 8, 23, 59, tzinfo=SEOUL), "ko", "7일 후"),
        (datetime(2026, 12, 1, 9, tzinfo=SEOUL), "ko", "14일 후"),
        (datetime(2026, 12, 14, 9, tzinfo=SEOUL), "en", "in 1 day"),
        (datetime(2026, 12, 15, 9, tzinfo=SEOUL), "en", "in 15 hours"),
        (datetime(2026, 12, 14, 23, tzinfo=ZoneInfo("UTC")), "ko", "16시간 후"),
    ],
)
def test_a_reminder_counts_days_as_a_calendar_does(now: datetime, locale: Locale, words: str) -> None:
    rental = cast(Any, SimpleNamespace(name="web01", ends_on=date(2026, 12, 15)))
    day = END.date()
    outlook = ExpiryInfo(now, END, END, day - timedelta(days=1), False, day, day, 0)
    assert f"({words})" in prose.warning(rental, outlook, Texts(locale))
