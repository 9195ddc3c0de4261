"""From a server that the node was asked for to one that lets its owner in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.world import JOON, World

from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.fake.machines import host_key
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineState
from kws_core.reconcile.boot_watch import POLL_BUILD, POLL_DUE
from kws_core.reconcile.guarded_update import Job
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, HostKeySource, Reason, Status

PASSWORD = "correct horse battery"


def node_of(world: World, rental: Rental) -> FakeNode:
    placement = world.look(rental).placement
    assert placement
    return world.nodes[placement.node]


def a_minute_later(world: World) -> None:
    world.clock.advance(seconds=57)
    world.settle(3)


def lock_out(world: World, rental: Rental) -> None:
    """The server has another key than its owner's."""
    node = node_of(world, rental)
    for server in node.servers.values():
        if server.spec.mark == rental.mark:
            node.servers[server.id] = replace(server, taken="ssh-ed25519 another")


def test_host_keys_seen_over_the_network_are_replaced_by_those_that_it_prints(world: World) -> None:
    rental = world.ready()
    seen = world.look(rental)
    placement = seen.placement
    assert placement and placement.server_id
    assert (seen.host_keys, seen.host_keys_from) == ([host_key(placement.server_id)], HostKeySource.NETWORK)
    world.settle(60)
    assert world.look(rental).host_keys_from is HostKeySource.CONSOLE
    assert world.kinds(rental).count("host_keys") == 1
    calls = node_of(world, rental).calls.count("host_keys")
    world.settle(1200)
    assert node_of(world, rental).calls.count("host_keys") == calls, "they are read once"


def test_nobody_waits_for_ever_for_host_keys(world: World) -> None:
    rental = world.rent()
    world.settle(1)
    node = node_of(world, rental)
    node.fail_next("host_keys", NodeRefused(node.name, Refusal.MISSING, "no console"), times=1000)
    world.settle(1200)
    calls = node.calls.count("host_keys")
    assert 30 <= calls <= 60
    world.settle(1200)
    assert node.calls.count("host_keys") == calls
    assert world.look(rental).host_keys_from is HostKeySource.NETWORK


def test_it_is_ready_when_its_owner_gets_in_not_when_ssh_answers(world: World) -> None:
    rental = world.rent()
    for _ in range(4):
        world.tick()
        world.clock.advance(seconds=1)
        if world.look(rental).status is Status.BUILDING and node_of(world, rental).servers:
            break
    lock_out(world, rental)
    world.settle(120)
    assert world.look(rental).status is Status.BUILDING
    looks = node_of(world, rental).calls.count("check_login")
    assert looks <= 25, "wrong keys are not offered more often than OpenSSH bears"
    node = node_of(world, rental)
    for server in node.servers.values():
        node.servers[server.id] = replace(server, taken="")
    world.settle(6)
    assert world.look(rental).status is Status.READY


def test_a_server_that_never_lets_its_owner_in_is_told_apart(world: World) -> None:
    rental = world.rent(access=Access.GENERATED)
    world.settle(2)
    lock_out(world, rental)
    world.settle(900 + 300)
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.NO_LOGIN)
    assert world.left() == {}


def test_a_guest_that_still_writes_gets_more_time_and_people_hear_of_it(
    make_world: Callable[..., World],
) -> None:
    world = make_world(fakes={"boot_seconds": 1500})
    rental = world.rent()
    world.settle(10)
    node = node_of(world, rental)
    for minute in range(30):
        node.write(rental.mark, f"unit {minute} started\n")
        a_minute_later(world)
    assert world.look(rental).status is Status.READY
    told = [e.data["minutes"] for e in world.rental_queries.history(rental.id) if e.kind == "slow_boot"]
    assert told == [3, 8, 15]


def test_a_guest_that_writes_for_ever_is_given_up_in_the_end(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"boot_seconds": 100_000})
    rental = world.rent()
    world.settle(10)
    node = node_of(world, rental)
    for minute in range(50):
        if world.look(rental).status is Status.BUILDING:
            node.write(rental.mark, f"kernel panic {minute}\n")
        a_minute_later(world)
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.NO_ANSWER)


@pytest.mark.parametrize("boot", [0, 600])
def test_a_build_slot_is_held_while_the_node_builds_not_while_the_guest_boots(
    make_world: Callable[..., World], boot: int
) -> None:
    world = make_world(nodes=1, fakes={"build_seconds": 10, "boot_seconds": boot}, max_builds=1)
    first, second = world.rent("web01"), world.rent("web02", JOON)
    world.settle(8)
    assert len(world.nodes["node1"].servers) == 1
    world.settle(14)
    assert len(world.nodes["node1"].servers) == 2
    world.clock.advance(seconds=boot)
    world.settle(20)
    assert [world.look(one).status for one in (first, second)] == [Status.READY] * 2


def test_a_password_server_is_ready_when_it_takes_passwords(world: World) -> None:
    rental = world.ready(access=Access.PASSWORD, password=PASSWORD)
    assert world.look(rental).public_key is None


@pytest.mark.parametrize(
    ("share", "alone", "wait"), [(0.5, True, POLL_BUILD), (0.9, True, POLL_DUE), (0.9, False, POLL_BUILD)]
)
def test_a_single_build_is_looked_at_more_often_as_it_nears_its_end(
    world: World, share: float, alone: bool, wait: timedelta
) -> None:
    """``share``: of the time that the last build there took."""
    rental = world.look(world.ready())
    held = rental.placement
    assert held and held.active_at and held.server_at
    held.server_at = world.clock() - (held.active_at - held.server_at) * share
    building = replace(node_of(world, rental).machines()[rental.mark], state=MachineState.BUILDING)
    assert world.reconciler.steps.boots.watch(Job(held, rental), building, alone=alone) == wait
