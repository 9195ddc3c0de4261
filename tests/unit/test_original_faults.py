"""Faults 1-4, 7, 11 and 12 of the system that KWS replaces, those of its nights: each test bites on its fault.

The others are in test_faults_of_the_original_requests.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from harness.night_kit import lent, night, ready, status
from harness.openstack_stub import Answer, Stub
from harness.world import MINA, World

from kws_core.errors import NodeRefused, Refusal
from kws_core.nightly import cleanup
from kws_core.nodes import Node
from kws_core.nodes.fake.network import ADDRESS
from kws_core.rentals.admission import NEW_NETWORK
from kws_core.tables.details.events import Warned
from kws_core.tables.rental import Rental

MakeWorld = Callable[..., World]


def test_fault_01_a_dead_node_or_a_failed_delete_ends_all_later_nights(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'No try/except … out of the daemon thread, which dies silently.'"""
    dead, failing = lent(world, "dead", node="node1"), lent(world, "failing", node="node2")
    later = [lent(world, f"later{n}", n, node="node2") for n in (1, 2)]
    world.nodes["node1"].go_down()
    world.nodes["node2"].fail_next("release", NodeRefused("node2", Refusal.FAILED, "no"), times=2)
    night(world, 1)
    assert status(world, dead, failing) == ["ending", "ending"]
    with monkeypatch.context() as patch:
        patch.setattr(cleanup.job_ledger, "maybe_overdue", lambda session, day: 1 / 0)
        night(world)
    world.clock.advance(minutes=1)
    world.nightly.tick()
    world.settle()
    assert status(world, dead, failing, later[0]) == ["ending", "ended", "ended"]
    night(world)
    assert status(world, later[1]) == ["ended"]


def test_fault_02_a_failure_takes_back_the_deletions_before_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'All deletions share one DB transaction.'"""
    rentals = [lent(world, f"web{number}", -number) for number in (4, 3, 2, 1)]
    end = cleanup.end

    def fails(rental: Rental, *args: Any, **more: Any) -> None:
        end(rental, *args, **more)
        if rental.name == "web2":
            raise RuntimeError("the third of four")

    monkeypatch.setattr(cleanup, "end", fails)
    with suppress(RuntimeError):
        world.nightly.tick()
    assert status(world, *rentals) == ["ending", "ending", "ready", "ending"]


def test_fault_03_floating_ips_are_never_released_at_expiry(world: World, stub: Stub, node: Node) -> None:
    """'delete_server(server_ip=None) skips that branch.'"""
    rental = ready(world)
    assert rental.placement
    fake = world.nodes[rental.placement.node]
    drop = fake.network.drop
    fake.network.drop = lambda mark, *kinds: drop(mark, *set(kinds) - {ADDRESS})  # type: ignore[method-assign]
    night(world)
    assert fake.resources()[rental.mark].kinds() == ["floating_ip"]
    assert status(world, rental) == ["ending"]
    fake.network.drop = drop  # type: ignore[method-assign]
    world.settle()
    assert (status(world, rental), world.left()) == (["ended"], {})

    address = {"id": "a9", "floating_ip_address": "203.0.113.9", "description": "kws-1"}
    stub.on("GET", "/floatingips", Answer(200, {"floatingips": [address]}))
    node.release("kws-1")
    assert stub.count("DELETE", "/floatingips/a9") == 1


def test_fault_04_a_server_that_never_goes_is_waited_for_without_end(make_world: MakeWorld) -> None:
    """'A VM stuck in deleting blocks the job for ever, and a good one always costs 11 s and more.'"""
    world = make_world(nodes=1)
    stuck, good = ready(world, "stuck"), ready(world, "good")
    fake = world.nodes["node1"]
    gone = fake._pass_time
    kept = {i: one for i, one in fake.servers.items() if one.spec.mark == stuck.mark}

    def never_goes() -> None:
        gone()
        fake.servers.update({i: fake.servers.get(i, one) for i, one in kept.items()})
        assert fake.calls.count("release") < 50, "waited for"

    fake._pass_time = never_goes  # type: ignore[method-assign]
    world.midnight()
    fake.calls.clear()
    began = world.clock()
    world.nightly.tick()
    while status(world, good) != ["ended"]:
        world.settle(1)
        assert world.clock() - began < timedelta(seconds=4)
    assert status(world, stuck) == ["ending"]


def test_fault_07_a_missed_midnight_is_missed(world: World) -> None:
    """'schedule.every().day.at("00:00") has no catch-up; server-local time.'"""
    rental = lent(world)
    world.nightly.tick()
    world.midnight(2, hours=10, minutes=23)
    world.restart()
    world.nightly.tick()
    assert status(world, rental) == ["ending"]


def test_fault_11_custom_flavors_and_networks_leak(world: World, stub: Stub, node: Node) -> None:
    """'flavor_delete always sees one user left. On error the rollback deletes the shared custom flavor.'"""
    ours = {"id": "f9", "name": "kws-1c-512m-5g", "vcpus": 1, "ram": 512, "disk": 5}
    user = {"id": "s7", "status": "ACTIVE", "metadata": {}, "flavor": {"original_name": ours["name"]}}
    mine = {"id": "s1", "status": "ACTIVE", "metadata": {"kws_rental": "1"}, "flavor": user["flavor"]}
    for _ in range(3):
        stub.on("GET", "/flavors/detail", Answer(200, {"flavors": [ours]}))
    stub.on("GET", "/servers/detail", *[Answer(200, {"servers": [mine]})] * 2)
    node.release("kws-1")
    assert stub.count("DELETE", "/flavors/f9") == 0, "its server is still there"
    stub.orders["GET", "/servers/detail"].clear()
    stub.on("GET", "/servers/detail", *[Answer(200, {"servers": [user]})] * 2)
    node.release("kws-1")
    assert stub.count("DELETE", "/flavors/f9") == 0, "shared"
    node.release("kws-1")
    assert stub.count("DELETE", "/flavors/f9") == 1

    first, second = _in_one_network(world, "node1", "node1")
    night(world)
    assert status(world, first, second) == ["ended", "ready"]
    assert _networks(world) == ["node1"]
    night(world)
    assert (_networks(world), world.rental_service.offer(MINA).networks) == ([], [])


def _in_one_network(world: World, *nodes: str) -> list[Rental]:
    """Two rentals in a network of their owner's, of which the second lasts a day longer."""
    made: list[Rental] = []
    for days, name in enumerate(nodes):
        spare = [node for node in world.nodes if node != name]
        for other in spare:
            world.nodes[other].go_down()
        world.clock.advance(seconds=61)
        world.settle(1)
        new = {"network": NEW_NETWORK, "network_name": "mine", "cidr": "192.168.50.0/24"}
        made.append(
            ready(world, f"web{days}", ends_on=world.day(days), **(new if not made else _same(made[0])))
        )
        for other in spare:
            world.nodes[other].come_back()
        world.clock.advance(seconds=61)
        world.settle(1)
    assert {rental.network_id for rental in made} == {made[0].network_id}
    for rental in made[1:]:
        with world.store.write() as session:
            key = f"warned:{rental.ends_on}:1"
            session.merge(world.look(rental)).record(
                Warned(1, None), world.clock() - timedelta(hours=1), key=key
            )
    world.deliver_all()
    return made


def _same(rental: Rental) -> dict[str, Any]:
    return {"network": rental.network_id}


def _networks(world: World) -> list[str]:
    return [
        name for name, left in world.left().items() for found in left.values() if "network" in found.kinds()
    ]


def test_fault_12_a_network_is_deleted_on_one_node_alone(world: World) -> None:
    """'delete_network is sent to one node inside a loop over all nodes.'"""
    first, second = _in_one_network(world, "node1", "node2")
    assert sorted(_networks(world)) == ["node1", "node2"]
    night(world)
    assert (status(world, first), _networks(world)) == (["ended"], ["node2"])
    night(world)
    assert (status(world, second), world.left()) == (["ended"], {})
