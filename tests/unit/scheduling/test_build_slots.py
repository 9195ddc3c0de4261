"""The line for a node's build slots, as the rows have it: nobody polls, everybody is called, positions are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness.world import JOON, MINA, World

from kws_core.people import Actor
from kws_core.scheduling import build_slots
from kws_core.scheduling.fair_queue import QueuePosition
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

MAKE = Callable[..., World]
ZOE = Actor("U0ZOE000001")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKXf9Hs1tT8dS4mEfhlKjy2b8v0r2W9cM4yv3v6aN0xQ zoe"


@pytest.fixture
def busy(make_world: MAKE) -> World:
    """One node that builds one at a time, ten seconds each."""
    return make_world(nodes=1, fakes={"build_seconds": 10}, max_builds=1, max_rentals=9)


def begun(world: World) -> list[str]:
    """Names in the order in which the node was asked for them."""
    node = world.nodes["node1"]
    return [machine.spec.name for machine in node.ever]


def asks(world: World, name: str, who: Actor, **changes: Any) -> Rental:
    """A rental of that moment; the next one asks later."""
    rental = world.rent(name, who, **changes)
    world.clock.advance(milliseconds=1)
    return rental


def told(world: World, rental: Rental) -> list[int]:
    """The positions that its owner was told."""
    events = world.rental_queries.history(rental.id)
    return [event.data["position"] for event in events if event.kind is EventKind.QUEUED]


def test_first_turns_come_before_second_ones(busy: World) -> None:
    for number in range(3):
        asks(busy, f"mina{number}", MINA)
    asks(busy, "joon0", JOON)
    asks(busy, "zoe0", ZOE)
    busy.settle(70)
    assert begun(busy) == ["mina0", "joon0", "zoe0", "mina1", "mina2"]
    assert {rental.status for rental in busy.rental_queries.all_rentals()} == {Status.READY}


def test_the_line_moves_and_people_are_told(busy: World) -> None:
    busy.rent("mina0")
    busy.settle(3)
    waiting = [asks(busy, f"web{n}", Actor(f"U0PERSON{n:03d}")) for n in range(6)]
    busy.settle(2)
    assert [told(busy, rental) for rental in waiting] == [[1], [2], [3], [4], [5], [6]]
    last = waiting[-1]
    assert busy.rental_queries.turns([busy.look(last)])[last.id] == QueuePosition(6, 6)
    busy.settle(70)
    assert told(busy, last) == [6, 3, 1]
    assert busy.rental_queries.turns([busy.look(last)]) == {}


def test_a_slot_given_back_calls_the_next_at_once(busy: World) -> None:
    first = busy.rent("mina0")
    busy.settle(3)
    busy.rent("joon0", JOON)
    busy.settle(3)
    busy.rental_service.return_rental(MINA, first.id)
    busy.settle(3)
    assert begun(busy) == ["mina0", "joon0"]


def test_who_waits_does_not_keep_the_database_busy(busy: World) -> None:
    for number in range(4):
        busy.rent(f"web{number}", Actor(f"U0PERSON{number:03d}"))
    busy.settle(4)
    with busy.context.store.read() as session:
        waiting = {wish.rental for wish in build_slots.order(session)}
    assert len(waiting) == 3
    for rental in (busy.rental_queries.rental(Actor("", admin=True), one) for one in waiting):
        assert rental.placement
        assert rental.placement.next_check_at - busy.clock.at > timedelta(seconds=10)


def test_a_lost_call_is_made_up_for(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that gave the slot back died before it called: whoever looks next sees whose turn it is."""
    for name, who in (("mina0", MINA), ("joon0", JOON), ("zoe0", ZOE)):
        asks(busy, name, who)
    busy.settle(4)
    monkeypatch.setattr(busy.reconciler, "_call_next", lambda node: None)
    busy.settle(50)
    assert begun(busy) == ["mina0", "joon0", "zoe0"]


def test_who_has_no_key_yet_is_passed_by(busy: World) -> None:
    busy.rent("mina0")
    busy.settle(3)
    keyless = asks(busy, "joon0", JOON)
    busy.outbox.due()
    for _ in range(3):
        busy.reconciler.tick()  # Slack takes no key
    busy.rent("zoe0", ZOE, access="own_key", public_key=KEY)
    for _ in range(14):
        busy.reconciler.tick()
        busy.clock.advance(seconds=1)
    assert begun(busy) == ["mina0", "zoe0"]
    assert told(busy, keyless) == [1]
    busy.settle(30)
    assert begun(busy) == ["mina0", "zoe0", "joon0"]


def test_only_so_many_positions_are_told_a_minute(busy: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first place of each is told always."""
    monkeypatch.setattr(build_slots, "TOLD_A_MINUTE", 0)
    waiting = [asks(busy, f"web{n}", Actor(f"U0PERSON{n:03d}")) for n in range(5)]
    busy.settle(60)
    assert all(len(told(busy, rental)) <= 1 for rental in waiting)
    assert len(told(busy, waiting[-1])) == 1


def test_two_processes_see_one_line(busy: World) -> None:
    """What the order is made of is in the rows alone."""
    for number in range(4):
        busy.rent(f"web{number}", [MINA, JOON][number % 2])
    busy.settle(3)
    with busy.store.read() as session:
        before = build_slots.order(session)
    busy.restart()
    with busy.store.read() as session:
        assert build_slots.order(session) == before
