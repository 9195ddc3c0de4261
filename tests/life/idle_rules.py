"""What must hold of questions about servers that look unused: few of them, and only while somebody waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from life.ask_rules import to_rent

from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

if TYPE_CHECKING:
    from life.lab import Lab

WEEK = timedelta(days=7)
NO_LONGER_WAITS = frozenset({EventKind.WAIT_OVER, EventKind.WAIT_LAPSED, EventKind.RETURNED, EventKind.ENDED})


def waited_then(history: Sequence[Event], question: Event) -> bool:
    """Whether that rental waited when somebody was asked."""
    before = [event for event in history if event.id < question.id]
    began = any(
        event.kind is EventKind.WAIT_STARTED or (event.kind is EventKind.ASK_APPROVED and to_rent(event))
        for event in before
    )
    return began and not NO_LONGER_WAITS & {event.kind for event in before}


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """Nobody is asked twice in a week, or while nobody waits; the lab is asked three times a day at most."""
    days: Counter[object] = Counter()
    for rental in rentals:
        asked = [event for event in events[rental.id] if event.kind is EventKind.IDLE_ASKED]
        for first, second in pairwise(asked):
            assert second.at - first.at >= WEEK, f"{rental.name}: asked twice in a week"
        for event in asked:
            days[lab.context.expiry.day_of(event.at)] += 1
            waiting = any(waited_then(history, event) for history in events.values())
            assert waiting, f"{rental.name}: asked while nobody waits"
            acts = [e.at for e in events[rental.id] if e.id < event.id and e.actor == rental.owner]
            assert not acts or event.at - acts[-1] >= WEEK, f"{rental.name}: asked although it is used"
    assert all(number <= 3 for number in days.values()), "too many questions on a day"
