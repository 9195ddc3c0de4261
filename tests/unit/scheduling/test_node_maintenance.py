"""Nodes out of service and back; what the admins are told of nodes; the trail of acts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from harness.world import ADMIN, JOON, MINA, World, make_config

from kws_core.errors import FormError, UserError
from kws_core.reconcile.reconciler import Reconciler
from kws_core.reports.audit import Audit
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status


def told(world: World, rental: Rental) -> list[dict[str, str]]:
    events = world.rental_queries.history(rental.id)
    return [event.data for event in events if event.kind is EventKind.NODE_DRAINED]


def test_a_drained_node_gets_nothing_and_keeps_what_it_has(world: World) -> None:
    fleet = NodeMaintenance(world.context)
    first = world.ready("first")
    assert first.placement
    node = first.placement.node
    other = "node2" if node == "node1" else "node1"
    fleet.drain(ADMIN, node, where="cli")
    for number in range(2):
        rental = world.ready(f"later{number}", JOON if number % 2 else MINA, ends_on=world.day(3))
        assert rental.placement
        assert rental.placement.node == other
    assert world.look(first).status is Status.READY
    assert told(world, first) == []
    assert fleet.undrain(ADMIN, node, where="cli")
    assert not fleet.undrain(ADMIN, node, where="cli")
    again = world.ready("again", JOON)
    assert again.placement
    assert again.placement.node == node


def test_nothing_moves_to_a_drained_node(world: World) -> None:
    NodeMaintenance(world.context).drain(ADMIN, "node2", where="cli")
    rental = world.rent()
    assert rental.placement
    assert rental.placement.node == "node1"
    world.nodes["node1"].go_down()
    world.clock.advance(seconds=10)
    world.settle(20)
    assert {p.node for p in world.look(rental).placements} == {"node1"}


def test_when_all_are_drained_a_request_says_so(world: World) -> None:
    for node in world.nodes:
        NodeMaintenance(world.context).drain(ADMIN, node, where="cli")
    with pytest.raises(FormError) as refused:
        world.rent()
    assert "no_node" in str(refused.value.fields)


def test_the_people_on_it_are_told_once_per_drain_and_date(world: World) -> None:
    fleet = NodeMaintenance(world.context)
    mine, joons = world.ready("mine"), world.ready("joons", JOON)
    assert mine.placement
    assert joons.placement
    assert mine.placement.node != joons.placement.node
    node = mine.placement.node
    day = world.day(3)
    assert fleet.drain(ADMIN, node, tell=True, until=day, reason="new disk", where="form") == 1
    assert fleet.drain(ADMIN, node, tell=True, until=day, reason="new disk", where="form") == 0
    expected = {"node": node, "until": day.isoformat(), "reason": "new disk", "via": "form"}
    assert told(world, mine) == [expected]
    assert told(world, joons) == []
    assert fleet.drain(ADMIN, node, tell=True, until=world.day(5), where="form") == 1
    fleet.undrain(ADMIN, node, where="form")
    world.clock.advance(minutes=1)
    assert fleet.drain(ADMIN, node, tell=True, until=day, where="form") == 1, "another drain"
    assert len(told(world, mine)) == 3


def test_who_may_and_what_is_refused(world: World) -> None:
    fleet = NodeMaintenance(world.context)
    with pytest.raises(UserError, match="admins_only"):
        fleet.drain(MINA, "node1", where="command")
    with pytest.raises(UserError, match="admins_only"):
        fleet.undrain(MINA, "node1", where="command")
    for typed, code in (("nod2", "word_near"), ("gpu", "word_unknown")):
        for act in (fleet.check_name, lambda name: fleet.drain(ADMIN, name, where="command")):
            with pytest.raises(UserError, match=code):
                act(typed)
    with pytest.raises(FormError) as without:
        fleet.drain(ADMIN, "node1", tell=True, where="form")
    assert without.value.fields["until"].code == "drain_day_missing"
    with pytest.raises(FormError) as wrong:
        fleet.drain(ADMIN, "node1", tell=True, until=world.day(-1), reason="x" * 201, where="form")
    assert set(wrong.value.fields) == {"until", "reason"}
    assert not any(status.room.drained for status in world.rental_queries.nodes())
    assert Audit(world.context).trail() == []


# -- silence


def test_down_is_told_once_and_so_is_back(world: World) -> None:
    world.nodes["node1"].go_down()
    world.clock.advance(seconds=61)
    world.tick()
    assert world.notices("node_down") == [], "silent for no time yet"
    for _ in range(30):
        world.clock.advance(seconds=5)
        world.tick()
    (down,) = world.notices("node_down")
    assert (down["node"], down["why"]) == ("node1", "down")
    assert world.notices("node_up") == []
    world.nodes["node1"].come_back()
    for _ in range(20):
        world.clock.advance(seconds=5)
        world.tick()
    (up,) = world.notices("node_up")
    assert up["since"] == down["since"]
    (first, _) = world.rental_queries.nodes()
    assert first.room.up
    assert first.error is None
    assert "switched off" in str(first.last_error)
    assert first.up_since is not None
    assert first.up_since.isoformat() == up["at"]


def test_a_blink_is_not_told(world: World) -> None:
    world.nodes["node1"].go_down()
    for _ in range(9):
        world.clock.advance(seconds=5)
        world.tick()
    world.nodes["node1"].come_back()
    for _ in range(30):
        world.clock.advance(seconds=5)
        world.tick()
    assert world.notices("node_down") == world.notices("node_up") == []


def test_two_replicas_tell_once(world: World) -> None:
    other = Reconciler(world.context, world.nodes, world.reconciler.executors)
    world.nodes["node1"].go_down()
    for number in range(25):
        world.clock.advance(seconds=5)
        (other if number % 2 else world.reconciler).tick()
    assert len(world.notices("node_down")) == 1
    world.nodes["node1"].come_back()
    for number in range(25):
        world.clock.advance(seconds=5)
        (other if number % 2 else world.reconciler).tick()
    assert len(world.notices("node_up")) == 1


def test_latency_is_remembered(world: World) -> None:
    world.clock.advance(seconds=11)
    world.tick()
    (first, _) = world.rental_queries.nodes()
    assert first.latency_ms is not None
    assert 0 <= first.latency_ms < 1000
    assert first.reached_at == world.clock()


# -- not in nodes.toml


def test_a_node_that_was_taken_out_of_the_file_is_told_once(make_world: Callable[..., World]) -> None:
    world = make_world()
    rental = world.ready()
    assert rental.placement
    gone = rental.placement.node
    assert gone == "node1"
    whole, world.config = world.config, make_config(2)
    world.config = world.config.model_copy(update={"nodes": world.config.nodes[1:]})
    for _ in range(3):
        world.restart()
        world.clock.advance(minutes=5)
    assert world.notices("node_missed") == [{"node": "node1", "rentals": 1}]
    assert world.rental_queries.missed()["node1"].vcpus == 1
    with pytest.raises(UserError, match="node_missed"):
        NodeMaintenance(world.context).drain(ADMIN, "node1", where="cli")
    assert [status.room.node for status in world.rental_queries.nodes()] == ["node2"]
    assert world.look(rental).status is Status.READY
    world.config = whole
    world.restart()
    assert world.rental_queries.missed() == {}
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    assert world.left() == {}
    assert len(world.notices("node_missed")) == 1


# -- the trail


def test_who_what_when_from_where(world: World) -> None:
    rental = world.ready()
    begun = world.clock()
    world.clock.advance(minutes=1)
    NodeMaintenance(world.context).drain(ADMIN, "node1", where="cli", reason="new disk")
    world.clock.advance(minutes=1)
    world.rental_service.return_rental(MINA, rental.id, via="card")
    audit = Audit(world.context)
    everything = audit.trail()
    assert [line.at for line in everything] == sorted(line.at for line in everything)
    acts = [(line.actor, line.what, line.where) for line in everything if line.at > begun]
    assert acts == [(ADMIN.id, "drain", "cli"), (MINA.id, "returned", "card")]
    drain = next(line for line in everything if line.what == "drain")
    assert drain.data == {"node": "node1", "reason": "new disk", "told": 0}
    assert [line.what for line in audit.trail(rental="web01")] == [
        line.what for line in audit.trail(rental=rental.id)
    ]
    assert "drain" not in [line.what for line in audit.trail(rental="web01")]
    assert [line.what for line in audit.trail(person=ADMIN.id)] == ["drain"]
    assert [line.what for line in audit.trail(since=begun + timedelta(seconds=90))] == ["returned"]
    assert [line.what for line in audit.trail(limit=2)] == ["drain", "returned"]
    assert audit.trail(rental="nobody") == []
