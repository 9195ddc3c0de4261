"""What must hold of moves at any moment, and when all has settled: told from the nodes, and from the rows beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from harness.cloud_server import CloudServer

from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineState
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Reason

Nodes = Mapping[str, FakeNode | CloudServer]
TRAVELS = (CopyState.MAKING, CopyState.KEPT)


def running(node: FakeNode | CloudServer, now: datetime) -> dict[str, bool]:
    """By mark, whether the machine on that node runs; asks the node nothing."""
    if isinstance(node, CloudServer):
        with node.lock:
            return {one.mark: not one.off for one in node.stock.servers.values()}
    shown = {one.spec.mark: one.state(now, node.times) for one in list(node.servers.values())}
    return {
        mark: state is MachineState.ACTIVE
        for mark, state in shown.items()
        if state is not MachineState.DELETING
    }


class MoveWatch:
    """``look`` says what is wrong right now. ``spared``: marks of what was deleted behind our back."""

    def __init__(self) -> None:
        self.spared: set[str] = set()
        self._answered: set[str] = set()  # ids of those that were ready once

    def look(
        self, rentals: Sequence[Rental], nodes: Nodes, copies: Sequence[Copy], now: datetime
    ) -> list[str]:
        """Machines that went too early, and disks that change after they were copied."""
        self._answered |= {rental.id for rental in rentals if rental.ready_at is not None}
        shown: dict[str, bool] = {}
        for node in nodes.values():
            shown |= running(node, now)
        shown |= dict.fromkeys(self.spared, False)
        by_id = {rental.id: rental for rental in rentals}
        found = [f"{r.name} went before the other one answered" for r in rentals if self._too_early(r, shown)]
        for copy in copies:
            first = by_id[copy.rental_id]
            if copy.for_move and copy.asked_at and copy.state in TRAVELS and first.moving:
                found += [f"{first.name} runs while it is moved"] if shown.get(first.mark) else []
        return found

    def _too_early(self, rental: Rental, shown: Mapping[str, bool]) -> bool:
        moved = rental.moving or (rental.reason is Reason.MOVED and rental.replaced_by is not None)
        return moved and rental.mark not in shown and rental.replaced_by not in self._answered


def unfinished(rentals: Sequence[Rental]) -> list[str]:
    """Moves and changes of size without an end, and names that people see twice."""
    found = [f"{r.name} is still being moved" for r in rentals if r.moving]
    found += [f"{r.name} still gets another size" for r in rentals if r.resizing]
    found += [f"{r.name} still waits for another one's place" for r in rentals if r.live and r.replaces]
    names = Counter(rental.name for rental in rentals if rental.live)
    return found + [f"{number} of {name}" for name, number in names.items() if number > 1]
