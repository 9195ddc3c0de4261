"""Any life of any rentals, drawn by Hypothesis: nodes refuse, die and lie, Slack is silent, processes die, days pass.

Checked after every step is what must always hold (``rules.py``, ``end_rules.py``).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from harness.world import ADMIN, JOON, MINA
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from life.building import LENGTHS, NAMES
from life.lab import Lab
from life.process import Process
from life.waiting import Waiting

from kws_core.errors import UserError
from kws_core.people import Actor
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

GAPS = (
    "read", "uploaded", "posted", "ensure_server", "ensure_address", "release", "image ensure_copy", "image delete",
    "rebuild",
)  # fmt: skip


class Life(Waiting):
    """One life of one lab."""

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

    @rule(name=st.sampled_from(NAMES), days=st.sampled_from(LENGTHS))
    def gets_one(self, name: str, days: int) -> None:
        assert self.lab
        self.rent(name, MINA, False, "small", None, days)
        self.lab.settle(8)

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
                lab.processes[0].terms.extend(Actor(rental.owner), rental.id, until, via="test")
                lab.memory.promised[rental.id] = until

        if lab.mortal(ask, die_in):
            ask()

    @rule(number=st.integers(0, 9))
    def restore(self, number: int) -> None:
        assert self.lab
        rental = self.one(number, Status.STOPPED)
        if rental:
            self.lab.processes[0].terms.restore(Actor(rental.owner), rental.id)

    @rule(number=st.integers(0, 9), to=st.sampled_from([MINA, JOON]))
    def hand_over(self, number: int, to: Actor) -> None:
        assert self.lab
        rental = self.one(number)
        if rental:
            with suppress(UserError):  # it is being moved, or reset
                self.lab.processes[0].terms.transfer(ADMIN, rental.id, to.id)

    @rule(silent=st.booleans())
    def slack_is_silent_or_not(self, silent: bool) -> None:
        assert self.lab
        self.lab.slack.silent = silent

    @rule(who=st.sampled_from([MINA, JOON]), away=st.booleans())
    def cannot_be_reached(self, who: Actor, away: bool) -> None:
        assert self.lab
        (self.lab.slack.away.add if away else self.lab.slack.away.discard)(who.id)

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
            rental = lab.rental_queries.rental(ADMIN, mine[0].id)
            if what == "extend" and rental.live:
                self._extend(rental, 4)
            elif what == "hand over" and rental.live:
                with suppress(UserError):
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
        process.work()
        self.lab.slack.tell_all(process)
        process.nightly.tick()
