"""What must hold of rentals that wait, and of what is promised to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Status

if TYPE_CHECKING:
    from life.lab import Lab

ONE_DAY = timedelta(days=1)


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """Who waits is told once of each thing, lapses no day too early, and is promised what there is."""
    for rental in rentals:
        kinds = [event.kind for event in events[rental.id]]
        for kind in (EventKind.WAIT_STARTED, EventKind.WAIT_LATE, EventKind.WAIT_LAPSED):
            assert kinds.count(kind) <= 1, f"{rental.name}: {kind} twice"
        turns = kinds.count(EventKind.WAIT_OVER)
        assert turns <= 1 + kinds.count(EventKind.WAITING), f"{rental.name} was given room {turns} times"
        for event in events[rental.id]:
            last = min(rental.wait_until or rental.ends_on, rental.ends_on)
            lapsed = event.kind is EventKind.WAIT_LAPSED
            assert not lapsed or lab.context.expiry.day_of(event.at) > last, f"{rental.name} lapsed too early"
    check_promises(lab, rentals, events)


def check_promises(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """On no day is more promised than a node lends. What is overdue, or got a day more from KWS, is no promise."""
    today, used = lab.context.today(), defaultdict(int)

    def add(rental: Rental, node: str, first: date) -> None:
        day, free_from = max(first, today), lab.context.expiry.free_from(rental.ends_on)
        while day < free_from:
            used[node, day] += rental.vcpus
            day += ONE_DAY

    for rental in rentals:
        prolonged = any(
            e.kind is EventKind.EXTENDED and e.data.get("via") == "night" for e in events[rental.id]
        )
        for placement in rental.placements if not prolonged else ():
            if placement.state is PlacementState.ACTIVE:
                add(rental, placement.node, today)
        if rental.status is Status.WAITING and rental.starts_on and rental.starts_on > today:
            assert rental.planned_node, f"{rental.name} is promised nowhere"
            add(rental, rental.planned_node, rental.starts_on)
    for section in lab.config.nodes:
        for (node, day), vcpus in used.items():
            assert node != section.name or vcpus <= section.vcpus, f"{node} is promised twice on {day}"


def check_served(lab: Lab, name: str) -> None:
    """Long after there was room it is in use."""
    found = [rental for rental in lab.every_rental() if rental.name == name][-1]
    assert found.status is not Status.WAITING, f"{name} waits although there is room"
