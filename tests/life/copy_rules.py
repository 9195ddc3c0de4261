"""What must hold of copies: each is there once, none is there that nobody knows, and no server goes before a promised one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.aftermath import copy_images
from life.end_rules import NOTICE

from kws_core.copies.lifecycle import EXPIRED, MOST_NIGHTS
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import UNDER_WAY, CopyState

if TYPE_CHECKING:
    from life.lab import Lab


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """All of it."""
    copies = lab.every_copy()
    _check_images(lab, copies)
    _check_servers(lab, copies)
    for rental in rentals:
        for number, event in enumerate(events[rental.id]):
            if event.id in lab.memory.copies:
                continue
            lab.memory.copies.add(event.id)
            history = events[rental.id][: number + 1]
            if event.kind is EventKind.EXPIRED:
                assert _kept_first(history), f"{rental.name} went without the copy that was promised"
            if event.kind is EventKind.COPY_DELETED and event.data["why"] == EXPIRED:
                assert _warned(lab, rental, history), f"a copy of {rental.name} went unwarned"


def _check_images(lab: Lab, copies: Sequence[Copy]) -> None:
    """Every image has a row, and no node has two of one copy; what is kept is there, unless somebody deleted it."""
    known = {copy.mark for copy in copies}
    for name, node in lab.nodes.items():
        for mark, states in copy_images(node).items():
            assert mark in known, f"{name} has image {mark}, which nobody knows"
            whole = [state for state in states if state != "upload"]
            assert len(whole) <= 1, f"{name} has {len(whole)} images of {mark}"
    for copy in copies:
        if copy.state is CopyState.KEPT and copy.mark not in lab.vanished:
            assert copy.mark in copy_images(lab.nodes[copy.node]), f"the copy of {copy.name} is lost"


def _check_servers(lab: Lab, copies: Sequence[Copy]) -> None:
    """No server is deleted of which a copy is still to be made."""
    for copy in copies:
        mark = copy.rental.mark
        if copy.state in UNDER_WAY and copy.image_id is None and mark not in lab.vanished:
            servers = lab.nodes[copy.node].servers.values()
            there = [one for one in servers if one.spec.mark == mark and one.deleted_at is None]
            assert there or copy.mark in copy_images(lab.nodes[copy.node]), (
                f"{copy.name} is deleted before its copy is made"
            )


def _kept_first(history: Sequence[Event]) -> bool:
    """Whether the copy that was planned was made before the last of these events, or failed on three nights."""
    planned = [event.data["wanted"] for event in history if event.kind is EventKind.COPY_PLANNED]
    if planned[-1:] != [True]:
        return True
    failed = [e for e in history if e.kind is EventKind.COPY_FAILED and e.data.get("at_end")]
    before = [event.kind for event in history[:-1]]
    return before[-1:] == [EventKind.COPY_KEPT] or len(failed) >= MOST_NIGHTS


def _warned(lab: Lab, rental: Rental, history: Sequence[Event]) -> bool:
    """Whether its owner saw the warning of its last day in time, or can't be reached."""
    gone = history[-1]
    return any(
        seen.rental == rental.id
        and seen.kind is EventKind.COPY_WARNED
        and (seen.given_up or seen.at <= gone.at - NOTICE)
        for seen in lab.slack.seen
    )
