"""A world whose copies travel between its nodes."""

from __future__ import annotations

from threading import Thread
from typing import Any

from harness.world import MINA, World

from kws_core.copies.service import Copies
from kws_core.images.carrier import Carrier
from kws_core.images.service import Images
from kws_core.nodes.values import ServerSpec
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Rental


def _at_once(target: Any, name: str) -> Thread:
    target()
    return Thread(name=name)


class CarryingLab:
    """A world with what carries copies between its nodes."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.context.spawn = _at_once
        images = Images(world.context, world.nodes, pause=lambda _: None)
        self.carrier = Carrier(world.context, world.nodes, images)

    def settle(self, seconds: int = 60) -> None:
        """Time passes, and what is waited for is carried."""
        for _ in range(seconds // 10):
            self.world.settle(5)
            self.carrier.tick()
            self.world.settle(5)

    def copied(self, name: str = "web01", **changes: Any) -> Copy:
        """A copy of a server that has ended."""
        rental = self.world.ready(name, **changes)
        copy = Copies(self.world.context).request(MINA, rental.id)
        self.world.settle()
        self.world.rental_service.return_rental(MINA, rental.id)
        self.world.settle(30)
        return Copies(self.world.context).get(MINA, copy.id)

    def bring_back(self, copy: Copy, name: str = "web02", **changes: Any) -> Rental:
        """A rental that is asked for with that copy."""
        return self.world.rent(name, image=None, copy=copy.id, **changes)

    def spec(self, rental: Rental) -> ServerSpec:
        """What its node was asked for."""
        held = self.world.look(rental).placement
        assert held
        found = self.world.nodes[held.node].spec(rental.mark)
        assert isinstance(found, ServerSpec)
        return found
