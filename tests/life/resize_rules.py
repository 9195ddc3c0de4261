"""What must hold of sizes that change in place: wanted before it is begun, ended once, and the rows say what the node has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from kws_core.nodes.fake.machines import FakeMachine
from kws_core.nodes.fake.node import FakeNode
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Status
from kws_core.values import ResizeEnd, Size

if TYPE_CHECKING:
    from life.lab import Lab


def check(lab: Lab, rentals: Sequence[Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """All of it; that nobody is promised the room of both sizes is among the rules of capacity."""
    by_mark = {rental.mark: rental for rental in rentals}
    for node in lab.nodes.values():
        _check_acts(node, by_mark, events)
        for server in list(node.servers.values()):
            if (rental := by_mark.get(server.spec.mark)) is not None:
                _check_machine(rental, server, node)
    for rental in rentals:
        kinds = [event.kind for event in events[rental.id]]
        over = kinds.count(EventKind.RESIZE_DONE) + kinds.count(EventKind.RESIZE_FAILED)
        if rental.status in (Status.READY, Status.STOPPED):
            open_now = kinds.count(EventKind.RESIZE_STARTED) - over
            assert open_now == rental.resizing, f"a new size of {rental.name} is lost"


def _check_acts(node: FakeNode, by_mark: Mapping[str, Rental], events: Mapping[str, Sequence[Event]]) -> None:
    """A size ends once, and nobody gets one that they did not choose."""
    for mark in {mark for mark, _ in node.resized}:
        acts = [act for one, act in node.resized if one == mark]
        rental = by_mark[mark]
        wanted = sum(event.kind is EventKind.RESIZE_STARTED for event in events[rental.id])
        assert wanted, f"{rental.name} gets a size that nobody chose"
        assert len([act for act in acts if isinstance(act, ResizeEnd)]) <= wanted
        for before, after in pairwise(acts):
            twice = isinstance(before, ResizeEnd) and isinstance(after, ResizeEnd)
            assert not twice, f"a size of {rental.name} that was ended ends once more: {before}, {after}"


def _check_machine(rental: Rental, server: FakeMachine, node: FakeNode) -> None:
    here = [p for p in rental.placements if p.node == node.name and p.state is PlacementState.ACTIVE]
    if not here or server.deleted_at is not None:
        return
    if server.before is not None and not server.spoiled:
        assert rental.resizing, f"nobody waits for the new size of {rental.name}"
    if rental.status is Status.READY and not rental.resizing:
        assert _same(server.spec.size, rental.wanted_size), f"{rental.name} has another size on its node"


def _same(one: Size, other: Size) -> bool:
    return (one.vcpus, one.ram_mb, one.disk_gb) == (other.vcpus, other.ram_mb, other.disk_gb)
