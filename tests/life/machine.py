"""Any life of any rentals, drawn by Hypothesis: nodes refuse, die and lie, Slack is silent, processes die, days pass.

Checked after every step is what must always hold (``rules.py``, ``end_rules.py``).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from world import ADMIN, JOON, MINA

from kws_core import new_key
from kws_core.admission import RentForm, Who
from kws_core.errors import NodeDown, NodeRefused, UserError
from kws_core.model import Rental, Status
from kws_core.nodes import Refusal
from kws_core.nodes.fake import FakeNode

from .lab import Lab, own_key
from .process import Process

BREAKABLE = ("ensure_address", "ensure_server", "machines", "release", "put_key", "act")
NAMES = [f"web0{number}" for number in range(6)]
POINTS = ("committed", "uploaded", "posted", "ensure_server done", "ensure_address done", "release done")
GAPS = ("read", "uploaded", "posted", "ensure_server", "ensure_address", "release")
LENGTHS = (0, 1, 3, 14)  # days of a rental


class Life(RuleBasedStateMachine):
    """One life of one lab."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kws-life-"))
        self.lab: Lab | None = None

    @initialize(
        nodes=st.integers(2, 3), processes=st.integers(1, 2), grace=st.sampled_from([0, 30]),
        build=st.sampled_from([0, 3]), boot=st.sampled_from([0, 2]), delete=st.sampled_from([0, 2]),
        max_builds=st.integers(1, 2),
    )  # fmt: skip
    def begins(
        self, nodes: int, processes: int, grace: int, build: int, boot: int, delete: int, max_builds: int
    ) -> None:
        self.lab = Lab(
            self.folder, nodes, processes=processes, grace_hours=grace,
            build=build, boot=boot, delete=delete, max_builds=max_builds,
        )  # fmt: skip

    def node(self, number: int) -> FakeNode:
        assert self.lab
        nodes = list(self.lab.nodes.values())
        return nodes[number % len(nodes)]

    def process(self, number: int) -> Process:
        assert self.lab
        return self.lab.processes[number % len(self.lab.processes)]

    def one(self, number: int, *statuses: Status) -> Rental | None:
        """A rental that is live, or in one of these states."""
        assert self.lab
        wanted = [r for r in self.lab.every_rental() if (r.status in statuses if statuses else r.live)]
        return wanted[number % len(wanted)] if wanted else None

    # -- people

    @rule(
        name=st.sampled_from(NAMES), who=st.sampled_from([MINA, JOON]), own=st.booleans(),
        size=st.sampled_from(["small", "large", "huge"]), die_in=st.none() | st.integers(1, 2),
        days=st.sampled_from(LENGTHS),
    )  # fmt: skip
    def rent(self, name: str, who: Who, own: bool, size: str, die_in: int | None, days: int = 14) -> None:
        assert self.lab
        lab = self.lab
        key = own_key() if own else None
        form = RentForm(name=name, image="debian-12", size=size, ends_on=lab.day(days), public_key=key)
        request_key = f"view:{len(lab.every_rental())}:{lab.clock.at}"

        def ask() -> None:
            with suppress(UserError):
                lab.core.request(who, form, request_key)

        if lab.mortal(ask, die_in):
            ask()  # the person sends the same form again
        assert len([r for r in lab.every_rental() if r.request_key == request_key]) <= 1

    @rule(own=st.booleans())
    def many_rent_at_once(self, own: bool) -> None:
        for number, name in enumerate(NAMES):
            self.rent(name, [MINA, JOON][number % 2], own, "small", None)

    @rule(name=st.sampled_from(NAMES), days=st.sampled_from(LENGTHS))
    def gets_one(self, name: str, days: int) -> None:
        assert self.lab
        self.rent(name, MINA, False, "small", None, days)
        self.lab.settle(8)

    @rule(number=st.integers(0, 9), admin=st.booleans())
    def give_back(self, number: int, admin: bool) -> None:
        self._return(number, admin)

    def _return(self, number: int, admin: bool = False) -> None:
        assert self.lab
        rental = self.one(number)
        if rental:
            self.lab.core.give_back(ADMIN if admin else Who(rental.owner), rental.id)

    @rule(number=st.integers(0, 9), days=st.sampled_from([1, 3, 20]), die_in=st.none() | st.integers(1, 2))
    def extend(self, number: int, days: int, die_in: int | None) -> None:
        assert self.lab
        rental = self.one(number)
        if rental:
            self._extend(rental, days, die_in)

    def _extend(self, rental: Rental, days: int, die_in: int | None = None) -> None:
        assert self.lab
        lab, until = self.lab, self.lab.day(days)

        def ask() -> None:
            with suppress(UserError):
                lab.processes[0].terms.extend(Who(rental.owner), rental.id, until, via="test")
                lab.memory.promised[rental.id] = until

        if lab.mortal(ask, die_in):
            ask()

    @rule(number=st.integers(0, 9))
    def restore(self, number: int) -> None:
        assert self.lab
        rental = self.one(number, Status.STOPPED)
        if rental:
            self.lab.processes[0].terms.restore(Who(rental.owner), rental.id)

    @rule(number=st.integers(0, 9), to=st.sampled_from([MINA, JOON]))
    def hand_over(self, number: int, to: Who) -> None:
        assert self.lab
        rental = self.one(number)
        if rental:
            self.lab.processes[0].terms.transfer(ADMIN, rental.id, to.id)

    @rule(number=st.integers(0, 9), die_in=st.none() | st.integers(1, 2))
    def asks_for_a_new_key(self, number: int, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab
        rental = self.one(number, Status.READY)
        if rental:
            lab.mortal(lambda: new_key.ask(lab.core, Who(rental.owner), rental.id), die_in)

    # -- Slack

    @rule(silent=st.booleans())
    def slack_is_silent_or_not(self, silent: bool) -> None:
        assert self.lab
        self.lab.slack.silent = silent

    @rule(who=st.sampled_from([MINA, JOON]), away=st.booleans())
    def cannot_be_reached(self, who: Who, away: bool) -> None:
        assert self.lab
        (self.lab.slack.away.add if away else self.lab.slack.away.discard)(who.id)

    # -- time

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

    @rule(hours=st.sampled_from([9, 13, 24, 24, 70]))
    def days_pass(self, hours: int) -> None:
        assert self.lab
        self.lab.goes_to(self.lab.clock() + timedelta(hours=hours))

    @rule(
        name=st.sampled_from(NAMES), days=st.sampled_from([0, 1, 3]), number=st.integers(0, 1), silent=st.booleans(),
        happens=st.lists(st.sampled_from(["nothing", "extend", "hand over", "silent", "heard", "dies"]), max_size=3),
    )  # fmt: skip
    def lives_to_its_end(self, name: str, days: int, number: int, silent: bool, happens: list[str]) -> None:
        """Days in which nothing else happens: drawn one by one they would seldom come to an end."""
        assert self.lab
        lab = self.lab
        self.gets_one(name, days)
        mine = [r for r in lab.every_rental() if r.name == name and r.live]
        lab.slack.silent = silent
        for what in happens if mine else []:
            rental = lab.core.rental(ADMIN, mine[0].id)
            if what == "extend" and rental.live:
                self._extend(rental, 4)
            elif what == "hand over" and rental.live:
                lab.processes[0].terms.transfer(ADMIN, rental.id, JOON.id)
            elif what in ("silent", "heard"):
                lab.slack.silent = what == "silent"
            tomorrow = lab.clock() + timedelta(hours=25)
            die_in = 30 if what == "dies" else None
            lab.mortal(lambda until=tomorrow: lab.goes_to(until), die_in, self.process(number).number)  # type: ignore[misc]
        lab.goes_to(lab.clock() + timedelta(days=days + 1))
        lab.slack.silent = False

    @rule(number=st.integers(0, 1), times=st.integers(1, 2))
    def night_tick(self, number: int, times: int) -> None:
        assert self.lab
        for _ in range(times):
            self.lab.night_tick(number)
            self.lab.clock.advance(seconds=20)

    # -- nodes

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

    @rule(number=st.integers(0, 2), down=st.booleans())
    def node_dies_or_comes_back(self, number: int, down: bool) -> None:
        node = self.node(number)
        (node.go_down if down else node.come_back)()

    @rule(number=st.integers(0, 2))
    def machine_breaks(self, number: int) -> None:
        self.node(number).break_next()

    @rule(number=st.integers(0, 2), which=st.integers(0, 5), kind=st.sampled_from(["server", "floating_ip"]))
    def machine_vanishes(self, number: int, which: int, kind: str) -> None:
        assert self.lab
        node = self.node(number)
        marks = list(node.resources())  # in the order in which they were made
        if marks:
            mark = marks[which % len(marks)]
            node.vanish(mark, kind)
            self.lab.vanished.add(mark)

    @rule(number=st.integers(0, 2), which=st.integers(0, 5))
    def machine_is_not_listed_for_a_moment(self, number: int, which: int) -> None:
        assert self.lab
        node = self.node(number)
        ready = {rental.mark for rental in self.lab.every_rental() if rental.status is Status.READY}
        shown = [s for s in node._servers.values() if s.deleted_at is None and s.spec.mark in ready]
        if shown:
            hidden = shown[which % len(shown)]
            missed = (
                next(r for r in self.lab.every_rental() if r.mark == hidden.spec.mark).placements[-1].missing
            )
            del node._servers[hidden.id]
            self.lab.clock.advance(minutes=6)
            self.lab.tick()
            node._servers[hidden.id] = hidden
            after = {rental.mark: rental.status for rental in self.lab.every_rental()}
            if not missed:  # else it is the second look
                assert after[hidden.spec.mark] is Status.READY, "given up after one look"

    # -- processes

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

    @rule(hours=st.sampled_from([13, 24, 70]), number=st.integers(0, 1), die_in=st.integers(1, 60))
    def dies_in_one_of_many_days(self, hours: int, number: int, die_in: int) -> None:
        assert self.lab
        lab = self.lab
        until = lab.clock() + timedelta(hours=hours)
        lab.mortal(lambda: lab.goes_to(until), die_in, self.process(number).number)

    @rule(number=st.integers(0, 1), seconds=st.sampled_from([20, 40, 100]))
    def falls_asleep(self, number: int, seconds: int) -> None:
        assert self.lab
        lab = self.lab
        lab.asleep[self.process(number).number] = lab.clock() + timedelta(seconds=seconds)

    # -- in the middle of something

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

    @rule(number=st.integers(0, 1), call=st.integers(1, 12), which=st.integers(0, 9))
    def is_extended_in_the_middle(self, number: int, call: int, which: int) -> None:
        rental = self.one(which)
        if rental:
            self._in_the_middle(number, call, None, lambda: self._extend(rental, 5))

    @rule(name=st.sampled_from(NAMES), number=st.integers(0, 1), gap=st.sampled_from(GAPS))
    def both_work_at_once(self, name: str, number: int, gap: str) -> None:
        """Each time that one process is at that point, the other does whatever is due."""
        assert self.lab
        lab, fate, other = self.lab, self.process(number).fate, self.process(number + 1)
        if len(lab.processes) == 1:
            return
        self._one_to_be_told(name)

        def again() -> None:
            self._works(other)
            fate.intrude_at = gap

        self._in_the_middle(number, 0, gap, again)

    @rule(
        name=st.sampled_from(NAMES), number=st.integers(0, 1), gap=st.sampled_from(("committed", *GAPS)),
        seconds=st.sampled_from([20, 40, 100]),
    )  # fmt: skip
    def is_overtaken_while_it_stands_still(self, name: str, number: int, gap: str, seconds: int) -> None:
        """It is taken for dead in the middle of something, and goes on as if nothing had been."""
        assert self.lab
        lab, stalled, other = self.lab, self.process(number), self.process(number + 1)
        if len(lab.processes) == 1:
            return
        self._one_to_be_told(name)

        def meanwhile() -> None:
            lab.acting.stalled.add(
                stalled.who
            )  # a look comes before each making: that is what bounds it then
            lab.asleep[stalled.number] = lab.clock() + timedelta(seconds=seconds)
            for _ in range(seconds // 5):
                lab.clock.advance(seconds=4)
                self._works(other)

        self._in_the_middle(number, 0, gap, meanwhile)
        lab.acting.stalled.clear()

    def _one_to_be_told(self, name: str) -> None:
        """A rental that may be ready, and nobody has said so yet; one more that nobody has begun with."""
        assert self.lab
        self.rent(name, MINA, False, "small", None)
        self.lab.settle(4)
        for _ in range(5):
            self.lab.tick()
            self.lab.clock.advance(seconds=1)
        self.rent(f"{name}b", JOON, True, "small", None)

    def _works(self, process: Process) -> None:
        assert self.lab
        self.lab.clock.advance(seconds=1)
        process.beat()
        process.reconciler.tick()
        self.lab.slack.tell_all(process)
        process.nightly.tick()

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
