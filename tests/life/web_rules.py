"""What must hold of web addresses: see ``harness/names.py``; here is when a life can be asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness import names
from life.rules import BURIED_AFTER

from kws_core.tables.rental import Rental
from kws_core.tables.states import Reason

if TYPE_CHECKING:
    from life.lab import Lab


def check(lab: Lab, rentals: Sequence[Rental]) -> None:
    """At any time: no name is two rentals', none goes to another person too early, a move leaves none behind."""
    if lab.config.web is None:
        return
    assert lab.names.look(lab.store, lab.clock()) == []
    assert names.shared(lab.caddy) == []
    for rental in rentals:
        if rental.reason is Reason.MOVED and rental.replaced_by:
            assert rental.site is None, f"{rental.name} moved and left its names behind"


def follow(lab: Lab) -> None:
    """After a second's work: the proxy has what the rows have said for 5 seconds, if somebody was there to tell it."""
    if lab.config.web is None:
        return
    assert lab.names.look(lab.store, lab.clock()) == []
    unburied = not lab.alone and any(lived <= BURIED_AFTER for lived in lab.dead.values())
    if unburied or any(moment > lab.clock() for moment in lab.asleep.values()):
        lab.names.disturbed(lab.clock())
    assert lab.names.follow(lab.store, lab.caddy, lab.clock()) == []


def check_settled(lab: Lab) -> None:
    """Long after everything was mended."""
    assert names.served(lab.store, lab.caddy, lab.clock()) == []
