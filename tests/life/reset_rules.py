"""What must hold of resets: one for each request, none that nobody asked for, and no disk goes before a new key is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kws_core.reconcile.rebuilder import TRIES
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

if TYPE_CHECKING:
    from life.lab import Lab


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """All of it; that none is done twice is among the doubles of a node."""
    for rental in rentals:
        history = [event.kind for event in events[rental.id]]
        wanted, done = history.count(EventKind.RESET_WANTED), history.count(EventKind.RESET_DONE)
        over = done + history.count(EventKind.RESET_FAILED)
        numbers = {n for node in lab.nodes.values() for mark, n in node.rebuilt if mark == rental.mark}
        assert numbers <= set(range(1, rental.reset_number + 1)), f"{rental.name} was reset by nobody"
        assert wanted <= rental.reset_number <= wanted * TRIES, f"{rental.name} is rebuilt without end"
        assert done <= len(numbers), f"{rental.name} is said to be reset, and is not"
        if rental.status in (Status.READY, Status.STOPPED):
            assert wanted - over == (rental.reset_at is not None), f"a reset of {rental.name} is lost"
        held = rental.placement
        if held and held.rebuild_at:
            sent = rental.rekey is None or rental.key_sent_at is not None
            assert sent, f"{rental.name} loses its disk before its owner has the new key"
