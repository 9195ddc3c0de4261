"""How rentals are built and given back, drawn by Hypothesis: nodes refuse, die and lie, and so does this process.

Checked after every step is what must always hold (``rules.py``, ``end_rules.py``). ``machine.py`` adds days, ends, Slack's
troubles and a second process; what breaks while something is built is found much sooner without them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.aftermath import copy_images
from harness.world import ADMIN, JOON, MINA
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from life.lab import Lab, own_key
from life.process import Process

from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.rentals import key_rotation, reset
from kws_core.rentals.admission import RentForm
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

BREAKABLE = (
    "ensure_address",
    "ensure_server",
    "machines",
    "new_servers",
    "release",
    "put_key",
    "act",
    "rebuild",
)
NAMES = [f"web0{number}" for number in range(6)]
POINTS = (
    "committed",
    "uploaded",
    "posted",
    "ensure_server done",
    "ensure_address done",
    "release done",
    "rebuild done",
)
LENGTHS = (0, 1, 3, 14)  # days of a rental


class Building(RuleBasedStateMachine):
    """One life of one lab with one process, in which nothing comes to its end by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kws-life-"))
        self.lab: Lab | None = None

    @initialize(
        nodes=st.integers(2, 3), build=st.sampled_from([0, 3]), boot=st.sampled_from([0, 2]),
        delete=st.sampled_from([0, 2]), max_builds=st.integers(1, 2),
    )  # fmt: skip
    def begins(self, nodes: int, build: int, boot: int, delete: int, max_builds: int) -> None:
        self.lab = Lab(self.folder, nodes, build=build, boot=boot, delete=delete, max_builds=max_builds)

    def node(self, number: int) -> FakeNode:
        assert self.lab
        nodes = list(self.lab.nodes.values())
        return nodes[number % len(nodes)]

    def process(self, number: int) -> Process:
        assert self.lab
        return self.lab.processes[number % len(self.lab.processes)]

    def one(self, number: int, *statuses: Status) -> Rental | None:
        """A rental that is live, or in one of these states; of two in a move, the one that people act on."""
        assert self.lab
        seen = [r for r in self.lab.every_rental() if r.replaces is None]
        wanted = [r for r in seen if (r.status in statuses if statuses else r.live)]
        return wanted[number % len(wanted)] if wanted else None

    @rule(
        name=st.sampled_from(NAMES), who=st.sampled_from([MINA, JOON]), own=st.booleans(),
        size=st.sampled_from(["small", "large", "huge"]), die_in=st.none() | st.integers(1, 2),
        days=st.sampled_from(LENGTHS),
    )  # fmt: skip
    def rent(self, name: str, who: Actor, own: bool, size: str, die_in: int | None, days: int = 14) -> None:
        assert self.lab
        lab = self.lab
        key = own_key() if own else None
        form = RentForm(name=name, image="debian-12", size=size, ends_on=lab.day(days), public_key=key)
        request_key = f"view:{len(lab.every_rental())}:{lab.clock.at}"

        def ask() -> None:
            with suppress(UserError):
                lab.rental_service.request(who, form, request_key)

        if lab.mortal(ask, die_in):
            ask()  # the person sends the same form again
        assert len([r for r in lab.every_rental() if r.request_key == request_key]) <= 1

    @rule(own=st.booleans())
    def many_rent_at_once(self, own: bool) -> None:
        for number, name in enumerate(NAMES):
            self.rent(name, [MINA, JOON][number % 2], own, "small", None)

    @rule(number=st.integers(0, 9), admin=st.booleans())
    def return_rental(self, number: int, admin: bool) -> None:
        self._return(number, admin)

    def _return(self, number: int, admin: bool = False) -> None:
        assert self.lab
        rental = self.one(number)
        if rental:
            self.lab.rental_service.return_rental(ADMIN if admin else Actor(rental.owner), rental.id)

    @rule(number=st.integers(0, 9), die_in=st.none() | st.integers(1, 2))
    def asks_for_a_new_key(self, number: int, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab
        rental = self.one(number, Status.READY)
        if rental is None:
            return

        def ask() -> None:
            with suppress(UserError):  # it is being reset
                key_rotation.ask(lab.context, Actor(rental.owner), rental.id)

        lab.mortal(ask, die_in)

    @rule(number=st.integers(0, 9), new_key=st.booleans(), die_in=st.none() | st.integers(1, 12))
    def has_it_reset(self, number: int, new_key: bool, die_in: int | None) -> None:
        assert self.lab
        lab, rental = self.lab, self.one(number, Status.READY)
        if rental is None:
            return

        def ask() -> None:
            with suppress(UserError):
                who, before = Actor(rental.owner), rental.reset_number
                reset.ask(lab.context, who, rental.id, before, rental.name, new_key=new_key)

        if lab.mortal(ask, die_in):
            ask()  # the same form again
        lab.mortal(lambda: lab.settle(4), die_in)

    @rule(times=st.integers(1, 3))
    def tick(self, times: int) -> None:
        assert self.lab
        for _ in range(times):
            self.lab.tick()

    @rule()
    def deliver_keys(self) -> None:
        assert self.lab
        self.lab.deliver_keys()

    @rule(ticks=st.integers(2, 8))
    def settle(self, ticks: int) -> None:
        assert self.lab
        self.lab.settle(ticks)

    @rule(seconds=st.sampled_from([0.1, 0.7, 1, 5, 31, 60, 300, 600]))
    def time_passes(self, seconds: float) -> None:
        assert self.lab
        self.lab.clock.advance(seconds=seconds)

    @rule(
        number=st.integers(0, 2), method=st.sampled_from(BREAKABLE), after=st.booleans(),
        refusal=st.sampled_from([Refusal.DOWN, Refusal.QUOTA, Refusal.NO_HOST]), times=st.integers(1, 2),
    )  # fmt: skip
    def node_fails(self, number: int, method: str, after: bool, refusal: Refusal, times: int) -> None:
        node = self.node(number)
        error = NodeDown if refusal is Refusal.DOWN else NodeRefused
        node.fail_next(
            method, error(node.name, refusal, "so it is"), after=after and error is NodeDown, times=times
        )

    @rule(number=st.integers(0, 2), down=st.booleans(), power=st.booleans())
    def node_dies_or_comes_back(self, number: int, down: bool, power: bool) -> None:
        node = self.node(number)
        if down:
            node.go_down(power=power)
        else:
            node.come_back()

    @rule(number=st.integers(0, 2))
    def machine_breaks(self, number: int) -> None:
        self.node(number).break_next()

    @rule(number=st.integers(0, 2), which=st.integers(0, 5), kind=st.sampled_from(["server", "floating_ip"]))
    def machine_vanishes(self, number: int, which: int, kind: str) -> None:
        assert self.lab
        node = self.node(number)
        copies = copy_images(node)
        marks = [
            mark for mark in node.resources() if mark not in copies
        ]  # in the order in which they were made
        if marks:
            mark = marks[which % len(marks)]
            node.vanish(mark, kind)
            self.lab.vanished.add(mark)

    @rule(number=st.integers(0, 2), which=st.integers(0, 5))
    def machine_is_not_listed_for_a_moment(self, number: int, which: int) -> None:
        assert self.lab
        node = self.node(number)
        unmissed = {  # a second look may believe it, and another process delete what is left, as it should
            rental.mark
            for rental in self.lab.every_rental()
            if rental.status is Status.READY and not rental.placements[-1].missing and not rental.moving
        }
        shown = [s for s in node.servers.values() if s.deleted_at is None and s.spec.mark in unmissed]
        if shown:
            hidden = shown[which % len(shown)]
            del node.servers[hidden.id]
            self.lab.clock.advance(minutes=6)
            self.lab.tick()
            node.servers[hidden.id] = hidden
            after = {rental.mark: rental.status for rental in self.lab.every_rental()}
            assert after[hidden.spec.mark] is Status.READY, "given up after one look"

    @rule(number=st.integers(0, 1))
    def restart(self, number: int) -> None:
        assert self.lab
        self.lab.restart(self.process(number).number)

    @rule(number=st.integers(0, 1), die_in=st.integers(1, 14), keys_first=st.booleans(), night=st.booleans())
    def dies(self, number: int, die_in: int, keys_first: bool, night: bool) -> None:
        assert self.lab
        lab, number = self.lab, self.process(number).number

        def work() -> None:
            for _ in range(3):
                if keys_first:
                    lab.deliver_keys()
                if night:
                    lab.night_tick(number)
                lab.tick()
                lab.deliver_keys()
                lab.clock.advance(seconds=1)

        lab.mortal(work, die_in, number)

    @rule(
        name=st.sampled_from(NAMES),
        own=st.booleans(),
        number=st.integers(0, 1),
        point=st.sampled_from(POINTS),
    )
    def dies_at(self, name: str, own: bool, number: int, point: str) -> None:
        assert self.lab
        lab, number = self.lab, self.process(number).number
        self.rent(name, MINA, own, "small", None)
        lab.processes[number].fate.die_at = point
        lab.mortal(lambda: lab.settle(3), None, number)

    def _in_the_middle(self, number: int, call: int, gap: str | None, what: Callable[[], object]) -> None:
        """Something comes in at a moment when that process has no transaction open."""
        assert self.lab
        fate = self.process(number).fate
        fate.intruder = what
        fate.intrude_in, fate.intrude_at = (None, gap) if gap else (call, None)
        self.lab.settle(2)
        fate.calm()

    @rule(number=st.integers(0, 1), call=st.integers(1, 12), which=st.integers(0, 9))
    def is_returned_in_the_middle(self, number: int, call: int, which: int) -> None:
        self._in_the_middle(number, call, None, lambda: self._return(which))

    @invariant()
    def all_is_well(self) -> None:
        if self.lab:
            self.lab.check()

    def teardown(self) -> None:
        try:
            if self.lab:
                self.lab.end_well()
        finally:
            if self.lab:
                self.lab.close()
            shutil.rmtree(self.folder, ignore_errors=True)
