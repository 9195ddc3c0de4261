"""``/kws rent web01 ubuntu-22.04 small 14d``: for people who type.

The words may come in any order behind the name; a near miss is told with what was probably meant.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, timedelta

from kws_core.errors import ErrorCode, UserError
from kws_core.rentals.admission import RentForm
from kws_core.rentals.form_options import FormOptions

DURATION = re.compile(
    r"(?P<number>[0-9]{1,4}|한|일|두|이|세|삼)\s*"
    r"(?:(?P<days>d|days?|일)|(?P<weeks>w|weeks?|주일?)|(?P<months>months?|개월|달))\s*(?:간|동안)?"
)
DAY = re.compile(r"(20[0-9]{2})(?:[./]\s*|년\s*)([0-9]{1,2})(?:[./]\s*|월\s*)([0-9]{1,2})(?:\.|일)?")
COUNTS = {"한": 1, "일": 1, "두": 2, "이": 2, "세": 3, "삼": 3}  # 한 달, 일주일, …
FROM, TO = "부터", "까지"  # behind a first, and a last day
NEXT = re.compile(
    r"(?:(?P<month>[0-9]{1,2})월\s*)?(?P<day>[0-9]{1,2})일"
)  # 12월 10일; behind it FROM or TO: 10일
SPACED = re.compile(  # one day or length in several words
    r"(?<=[0-9]년|[0-9]월|[0-9][.])\s+(?=[0-9])"
    r"|(?<=[0-9]|한|두|세)\s+(?=(?:days?|weeks?|months?|일|주일?|개월|달)(?:\s|간|동안|부터|까지|$))"
    r"|\s+(?=(?:부터|까지|동안|간)(?:\s|$))"
)
NEAR = {"오늘": 0, "today": 0, "내일": 1, "tomorrow": 1, "모레": 2, "보름": 15}


def parse(words: str, offer: FormOptions) -> RentForm:
    """Return the form that the words fill in.

    Raises:
        UserError: With the first unknown word.
    """
    name, *rest = words.split()
    image, size, starts_on, ends_on = None, offer.sizes[0].name, None, offer.default_end
    images = {entry.name.lower(): entry.name for entry in offer.images}
    sizes = {entry.name.lower(): entry.name for entry in offer.sizes}
    for word in SPACED.sub("", " ".join(rest)).split():
        low = word.lower()
        days = days_meant(low, starts_on or offer.today)
        if days is not None:
            starts_on, ends_on = days[0] or starts_on, days[1] or ends_on
        elif low in sizes:
            size = sizes[low]
        elif low in images:
            image = images[low]
        else:
            raise _unknown(low, [*images, *sizes])
    if image is None and len(images) == 1:
        image = next(iter(images.values()))
    return RentForm(name=name, image=image, size=size, starts_on=starts_on, ends_on=ends_on)


def days_meant(word: str, today: date) -> tuple[date | None, date | None] | None:
    """First and last day that a word says: ``14d``, ``2026-12-10..2026-12-20``, ``2026-12-10부터``, ``20일까지``.

    A length behind a first day counts from it.
    """
    first, dots, last = word.partition("..")
    if dots:
        begins = day_meant(first, today)
        ends = day_meant(last, begins) if begins and last else None
        return (begins, ends) if begins and (ends or not last) else None
    if word.endswith(FROM):
        begins = _named_day(word.removesuffix(FROM), today)
        return (begins, None) if begins else None
    ends = _named_day(word.removesuffix(TO), today) if word.endswith(TO) else day_meant(word, today)
    return (None, ends) if ends else None


def _named_day(word: str, today: date) -> date | None:
    """As day_meant, but ``10일`` is the tenth: nobody says *from ten days*."""
    return _next(word, today) or day_meant(word, today)


def _next(word: str, today: date) -> date | None:
    """The next such day that comes: ``12월10일`` within a year, ``10일`` within a few months."""
    found = NEXT.fullmatch(word)
    if found is None:
        return None
    day, month = int(found["day"]), found["month"] and int(found["month"])
    ahead = (today + timedelta(days=days) for days in range(366))
    return next((one for one in ahead if one.day == day and month in (None, one.month)), None)


def day_meant(word: str, today: date) -> date | None:
    """``14d``, ``2w``, ``7일``, ``2주``, ``한 달``, ``2026-12-24``, ``2026.12.24`` as a date; None for any other word."""
    if word in NEAR:
        return today + timedelta(days=NEAR[word])
    found = DURATION.fullmatch(word)
    try:
        if found:
            number = COUNTS.get(found["number"]) or int(found["number"])
            return (
                _months_on(today, number)
                if found["months"]
                else _days_on(today, number, bool(found["weeks"]))
            )
        if written := DAY.fullmatch(word):
            return date(*(int(part) for part in written.groups()))
        if "월" in word:
            return _next(word, today)
        return date.fromisoformat(word)
    except (ValueError, OverflowError):
        return None


def _days_on(today: date, number: int, weeks: bool) -> date:
    return today + timedelta(days=number * (7 if weeks else 1))


def _months_on(today: date, number: int) -> date:
    """The same day of the month, or its last."""
    years, month = divmod(today.month - 1 + number, 12)
    first = date(today.year + years, month + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(today.day, last.day))


def _unknown(word: str, known: list[str]) -> UserError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return UserError(ErrorCode.WORD_NEAR, word=word, near=near[0])
    return UserError(ErrorCode.WORD_UNKNOWN, word=word, known=known)
