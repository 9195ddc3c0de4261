"""What is free on which day, in words: only days on which something changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import size_line
from bot.views.waiting import queue_words
from kws_core.rentals.lab_calendar import Booking, DayPlan
from kws_core.scheduling.waiting_list import Place
from kws_core.tables.rental import Rental

MOST_SIZES = 6
MOST_CHANGES = 4  # of each size
MOST_DAYS = 8  # on which rentals begin or end
MOST_NAMES = 5  # in one line
MOST_WAITING = 20
HEAD = N_("*What fits in the next weeks,* as planned now:")
ADMINS_HEAD = N_("*Rentals that begin or end next:*")
QUEUE_HEAD = N_("*Waiting for room, and reserved:*")


def said(plan: DayPlan, texts: Texts) -> list[str]:
    """All of it, in paragraphs: for everyone, and what only admins see."""
    found = ["\n".join([texts(HEAD), *by_size(plan, texts)])]
    if lines := by_node(plan, texts):
        found.append("\n".join([texts(ADMINS_HEAD), *lines]))
    if lines := queue(plan, texts):
        found.append("\n".join([texts(QUEUE_HEAD), *lines]))
    return found


def by_size(plan: DayPlan, texts: Texts) -> list[Mrkdwn]:
    """For each size how many more fit now, and how many later: ``small: 3 now · 5 from Tue, Dec 8``."""
    return [_size(plan, size.name, texts) for size in plan.sizes[:MOST_SIZES]]


def _size(plan: DayPlan, size: str, texts: Texts) -> Mrkdwn:
    first, *later = plan.days
    parts = [texts(N_("*{size}*: {count} now"), size=size, count=first.fits[size])]
    before = first.fits[size]
    changes = []
    for day in later:
        if day.fits[size] != before:
            before = day.fits[size]
            changes.append(texts(N_("{count} from {day}"), count=before, day=texts.day(day.day)))
    parts += changes[:MOST_CHANGES]
    parts += [Mrkdwn("…")] if len(changes) > MOST_CHANGES else []
    return Mrkdwn(" · ".join(parts))


def by_node(plan: DayPlan, texts: Texts) -> list[Mrkdwn]:
    """For admins: which rentals begin and end on which node, the next days first."""
    found: dict[tuple[date, str], tuple[list[Booking], list[Booking]]] = defaultdict(lambda: ([], []))
    last = plan.days[-1].day
    for booking in plan.bookings:
        if booking.last <= last:
            found[booking.last, booking.node][0].append(booking)
        if booking.first and booking.first <= last:
            found[booking.first, booking.node][1].append(booking)
    lines = []
    for (day, node), (ends, begins) in sorted(found.items(), key=lambda item: item[0])[:MOST_DAYS]:
        parts = [texts("*{day}* · {node}", day=texts.day(day), node=node)]
        parts += [texts(N_("last day: {names}"), names=_names(ends))] if ends else []
        parts += [texts(N_("begins: {names}"), names=_names(begins))] if begins else []
        lines.append(Mrkdwn(" · ".join(parts)))
    return lines


def _names(bookings: Sequence[Booking]) -> Mrkdwn:
    shown = [Mrkdwn(f"{booking.name} (<@{booking.owner}>)") for booking in bookings[:MOST_NAMES]]
    more = len(bookings) - MOST_NAMES
    return Mrkdwn(", ".join([*shown, *([f"+{more}"] if more > 0 else [])]))


def queue(plan: DayPlan, texts: Texts) -> list[Mrkdwn]:
    """For admins: who waits for room, in order, and whose first day is to come."""
    lines = [_waits(rental, place, texts) for rental, place in plan.waiting[:MOST_WAITING]]
    more = len(plan.waiting) - MOST_WAITING
    return [*lines, *([texts(N_("• and {n} more"), n=more)] if more > 0 else [])]


def _waits(rental: Rental, place: Place | None, texts: Texts) -> Mrkdwn:
    parts = [
        texts("*{name}*", name=rental.name),
        Mrkdwn(f"<@{rental.owner}>"),
        Mrkdwn(size_line(rental.wanted_size, texts)),
        queue_words.headline(rental, place, texts),
    ]
    parts += [queue_words.fits_from(place, texts)] if place else []
    return Mrkdwn(" · ".join(parts))
