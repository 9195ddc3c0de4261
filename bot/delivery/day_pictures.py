"""The picture of what is free on which day: what it shows, and how it comes into a DM."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import date
from typing import Any

from slack_sdk import WebClient

from bot.delivery.pictures import LONGEST_ALT, Draw, Drawing, plot
from bot.slack import files
from bot.slack.files import Upload
from bot.text.i18n import N_, Texts
from bot.text.units import clip
from bot.views.waiting import calendar_lines
from kws_core.people import Actor
from kws_core.rentals.lab_calendar import Booking, DayPlan

log = logging.getLogger(__name__)

MOST_SIZES = 8
MOST_NODES = 6
MOST_LANES = 14  # rentals of one node that are drawn below each other
LONGEST_NAME = 24


def asked(plan: DayPlan) -> dict[str, Any]:
    """What the drawing program is given."""
    days = [day.day for day in plan.days]
    sizes = [size.name for size in plan.sizes[:MOST_SIZES]]
    nodes = sorted({booking.node for booking in plan.bookings})[:MOST_NODES]
    return {
        "days": [_label(day, number) for number, day in enumerate(days)],
        "weekends": [number for number, day in enumerate(days) if day.weekday() > 4],
        "sizes": [clip(size, LONGEST_NAME) for size in sizes],
        "counts": [[day.fits[size] for day in plan.days] for size in sizes],
        "nodes": [{"node": clip(node, LONGEST_NAME), "lanes": lanes(plan, node)} for node in nodes],
    }


def lanes(plan: DayPlan, node: str) -> list[list[dict[str, Any]]]:
    """The rentals of a node in rows, so that no two of one row overlap."""
    today, length = plan.days[0].day, len(plan.days)
    rows: list[list[dict[str, Any]]] = []
    for booking in _of_node(plan.bookings, node):
        first = (booking.first - today).days if booking.first else 0
        last = min((booking.last - today).days + 1, length)
        if first >= length:
            continue
        bar = {
            "name": clip(booking.name, LONGEST_NAME),
            "first": first,
            "end": last,
            "begun": booking.first is None,
        }
        row = next((row for row in rows if row[-1]["end"] <= first), None)
        if row is not None:
            row.append(bar)
        elif len(rows) < MOST_LANES:
            rows.append([bar])
    return rows


def _of_node(bookings: Sequence[Booking], node: str) -> list[Booking]:
    found = [booking for booking in bookings if booking.node == node]
    return sorted(found, key=lambda booking: (booking.first or date.min, booking.last, booking.name))


def _label(day: date, number: int) -> str:
    return f"{day.month}/{day.day}" if number == 0 or day.day == 1 else str(day.day)


def alt_text(plan: DayPlan, texts: Texts) -> str:
    """The picture in words, for who does not see it."""
    said = [texts.plain(N_("Calendar of what fits in the next weeks."))]
    said += [line.replace("*", "") + "." for line in calendar_lines.by_size(plan, texts)]
    return clip(" ".join(said), LONGEST_ALT)


class DayChartSender:
    """Sends the picture, on the one thread of ``executor``; admins see in it what holds each node."""

    def __init__(
        self,
        days: Callable[[Actor], DayPlan],
        executor: Executor,
        draw: Draw = plot,
        upload: Upload = files.send,
    ) -> None:
        self._days = days
        self._executor = executor
        self._drawing = Drawing(draw)
        self._upload = upload

    def send_soon(self, client: WebClient, who: Actor, texts: Texts) -> None:
        """Send it from that thread: drawing takes a second or two, and no click waits for that."""
        self._executor.submit(self.send, client, who, texts)

    def send(self, client: WebClient, who: Actor, texts: Texts) -> bool:
        """Into the person's DM; False when that did not work, which the log says."""
        try:
            plan = self._days(who)
            png = self._drawing.png(asked(plan), "admins" if who.admin else "members")
            title = texts.plain(N_("What fits when"))
            file = files.File("kws-days.png", png, title, alt_text(plan, texts))
            files.to_person(client, who.id, file, upload=self._upload)
        except Exception as error:  # the words were said already
            log.warning("can't send the calendar to %s: %s", who.id, error)
            return False
        return True
