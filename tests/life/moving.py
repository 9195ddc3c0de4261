"""What people and the clock do with servers that move, as acts of a drawn life."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from harness import moving
from harness.world import MINA
from hypothesis import strategies as st
from hypothesis.stateful import rule
from life import move_rules
from life.building import NAMES
from life.copying import IMAGE_CALLS, Copying

from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.moves.service import Moves
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

CALLS = (
    "act",
    "resize",
    "confirm",
    "revert",
    "ensure_server",
    "ensure_address",
    "machines",
    "new_servers",
    "release",
    *IMAGE_CALLS,
)
SIZES = ("small", "medium", "large", "huge")


class Moving(Copying):
    """Acts of a machine that has days as well."""

    def _starts(self, rental: Rental, size: str | None, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab

        def ask() -> None:
            wanted = lab.config.size(size) if size else None
            with suppress(UserError):
                Moves(lab.context).start(Actor(rental.owner), rental.id, size=wanted)

        if lab.mortal(ask, die_in):
            ask()  # the second click

    @rule(
        number=st.integers(0, 9), seconds=st.sampled_from([0, 0, 3, 60]), die_in=st.none() | st.integers(1, 40),
        ticks=st.integers(1, 14),
    )  # fmt: skip
    def move_a_server(self, number: int, seconds: int, die_in: int | None, ticks: int) -> None:
        self._moves(number, None, seconds, die_in, ticks)

    @rule(
        number=st.integers(0, 9), size=st.sampled_from(SIZES), die_in=st.none() | st.integers(1, 40),
        ticks=st.integers(1, 14), able=st.booleans(), seconds=st.sampled_from([0, 3, 10]),
    )  # fmt: skip
    def change_the_size(
        self, number: int, size: str, die_in: int | None, ticks: int, able: bool, seconds: int
    ) -> None:
        """In place where the node can, otherwise through a copy."""
        self._nodes_resize(able, seconds)
        self._moves(number, size, 0, die_in, ticks)

    def _nodes_resize(self, able: bool, seconds: int) -> None:
        assert self.lab
        for node in self.lab.nodes.values():
            node.resizes, node.times = able, replace(node.times, resize=timedelta(seconds=seconds))

    def _moves(self, number: int, size: str | None, seconds: int, die_in: int | None, ticks: int) -> None:
        assert self.lab
        lab, rental = self.lab, self.one(number, Status.READY)
        if rental is None:
            return
        for node in lab.nodes.values():
            node.shelf.copy_time = timedelta(seconds=seconds)
        self._starts(rental, size, die_in if die_in is not None and die_in < 4 else None)
        lab.mortal(lambda: lab.settle(ticks), die_in)

    @rule(number=st.integers(0, 9), hours=st.sampled_from([None, 0, 1, 20]), which=st.integers(0, 1))
    def plan_a_move(self, number: int, hours: int | None, which: int) -> None:
        assert self.lab
        lab, rental = self.lab, self.one(number, Status.READY)
        if rental is None:
            return
        at = None if hours is None else lab.clock() + timedelta(hours=hours)
        with suppress(UserError):
            Moves(lab.context).plan(Actor(rental.owner), rental.id, at)
        if not hours:
            lab.night_tick(which)

    @rule(number=st.integers(0, 9))
    def shuts_it_down_from_inside(self, number: int) -> None:
        assert self.lab
        rental = self.one(number, Status.READY)
        if rental and rental.placement and not rental.moving:
            self.lab.nodes[rental.placement.node].end(rental.mark)

    @rule(
        name=st.sampled_from(NAMES), size=st.none() | st.sampled_from(SIZES), method=st.none() | st.sampled_from(CALLS),
        after=st.booleans(), refuses=st.booleans(), dies=st.none() | st.integers(1, 80),
        then=st.sampled_from(["nothing", "nothing", "extend", "return", "off", "gone", "dark"]), at=st.integers(0, 12),
        able=st.booleans(), boot=st.sampled_from([0, 0, 4, 10**5]),
    )  # fmt: skip
    def moves_to_its_end(
        self, name: str, size: str | None, method: str | None, after: bool, refuses: bool, dies: int | None,
        then: str, at: int, able: bool, boot: int,
    ) -> None:  # fmt: skip
        """A move in which every node fails at one call, once, and something else happens in the middle."""
        assert self.lab
        lab = self.lab
        self.rent(name, MINA, False, "small", None, 14)
        lab.settle(8)
        mine = [r for r in lab.every_rental() if r.name == name and r.status is Status.READY]
        if not mine or mine[0].moving:
            return
        rental = mine[0]
        if then == "off":
            self._is_off(rental)
        for node in lab.nodes.values() if method else ():
            error = NodeRefused(node.name, Refusal.QUOTA, "no")
            down = NodeDown(node.name, Refusal.DOWN, "cable")
            node.fail_next(str(method), error if refuses else down, after=after and not refuses)
        if size:
            self._nodes_resize(able, 4)
        for node in lab.nodes.values() if size and able else ():
            node.times = replace(node.times, boot=timedelta(seconds=boot))
        self._starts(rental, size, None)
        lab.mortal(lambda: lab.settle(at), dies)
        self._meanwhile(rental, then)
        lab.mortal(lambda: lab.settle(40), dies)
        self._comes_to_an_end()

    def _is_off(self, rental: Rental) -> None:
        """Its owner has stopped it, and everybody sees that."""
        assert self.lab
        lab, held = self.lab, rental.placement
        with lab.store.write() as session:
            session.get_one(Rental, rental.id).switched_off = True
        if held and held.server_id:
            with suppress(NodeDown, NodeRefused):
                lab.nodes[held.node].act(rental.kind, held.server_id, MachineAction.STOP)
        lab.settle(40)

    def _meanwhile(self, rental: Rental, then: str) -> None:
        assert self.lab
        lab, node = self.lab, rental.placement.node if rental.placement else ""
        acts: dict[str, Callable[[], object]] = {
            "extend": lambda: self._promise(rental),
            "return": lambda: lab.rental_service.return_rental(Actor(rental.owner), rental.id),
            "gone": lambda: self._is_deleted(rental),
            "dark": lambda: lab.nodes[node].go_down(power=False),
        }
        with suppress(UserError):
            acts.get(then, lambda: None)()
        if then == "dark":
            lab.settle(50)
            lab.nodes[node].come_back()

    def _promise(self, rental: Rental) -> None:
        assert self.lab
        until = self.lab.day(20)
        self.lab.processes[0].terms.extend(Actor(rental.owner), rental.id, until, via="test")
        self.lab.memory.promised[rental.id] = until

    def _is_deleted(self, rental: Rental) -> None:
        assert self.lab
        self.lab.vanished.add(rental.mark)
        for node in self.lab.nodes.values():
            node.vanish(rental.mark)

    def _comes_to_an_end(self) -> None:
        """Everything is mended; hours later no move is open, and what is in use runs, or is off as its owner had it."""
        assert self.lab
        lab = self.lab
        lab.slack.silent = False
        for node in lab.nodes.values():
            node.come_back()
            node.faults.clear()
            node.breaks.clear()
            node.shelf.copy_time = timedelta(0)
            node.times = replace(node.times, boot=timedelta(seconds=2), resize=timedelta(0))
        lab.asleep.clear()
        for _ in range(80):
            lab.settle(10)
            if not moving.unfinished(lab.every_rental()):
                break
            lab.clock.advance(minutes=5)
        lab.settle(60)
        move_rules.check_settled(lab)
