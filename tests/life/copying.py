"""What people and nodes do with copies of servers, as acts of a drawn life."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from harness.world import MINA
from hypothesis import strategies as st
from hypothesis.stateful import rule
from life.building import NAMES, Building

from kws_core.copies.service import Copies
from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.scheduling.capacity import record_of
from kws_core.tables.copy import Copy
from kws_core.tables.states import CopyState, Status

IMAGE_CALLS = (
    "image_copy", "image_copy", "image_list", "image_look", "image_create", "image_fill", "image_change",
    "image_read", "image_delete",
)  # fmt: skip


class Copying(Building):
    """Acts of a machine that has days as well."""

    def a_copy(self, number: int, *states: CopyState) -> Copy | None:
        """One in one of these states, or that may still be somewhere."""
        assert self.lab
        wanted = [c for c in self.lab.every_copy() if (c.state in states if states else c.on_disk)]
        return wanted[number % len(wanted)] if wanted else None

    @rule(
        number=st.integers(0, 9), seconds=st.sampled_from([0, 0, 3, 60]), die_in=st.none() | st.integers(1, 8)
    )
    def keep_a_copy(self, number: int, seconds: int, die_in: int | None) -> None:
        assert self.lab
        lab, rental = self.lab, self.one(number, Status.READY, Status.STOPPED)
        if rental is None:
            return
        for node in lab.nodes.values():
            node.shelf.copy_time = timedelta(seconds=seconds)

        def ask() -> None:
            with suppress(UserError):
                Copies(lab.context).request(Actor(rental.owner), rental.id)

        if lab.mortal(ask, die_in):
            ask()
        lab.mortal(lambda: lab.settle(4), die_in)

    @rule(number=st.integers(0, 9), wanted=st.sampled_from([True, True, False]))
    def plan_a_copy(self, number: int, wanted: bool) -> None:
        assert self.lab
        rental = self.one(number, Status.READY, Status.STOPPED)
        if rental:
            with suppress(UserError):
                Copies(self.lab.context).plan(Actor(rental.owner), rental.id, wanted)

    @rule(number=st.integers(0, 9), die_in=st.none() | st.integers(1, 8))
    def delete_a_copy(self, number: int, die_in: int | None) -> None:
        assert self.lab
        lab, copy = self.lab, self.a_copy(number)
        if copy is None:
            return
        with suppress(UserError):
            Copies(lab.context).delete(Actor(copy.owner), copy.id)
        lab.mortal(lambda: lab.settle(4), die_in)

    @rule(number=st.integers(0, 9))
    def prolong_a_copy(self, number: int) -> None:
        assert self.lab
        copy = self.a_copy(number, CopyState.KEPT)
        if copy:
            Copies(self.lab.context).prolong(Actor(copy.owner), copy.id)

    @rule(
        number=st.integers(0, 9), name=st.sampled_from(NAMES), elsewhere=st.booleans(),
        die_in=st.none() | st.integers(1, 40),
    )  # fmt: skip
    def bring_a_copy_back(self, number: int, name: str, elsewhere: bool, die_in: int | None) -> None:
        assert self.lab
        lab, copy = self.lab, self.a_copy(number, CopyState.KEPT)
        if copy is None:
            return
        self._drain(copy.node, elsewhere)
        form = RentForm(name=name, image=None, size="small", ends_on=lab.day(3), copy=copy.id)
        with suppress(UserError):
            lab.rental_service.request(
                Actor(copy.owner), form, f"copy:{len(lab.every_rental())}:{lab.clock.at}"
            )
        self._drain(copy.node, False)
        lab.mortal(lambda: lab.settle(12), die_in)

    @rule(
        name=st.sampled_from(NAMES), method=st.none() | st.sampled_from(IMAGE_CALLS), after=st.booleans(),
        elsewhere=st.booleans(), dies=st.none() | st.integers(1, 60),
    )  # fmt: skip
    def goes_and_comes_back(
        self, name: str, method: str | None, after: bool, elsewhere: bool, dies: int | None
    ) -> None:
        """A copy outlives its server; every node fails at one call, once, as it is brought back."""
        assert self.lab
        lab = self.lab
        self.rent(name, MINA, False, "small", None, 3)
        lab.settle(8)
        mine = [r for r in lab.every_rental() if r.name == name and r.status is Status.READY]
        if not mine:
            return
        with suppress(UserError):
            Copies(lab.context).request(Actor(mine[0].owner), mine[0].id)
        lab.settle(8)
        lab.rental_service.return_rental(Actor(mine[0].owner), mine[0].id)
        lab.settle(8)
        kept = [c for c in lab.every_copy() if c.state is CopyState.KEPT]
        for node in lab.nodes.values() if method else ():
            node.fail_next(str(method), NodeDown(node.name, Refusal.DOWN, "cable"), after=after)
        if kept:
            self.bring_a_copy_back(kept.index(kept[-1]), name, elsewhere, dies)

    def _drain(self, node: str, drained: bool) -> None:
        assert self.lab
        with self.lab.store.write() as session:
            record_of(session, node).drained = drained

    @rule(number=st.integers(0, 9))
    def somebody_deletes_its_image(self, number: int) -> None:
        assert self.lab
        copy = self.a_copy(number, CopyState.MAKING, CopyState.KEPT)
        if copy:
            self.lab.vanished.add(copy.mark)
            node = self.lab.nodes[copy.node]
            for mark, image_id in list(node.shelf.copies()):
                if mark == copy.mark:
                    with suppress(NodeDown, NodeRefused):
                        node.shelf.delete(image_id)

    @rule(
        number=st.integers(0, 2), method=st.sampled_from(IMAGE_CALLS), after=st.booleans(), down=st.booleans(),
        times=st.integers(1, 3),
    )  # fmt: skip
    def images_fail(self, number: int, method: str, after: bool, down: bool, times: int) -> None:
        node = self.node(number)
        error = (
            NodeDown(node.name, Refusal.DOWN, "so it is")
            if down
            else NodeRefused(node.name, Refusal.QUOTA, "no")
        )
        node.fail_next(method, error, after=after and down, times=times)

    @rule(
        name=st.sampled_from(NAMES), failing=st.integers(0, 4), seconds=st.sampled_from([0, 60]), days=st.integers(0, 2),
        dies=st.none() | st.integers(1, 60),
    )  # fmt: skip
    def ends_with_a_copy(self, name: str, failing: int, seconds: int, days: int, dies: int | None) -> None:
        """Days in which nothing else happens; the node refuses the copy that often."""
        assert self.lab
        lab = self.lab
        self.rent(name, MINA, False, "small", None, days)
        lab.settle(8)
        mine = [r for r in lab.every_rental() if r.name == name and r.status is Status.READY]
        if not mine or mine[0].placement is None:
            return
        with suppress(UserError):
            Copies(lab.context).plan(Actor(mine[0].owner), mine[0].id, True)
        node = lab.nodes[mine[0].placement.node]
        node.shelf.copy_time = timedelta(seconds=seconds)
        if failing:
            node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "full"), times=failing)
        until = lab.clock() + timedelta(days=days + 2)
        lab.mortal(lambda: lab.goes_to(until), dies)
