"""A PC that lost power comes back: what its owners had not stopped runs again, and everybody hears of it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from harness.world import JOON, MINA, World

from bot.text.i18n import Texts
from bot.views import admin_notice, event_lines, rental_card
from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction, MachineState
from kws_core.outbox.alert_outbox import AlertOutbox
from kws_core.rentals.machine_actions import Operations
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Status
from kws_core.values import Kind

MakeWorld = Callable[..., World]


@pytest.fixture
def one(make_world: MakeWorld) -> World:
    return make_world(nodes=1, max_builds=2, max_rentals=8, fakes={"boot_seconds": 20})


def lent(world: World, number: int, **form: Any) -> list[Rental]:
    rentals = [world.rent(f"web{n:02}", (MINA, JOON)[n % 2], **form) for n in range(number)]
    world.settle(60 * number)
    assert {world.look(rental).status for rental in rentals} == {Status.READY}
    return [world.look(rental) for rental in rentals]


def outage(world: World, seconds: float = 300, *, power: bool = False) -> FakeNode:
    """The node is away so long; with ``power`` its machines run on. Returns it, just back."""
    node = world.nodes["node1"]
    node.go_down(power=power)
    world.settle(15)
    world.clock.advance(seconds=seconds)
    node.calls.clear()
    node.come_back()
    return node


def told(world: World, rental: Rental) -> list[str]:
    """What rang since it was ready, in words."""
    rental = world.look(rental)
    events = world.rental_queries.history(rental.id)
    news = [e for e in events if rental_card.should_notify(rental, e) and e.kind != "ready"]
    return [str(event_lines.line(event, rental, Texts("en"))) for event in news]


def running(node: FakeNode) -> int:
    return sum(machine.state is MachineState.ACTIVE for machine in node.machines().values())


def power(world: World, *rentals: Rental) -> set[Power]:
    return {world.look(rental).power for rental in rentals}


def admins(world: World) -> list[str]:
    notices = [one for one in AlertOutbox(world.context).due() if one.kind == "node_resumed"]
    return [admin_notice.message(one, (), Texts("en")).text for one in notices]


def test_what_ran_is_started_a_few_at_a_time_and_told_once(one: World) -> None:
    rentals = lent(one, 5)
    node = outage(one)
    most = 0
    for _ in range(20):
        one.settle(5)
        booting = [
            s for s in node.servers.values() if s.started_at and not s.answers(one.clock(), node.times)
        ]
        most = max(most, len(booting))
    assert most <= 2
    one.settle(400)
    assert running(node) == 5
    assert power(one, *rentals) == {Power.ON}
    for rental in rentals:
        assert told(one, rental) == [
            ":arrow_forward: node1 is back, and KWS started the server again. You can log in."
        ]
    assert admins(one) == [
        ":arrow_forward: node1 is back. Servers running again: 5. Servers that didn't start: 0."
    ]
    one.settle(600)
    assert len(admins(one)) == 1


def test_the_card_says_so_until_it_answers(one: World) -> None:
    (rental,) = lent(one, 1)
    outage(one)
    one.settle(12)
    assert power(one, rental) == {Power.STARTING}
    assert "is starting it again" in str(event_lines.line(one.last_event(rental), rental, Texts("en")))
    assert told(one, rental) == []
    one.settle(30)
    assert power(one, rental) == {Power.ON}


def test_what_its_owner_had_stopped_stays_off(one: World) -> None:
    stopped, inside, runs = lent(one, 3)
    Operations(one.context, one.nodes, one.reconciler.executors).act(
        MINA, stopped.id, MachineAction.STOP, lambda _: None
    )
    one.nodes["node1"].end(inside.mark)
    one.settle(301)
    node = outage(one)
    one.settle(120)
    assert power(one, stopped, inside) == {Power.OFF}
    assert running(node) == 1
    assert power(one, runs) == {Power.ON}


def test_novas_own_resumption_does_no_harm(one: World) -> None:
    rentals = lent(one, 3)
    one.nodes["node1"].resumes_guests = True
    node = outage(one)
    one.settle(120)
    assert node.calls.count("act") == 0
    assert power(one, *rentals) == {Power.ON}
    for rental in rentals:
        assert told(one, rental) == [":arrow_forward: node1 is back. You can log in again."]
    assert len(admins(one)) == 1


@pytest.mark.parametrize("seconds", [10, 300])
def test_machines_that_ran_on_are_left_alone_and_nothing_is_said(one: World, seconds: int) -> None:
    rentals = lent(one, 2)
    node = outage(one, seconds, power=True)
    one.settle(400)
    assert node.calls.count("act") == 0
    assert [told(one, rental) for rental in rentals] == [[], []]
    assert admins(one) == []


def test_a_poweroff_inside_is_no_outage(one: World) -> None:
    (rental,) = lent(one, 1)
    node = one.nodes["node1"]
    node.end(rental.mark)
    node.fail_next("ping", NodeRefused("node1", Refusal.INVALID, "hiccup"))
    one.settle(320)
    assert node.calls.count("act") == 0
    assert power(one, rental) == {Power.OFF}


def test_one_that_does_not_start_is_told_to_its_owner_and_the_admins(one: World) -> None:
    good, bad = lent(one, 2)
    node = outage(one)
    for _ in range(14):
        one.settle(6)
        node.end(bad.mark)
        one.clock.advance(seconds=55)
    one.settle(20)
    assert power(one, good) == {Power.ON}
    assert power(one, bad) == {Power.OFF}
    assert told(one, bad) == [
        ":x: node1 is back, but the server didn't start. Start it yourself, or contact an admin."
    ]
    assert "again: 1. Servers that didn't start: 1." in admins(one)[0]


def test_a_node_that_is_busy_yet_is_asked_again(one: World) -> None:
    (rental,) = lent(one, 1)
    node = one.nodes["node1"]
    node.fail_next("act", NodeRefused("node1", Refusal.INVALID, "no compute host"), times=4)
    outage(one)
    one.settle(60)
    assert power(one, rental) == {Power.ON}


def test_it_is_stopped_or_returned_meanwhile(one: World) -> None:
    stopped, returned = lent(one, 2)
    node = outage(one)
    one.settle(7)
    one.rental_service.return_rental(JOON, returned.id)
    Operations(one.context, one.nodes, one.reconciler.executors).act(
        MINA, stopped.id, MachineAction.STOP, lambda _: None
    )
    one.settle(60)
    assert one.look(returned).status is Status.ENDED
    assert power(one, stopped) == {Power.OFF}
    assert running(node) == 0


def test_a_second_outage_on_the_way(one: World) -> None:
    rentals = lent(one, 3)
    outage(one)
    one.settle(8)
    node = outage(one, 1200)
    one.settle(300)
    assert all("didn't start" not in line for rental in rentals for line in told(one, rental))
    assert running(node) == 3
    assert power(one, *rentals) == {Power.ON}


def test_containers_and_keys_of_their_owners(one: World) -> None:
    box = one.ready("box", MINA, kind=Kind.CONTAINER, image="nginx:latest")
    (rental,) = lent(one, 1)
    node = one.nodes["node1"]
    node.servers = {i: replace(s, key="ssh-ed25519 another") for i, s in node.servers.items()}
    outage(one)
    one.settle(60)
    assert power(one, box) == {Power.ON}
    assert power(one, rental) == {Power.STARTING}, "nobody gets in with the key that KWS knows"
    one.clock.advance(minutes=10)
    one.settle(10)
    assert power(one, rental) == {Power.ON}


def test_kws_dies_on_the_way(one: World) -> None:
    rentals = lent(one, 3)
    outage(one)
    for _ in range(12):
        one.settle(4)
        one.restart()
    one.settle(120)
    assert power(one, *rentals) == {Power.ON}
    assert [len(told(one, rental)) for rental in rentals] == [1, 1, 1]
    assert len(admins(one)) == 1
