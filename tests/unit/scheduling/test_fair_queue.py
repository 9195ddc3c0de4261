"""Whose server is built next: an order out of wishes and of what was done for people."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from harness.sampling import THOROUGH
from harness.world import START
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_core.scheduling.fair_queue import (
    BuildRequest,
    QueuePosition,
    Served,
    called,
    in_order,
    queue_for,
    turns,
    worth_telling,
)


def wish(rental: str, at: float = 0, node: str = "node1", *, can_start: bool = True) -> BuildRequest:
    """``a2`` is a wish of the person ``a``."""
    return BuildRequest(rental, rental[0], node, START + timedelta(seconds=at), can_start)


def served(under_way: int, at: float) -> Served:
    """Something was done for the person at that second."""
    return Served(under_way, START + timedelta(seconds=at))


def names(order: list[BuildRequest]) -> str:
    """The order in one line."""
    return " ".join(one.rental for one in order)


def test_everybody_has_a_first_turn_before_anybody_has_a_second() -> None:
    wishes = [wish("a1", 0), wish("a2", 1), wish("a3", 2), wish("b1", 3), wish("b2", 4), wish("c1", 5)]
    assert names(in_order(wishes, {})) == "a1 b1 c1 a2 b2 a3"


def test_what_is_being_built_counts() -> None:
    wishes = [wish("a2", 0), wish("b1", 9)]
    assert names(in_order(wishes, {"a": served(1, 1)})) == "b1 a2"
    assert names(in_order(wishes, {"a": served(0, 1)})) == "a2 b1"


def test_who_was_served_goes_behind_those_who_wait() -> None:
    wishes = [wish("a2", 0), wish("b1", 2), wish("c1", 8)]
    assert names(in_order(wishes, {"a": served(0, 5)})) == "b1 a2 c1"


def test_a_person_is_one_on_all_nodes() -> None:
    wishes = [wish("a1", 0, "node1"), wish("a2", 1, "node2"), wish("b1", 2, "node2")]
    assert names(queue_for("node2", in_order(wishes, {}))) == "b1 a2"


def test_who_can_not_start_yet_keeps_the_place_and_holds_up_nobody() -> None:
    line = in_order([wish("a1", 0, can_start=False), wish("b1", 1), wish("c1", 2)], {})
    assert called(line, 1) == ["b1"]
    assert called(line, 0) == []
    assert turns(line, 0)["a1"] == QueuePosition(1, 3)


def test_who_has_a_slot_waiting_is_in_no_line() -> None:
    line = in_order([wish("a1", 0), wish("b1", 1), wish("c1", 2)], {})
    assert turns(line, 2) == {"c1": QueuePosition(3, 3)}


@pytest.mark.parametrize(
    ("told", "position", "news"),
    [
        (None, 40, True),
        (40, 21, False),
        (40, 20, True),
        (3, 2, False),
        (2, 1, True),
        (1, 1, False),
        (4, 5, True),
    ],
)
def test_a_position_is_told_anew_when_it_has_halved(told: int | None, position: int, news: bool) -> None:
    assert worth_telling(told, position) is news


wishes_ = st.lists(
    st.builds(
        wish,
        st.from_regex(r"[a-d][1-9]", fullmatch=True),
        st.integers(0, 9),
        st.sampled_from(["node1", "node2"]),
    ),
    unique_by=lambda one: one.rental,
    max_size=12,
)
served_ = st.dictionaries(st.sampled_from("abcd"), st.builds(served, st.integers(0, 2), st.integers(0, 9)))


@given(wishes_, served_, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_rows(
    wishes: list[BuildRequest], past: dict[str, Served], dice: random.Random
) -> None:
    shuffled = [*wishes]
    dice.shuffle(shuffled)
    order = in_order(shuffled, past)
    assert order == in_order(wishes, past)
    assert sorted(names(order).split()) == sorted(one.rental for one in wishes)
    for owner in "abcd":
        mine = [one for one in order if one.owner == owner]
        assert mine == sorted(mine, key=lambda one: (one.asked_at, one.rental))


@dataclass
class Lab:
    """One node as the rows would have it, a second at a time; each build takes ``build`` seconds."""

    slots: int
    build: int
    now: int = 0
    waiting: list[BuildRequest] = field(default_factory=list)
    building: dict[str, tuple[str, int]] = field(default_factory=dict)  # rental -> owner, begun
    last: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)

    def ask(self, owner: str, number: int) -> None:
        """A wish of this second."""
        at = START + timedelta(seconds=self.now)
        self.waiting.append(BuildRequest(f"{owner}-{number}", owner, "node1", at))

    def line(self) -> list[BuildRequest]:
        """As it is now."""
        under_way = Counter(owner for owner, _ in self.building.values())
        past = {o: served(under_way[o], at) for o, at in self.last.items()}
        return in_order(self.waiting, past)

    def tick(self) -> None:
        """What is built makes room, and who is called starts."""
        for rental, (owner, at) in list(self.building.items()):
            if self.now - at >= self.build:
                del self.building[rental]
                self.last[owner] = self.now
        first = called(self.line(), self.slots - len(self.building))
        for one in [one for one in self.waiting if one.rental in first]:
            self.building[one.rental] = (one.owner, self.now)
            self.last[one.owner] = self.begun[one.rental] = self.now
        self.waiting = [one for one in self.waiting if one.rental not in first]
        self.now += 1


arrivals = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(1, 3)), max_size=12)


@given(arrivals, st.integers(1, 3), st.integers(1, 5))
def test_with_one_wish_each_a_position_never_grows(
    drawn: list[tuple[int, int, int]], slots: int, build: int
) -> None:
    lab = Lab(slots, build)
    seen: dict[str, int] = {}
    for second in range(25):
        for number, (at, person, wishes) in enumerate(drawn):
            if at == second:  # a person of one wish, and now and then somebody with several
                for more in range(wishes if person == 0 else 1):
                    lab.ask("greedy" if person == 0 else f"p{number}", number * 10 + more)
        for position, one in enumerate(lab.line(), 1):
            if one.owner != "greedy":
                assert position <= seen.get(one.rental, position)
                seen[one.rental] = position
        lab.tick()


@settings(max_examples=96 if THOROUGH else 25)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 4))
def test_nobody_starves_however_many_come(slots: int, build: int, wishes: int) -> None:
    """New people come for ever, as many as the node can build; ``KWS_LIFE=thorough`` draws nearly every such node."""
    lab = Lab(slots, build)
    for person in range(5):
        lab.ask(f"early{person}", 0)
    for number in range(wishes):
        lab.ask("greedy", number)
    for second in range(80 * build):
        if second % build == 0:
            for person in range(slots):
                lab.ask(f"new{second}-{person}", 0)
        lab.tick()
    assert all(f"greedy-{number}" in lab.begun for number in range(wishes))
    waits = [lab.begun[f"new{s}-{p}-0"] - s for s in range(0, 40 * build, build) for p in range(slots)]
    assert max(waits) <= (8 + wishes) * (build + 1) * 2


def test_the_line_is_shared_fairly() -> None:
    """Ten people ask for three, ten for one, all at once: the ones are all served in the first half."""
    lab = Lab(slots=2, build=10)
    for number in range(3):
        for person in range(10):
            lab.ask(f"three{person}", number)
    for person in range(10):
        lab.ask(f"one{person}", 0)
    while lab.waiting:
        lab.tick()
    ones = [lab.begun[f"one{p}-0"] for p in range(10)]
    firsts = [lab.begun[f"three{p}-0"] for p in range(10)]
    seconds = [lab.begun[f"three{p}-1"] for p in range(10)]
    assert max(ones + firsts) <= min(seconds)
