"""What is said of a rental that waits."""

from __future__ import annotations

from datetime import date

import pytest
from harness.cards import event, rental

from bot.text.i18n import Texts
from bot.views import event_lines, rental_card
from bot.views.waiting import queue_words
from kws_core.scheduling.waiting_list import Place
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

EN = Texts("en")
FIRST = date(2026, 12, 10)


def waits(status: Status = Status.WAITING, **changes: object) -> Rental:
    """A rental that no node has heard of."""
    made = rental(status, **changes)
    made.placements = []
    return made


def test_a_first_day_is_a_reservation_until_it_has_come() -> None:
    booked = waits(starts_on=FIRST)
    assert rental_card.headline(booked, EN) == ":calendar: *web01* · Reserved: starts on Thu, Dec 10, 2026"
    late = rental_card.headline(booked, EN, Place(1, 3, None))
    assert late == ":ticket: *web01* · Waiting for room (1 of 3)"
    assert rental_card.headline(waits(), EN) == ":ticket: *web01* · Waiting for room"


def test_when_there_is_room_as_far_as_anybody_knows() -> None:
    soon = queue_words.outlook(waits(wait_until=FIRST), Place(1, 1, date(2026, 12, 8)), EN)
    assert soon == "As planned now, there's room from Tue, Dec 8, 2026. It waits until Thu, Dec 10, 2026."
    assert "no room comes before its last day" in queue_words.outlook(waits(), Place(1, 1, None), EN)
    assert queue_words.outlook(waits(), None, EN) == ""


def test_nothing_can_be_done_with_a_machine_that_is_not_there() -> None:
    for made, label in ((waits(), "Leave the queue"), (waits(starts_on=FIRST), "Cancel reservation")):
        history, leave = rental_card.buttons(made, EN)
        assert history.text and history.text.text == "View history"
        assert leave.text and leave.text.text == label
        assert leave.confirm and "deleted" not in str(leave.confirm.to_dict())


@pytest.mark.parametrize(
    ("kind", "status", "rings"),
    [
        (EventKind.WAIT_STARTED, Status.WAITING, False),
        (EventKind.WAIT_LATE, Status.WAITING, True),
        (EventKind.WAIT_LATE, Status.REQUESTED, False),  # it was told too late: there is room by now
        (EventKind.WAIT_OVER, Status.REQUESTED, True),
        (EventKind.WAIT_OVER, Status.ENDED, False),
        (EventKind.WAIT_LAPSED, Status.ENDED, True),
    ],
)
def test_what_rings(kind: EventKind, status: Status, rings: bool) -> None:
    assert rental_card.should_notify(waits(status), event(kind)) is rings


def test_who_left_reads_of_no_deletion() -> None:
    gone = waits(Status.ENDED)
    mine = event(EventKind.RETURNED, actor=gone.owner)
    assert event_lines.line(mine, gone, EN) == queue_words.LEFT
    assert event_lines.line(mine, waits(Status.ENDED, starts_on=FIRST), EN) == queue_words.CANCELED
    by_admin = event_lines.line(event(EventKind.RETURNED, actor="U0ADMIN0001"), gone, EN)
    assert by_admin and "Reason: spam" in by_admin
    assert event_lines.line(event(EventKind.ENDED), gone, EN) is None
    assert event_lines.line(event(EventKind.RETURNED, actor="U0MINA00001"), rental(), EN) != queue_words.LEFT
