"""A rental from its form to its end, and everything a node may do in between."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.world import ADMIN, JOON, MINA, Inline, World

from kws_core.config import parse_config
from kws_core.database import queries
from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.forms import ssh_keys
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.pool import Pool
from kws_core.people import Actor
from kws_core.reconcile.reconciler import IDLE, REST
from kws_core.tables.details.events import Ended
from kws_core.tables.states import TRANSITIONS, Access, IllegalMoveError, PlacementState, Reason, Status


def test_a_rental_is_placed_built_and_ready(world: World) -> None:
    rental = world.rent()
    assert rental.status is Status.REQUESTED
    world.settle()
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert world.kinds(rental) == ["requested", "placed", "key_sent", "building", "ready"]
    assert rental.placement and rental.placement.floating_ip
    assert rental.host_keys and rental.host_keys[0].startswith("SHA256:")


def test_the_key_that_was_handed_over_is_the_one_in_the_user_data(world: World) -> None:
    rental = world.ready()
    assert rental.placement
    data = yaml.safe_load(world.nodes[rental.placement.node].user_data(rental.mark))
    assert data["users"][1]["ssh_authorized_keys"] == [rental.public_key] == world.keys[rental.id]
    assert data["users"][1]["name"] == "debian"


def test_no_server_is_made_before_the_key_is_delivered(world: World) -> None:
    rental = world.rent()
    for _ in range(5):
        world.reconciler.tick()
        world.clock.advance(seconds=1)
    node = world.nodes[world.look(rental).placements[0].node]
    assert "ensure_address" in node.calls
    assert "ensure_server" not in node.calls


def test_ones_own_key_needs_no_delivery(world: World) -> None:
    rental = world.rent(access=Access.OWN_KEY, public_key=ssh_keys.generate("me@laptop").public)
    for _ in range(5):
        world.reconciler.tick()
        world.clock.advance(seconds=1)
    assert world.look(rental).status is Status.READY
    assert world.keys == {}


def test_the_server_needs_only_the_port(world: World) -> None:
    """It's requested before the address is there; where no address comes, it goes with all the rest."""
    full, other = world.nodes.values()
    full.fail_next("ensure_address", NodeRefused(full.name, Refusal.NO_ADDRESS, "no address"), after=True)
    key = ssh_keys.generate("me@laptop").public
    rental = world.rent(access=Access.OWN_KEY, public_key=key, node=full.name, who=ADMIN)
    world.settle(1)
    assert full.calls.index("ensure_server") < full.calls.index("ensure_address")
    assert world.look(rental).reason is Reason.NO_NODE
    world.settle(120)
    assert (full.resources(), other.resources()) == ({}, {})
    assert world.look(rental).status is Status.ENDED


def test_ready_waits_until_the_machine_answers(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"build_seconds": 5, "boot_seconds": 60})
    rental = world.rent()
    world.settle(30)
    assert world.look(rental).status is Status.BUILDING
    world.settle(60)
    assert world.look(rental).status is Status.READY


def test_a_machine_that_never_answers_fails_after_the_deadline(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"boot_seconds": 10_000})
    rental = world.rent()
    world.settle()
    world.clock.advance(minutes=16)
    world.settle()
    assert world.look(rental).status is Status.BUILDING, "its console is looked at for two minutes more"
    world.settle(130)
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.NO_ANSWER)
    assert world.left() == {}


def test_a_return_leaves_nothing(world: World) -> None:
    rental = world.ready()
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.RETURNED)
    assert world.left() == {}


def test_a_return_is_finished_only_when_the_node_shows_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"delete_seconds": 40})
    rental = world.ready()
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(20)
    assert world.look(rental).status is Status.ENDING
    world.settle(60)
    assert world.look(rental).status is Status.ENDED
    assert world.left() == {}


def test_returning_twice_is_returning_once(world: World) -> None:
    rental = world.ready()
    world.rental_service.return_rental(MINA, rental.id)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    world.rental_service.return_rental(MINA, rental.id)
    assert world.kinds(rental).count("returned") == 1


@pytest.mark.parametrize("ticks", range(6))
def test_a_return_in_the_middle_of_a_build_wins(world: World, ticks: int) -> None:
    rental = world.rent()
    for _ in range(ticks):
        world.tick()
        world.clock.advance(milliseconds=300)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    assert world.look(rental).status is Status.ENDED
    assert world.left() == {}


def test_only_the_owner_and_admins_return_it(world: World) -> None:
    rental = world.ready()
    with pytest.raises(UserError) as caught:
        world.rental_service.return_rental(JOON, rental.id)
    assert caught.value.code == "rental_gone"
    world.rental_service.return_rental(ADMIN, rental.id)
    assert world.look(rental).reason is Reason.ADMIN


@pytest.mark.parametrize("refusal", [Refusal.QUOTA, Refusal.NO_HOST, Refusal.NO_ADDRESS, Refusal.INVALID])
@pytest.mark.parametrize("method", ["ensure_address", "ensure_server"])
def test_a_refusal_moves_on_and_says_so(world: World, method: str, refusal: Refusal) -> None:
    first = "node1"
    for node in world.nodes.values():
        node.fail_next(method, NodeRefused(node.name, refusal, "no"), times=1)
    world.nodes["node2"].faults.clear()
    rental = world.rent()
    if world.look(rental).placements[0].node != first:
        pytest.skip("placed elsewhere")
    world.settle()
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert rental.placement and rental.placement.node == "node2"
    moved = next(event for event in world.rental_queries.history(rental.id) if event.kind == "moved")
    assert moved.data == {"node": "node2", "refused": "node1", "refusal": refusal.value}
    assert set(world.left()) == {"node2"}
    assert [p.state for p in rental.placements] == [PlacementState.DELETED, PlacementState.ACTIVE]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["ensure_address", "ensure_server"])
def test_an_ambiguous_failure_moves_on_and_leaves_nothing_behind(
    world: World, method: str, after: bool
) -> None:
    node = world.nodes["node1"]
    node.fail_next(method, NodeDown("node1", Refusal.DOWN, "timeout"), after=after)
    rental = world.rent()
    world.settle(20)
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert rental.placement and rental.placement.node == "node2"
    assert set(world.left()) == {"node2"}
    assert len(world.keys[rental.id]) == 1


def test_a_machine_that_breaks_while_being_built_moves_on(world: World) -> None:
    world.nodes["node1"].break_next(Refusal.NO_HOST)
    rental = world.rent()
    world.settle(20)
    rental = world.look(rental)
    assert rental.placement and rental.placement.node == "node2"
    assert set(world.left()) == {"node2"}


def test_a_dead_node_keeps_what_is_there_until_it_comes_back(world: World) -> None:
    rental = world.ready()
    assert rental.placement
    node = world.nodes[rental.placement.node]
    node.go_down()
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(100)
    assert world.look(rental).status is Status.ENDING
    node.come_back()
    world.settle(30)
    assert world.look(rental).status is Status.ENDED
    assert world.left() == {}


def test_a_node_that_dies_in_the_middle_of_a_build_is_left(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"build_seconds": 20})
    rental = world.rent()
    world.settle(3)
    first = world.look(rental).placement
    assert first and first.server_id
    world.nodes[first.node].go_down()
    world.settle(120)
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert rental.placement and rental.placement.node != first.node
    world.nodes[first.node].come_back()
    world.settle(30)
    assert set(world.left()) == {rental.placement.node}


def test_when_every_node_refuses_it_ends_with_the_reason(world: World) -> None:
    for node in world.nodes.values():
        node.fail_next("ensure_server", NodeRefused(node.name, Refusal.QUOTA, "no"), times=5)
    rental = world.rent()
    world.settle()
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.NO_NODE)
    assert world.left() == {}


def test_with_one_node_a_silence_is_waited_out(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1)
    rental = world.rent()
    world.nodes["node1"].go_down()
    world.settle(20)
    assert world.look(rental).status is Status.BUILDING
    assert "waiting" in world.kinds(rental)
    world.nodes["node1"].come_back()
    world.settle(80)
    assert world.look(rental).status is Status.READY
    assert world.nodes["node1"].duplicates() == []


def test_a_machine_deleted_behind_our_back_ends_its_rental(world: World) -> None:
    rental = world.ready()
    assert rental.placement
    world.nodes[rental.placement.node].vanish(rental.mark)
    world.clock.advance(minutes=6)
    world.settle(30)
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.VANISHED)
    assert world.left() == {}


def test_a_foreign_resource_is_never_touched(world: World) -> None:
    world.nodes["node1"].plant("somebody-else")
    rental = world.ready()
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    assert set(world.left()["node1"]) == {"somebody-else"}


def test_at_most_max_builds_are_built_on_a_node_at_a_time(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1, fakes={"build_seconds": 10}, max_builds=2, max_rentals=9)
    for number in range(5):
        world.rent(f"web{number}")
    most = 0
    for _ in range(60):
        world.tick()
        world.clock.advance(seconds=1)
        states = [m.state.value for m in world.nodes["node1"].machines().values()]
        most = max(most, states.count("building"))
    assert most == 2
    assert {r.status for r in world.rental_queries.all_rentals()} == {Status.READY}


def test_builds_of_a_node_are_polled_with_one_list_call(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1, fakes={"build_seconds": 8}, max_builds=5, max_rentals=9)
    for number in range(5):
        world.rent(f"web{number}")
    node = world.nodes["node1"]
    for _ in range(4):
        world.tick()
        world.clock.advance(seconds=1)
    before = node.calls.count("new_servers")
    for _ in range(4):
        world.tick()
        world.clock.advance(seconds=1)
    assert 0 < node.calls.count("new_servers") - before <= 4


def test_while_servers_are_created_the_node_lists_no_others(make_world: Callable[..., World]) -> None:
    world = make_world(1, fakes={"build_seconds": 8})
    node, old = world.nodes["node1"], world.ready("old")
    world.clock.advance(minutes=1)
    world.tick()
    rentals = [world.rent(name, JOON) for name in ("a", "b")]
    world.settle(3)
    node.calls.clear()
    world.settle(4)
    assert node.calls.count("new_servers") >= 3
    assert "machines" not in node.calls
    world.settle(6)
    assert {world.look(rental).status for rental in (old, *rentals)} == {Status.READY}


def test_a_server_that_is_gone_while_it_is_created_fails(make_world: Callable[..., World]) -> None:
    world = make_world(1, fakes={"build_seconds": 8})
    rental, node = world.rent("a"), world.nodes["node1"]
    world.settle(4)
    node.servers.clear()  # deleted behind KWS's back
    world.settle(60)
    assert world.look(rental).reason is not None


def test_only_listed_moves_are_possible(world: World) -> None:
    rental = world.ready()
    with pytest.raises(IllegalMoveError):
        rental.move_to(Status.ENDED, world.clock(), event=Ended())
    assert TRANSITIONS[Status.ENDED] == frozenset()


def test_a_node_found_dead_at_the_start_costs_one_question(world: World) -> None:
    rental = world.rent()
    first = rental.placements[0].node
    world.nodes[first].go_down()
    world.settle()
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert rental.placement and rental.placement.node != first
    assert "ensure_address" not in world.nodes[first].calls


class Hanging(Inline):
    """Threads that never come back."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


class Late(Inline):
    """Does what it is given when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks.append(partial(fn, *args, **kwargs))
        return Future()

    def go_on(self) -> None:
        """All of it, in order."""
        while self.tasks:
            self.tasks.pop(0)()


def test_who_is_to_be_built_does_not_wait_for_the_list_of_the_node(make_world: Callable[..., World]) -> None:
    world, late = make_world(1), Late()
    node = world.nodes["node1"]
    first = world.rent("web01")
    world.settle(2)
    assert "ensure_server" in node.calls
    world.reconciler.executors = lambda node, sort: late if sort == "list" else Inline()
    node.calls.clear()
    world.clock.advance(seconds=5)
    world.tick()  # the first one waits for the list, which takes its time
    second = world.rent("web02")
    world.settle(3)
    assert "ensure_server" in node.calls
    assert "new_servers" not in node.calls
    world.clock.advance(seconds=5)
    world.tick()
    assert len(late.tasks) == 2
    late.go_on()
    assert node.calls.count("new_servers") == 1  # all who wait for the node's answer share it
    world.settle()
    late.go_on()
    assert {world.look(rental).status for rental in (first, second)} == {Status.READY}


def test_the_loop_is_woken_only_for_what_is_due_before_it_comes_round(world: World) -> None:
    rental = world.ready()
    world.settle(60)
    node = world.nodes[world.look(rental).placements[0].node]
    others = Late()  # what is asked of nodes besides may wake the loop as well
    world.reconciler.executors = lambda _, sort: Inline() if sort in ("round", "list", "work") else others
    for turned_off_meanwhile in (False, True):
        world.clock.advance(minutes=5)
        node.calls.clear()

        def look(kinds: Any, turned_off_meanwhile: bool = turned_off_meanwhile) -> Any:
            if turned_off_meanwhile:
                with world.store.write() as session:
                    queries.rental(session, rental.id).placements[0].next_check_at = world.clock()  # type: ignore[union-attr]
            world.context.work.clear()  # whatever the round before it did
            return FakeNode.machines(node, kinds)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(node, "machines", look)
            world.reconciler.tick()
        assert "machines" in node.calls
        assert world.context.work.is_set() is turned_off_meanwhile


def test_the_loop_waits_for_what_is_due_next_and_rests_in_between(world: World) -> None:
    world.settle(5)
    assert world.reconciler.tick() == IDLE
    rental = world.rent()
    world.reconciler.executors = lambda node, sort: Late()
    assert world.reconciler.tick() == REST  # more may fall due right behind what is claimed now
    for due_in in (50, 300, 5000):
        with world.store.write() as session:
            found = queries.rental(session, rental.id)
            assert found is not None
            found.placements[0].next_check_at = world.clock() + timedelta(milliseconds=due_in)
        wait = world.reconciler.tick()
        assert wait == min(IDLE, max(REST, timedelta(milliseconds=due_in)))


def test_what_falls_due_during_a_round_wakes_the_loop_at_its_end(world: World) -> None:
    late = Late()
    world.settle(2)
    world.reconciler.executors = lambda node, sort: late if sort == "round" else Inline()
    for due_again in (False, True):
        world.rent(f"web{due_again:d}")
        world.reconciler.tick()
        if due_again:
            world.reconciler.tick()
        world.reconciler.executors, work = lambda node, sort: late, world.context.work
        assert len(late.tasks) == 1
        work.clear()
        late.tasks.pop(0)()
        assert work.is_set() is due_again
        late.go_on()


def test_what_hangs_in_a_silent_node_is_built_elsewhere(world: World) -> None:
    rental = world.rent()
    first = rental.placements[0].node
    world.reconciler.executors = lambda node, sort: Hanging() if (node, sort) == (first, "work") else Inline()
    world.tick()
    world.nodes[first].go_down()
    world.settle(25)
    moved = world.look(rental)
    assert moved.status is Status.READY
    assert moved.placement and moved.placement.node != first
    world.nodes[first].come_back()
    world.restart()
    world.settle(5)
    assert world.left().keys() == {moved.placement.node}
    world.clock.advance(minutes=3)
    world.settle(5)
    assert [p.state for p in world.look(rental).placements] == [PlacementState.DELETED, PlacementState.ACTIVE]


def test_a_server_that_is_being_deleted_is_watched_by_the_shared_list(
    make_world: Callable[..., World],
) -> None:
    world = make_world(fakes={"delete_seconds": 8})
    rentals = [world.ready(name) for name in ("a", "b", "c")]
    for rental in rentals:
        world.rental_service.return_rental(MINA, rental.id)
    world.settle(25)
    assert world.left() == {}
    assert sum(node.calls.count("release") for node in world.nodes.values()) <= 3 * len(rentals)


def test_after_an_outage_a_machine_still_has_to_be_missing_twice(world: World) -> None:
    rental = world.ready()
    assert rental.placement
    node = world.nodes[rental.placement.node]
    node.go_down()
    world.clock.advance(minutes=6)
    world.settle(20)
    node.come_back()
    node.fail_next("ping", NodeDown(node.name, Refusal.DOWN, "still waking up"))
    real, node.machines = node.machines, dict  # type: ignore[method-assign,assignment]
    world.clock.advance(seconds=61)
    world.reconciler.tick()
    node.machines = real  # type: ignore[method-assign]
    world.settle(60)
    assert world.look(rental).status is Status.READY


def test_two_short_silences_far_apart_do_not_abandon_a_build(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"build_seconds": 100})
    rental = world.rent()
    world.settle(3)
    held = world.look(rental).placement
    assert held
    node = world.nodes[held.node]
    for _ in range(2):
        node.fail_next("machines", NodeDown(node.name, Refusal.DOWN, "a hiccup"))
        world.settle(46)
    world.settle(40)
    after = world.look(rental)
    assert after.status is Status.READY
    assert after.placement and after.placement.node == held.node
    assert len(after.placements) == 1


def test_what_a_node_does_long_after_it_was_asked_is_found(world: World) -> None:
    first = world.nodes["node1"]
    first.fail_next("ensure_server", NodeDown("node1", Refusal.DOWN, "timeout"))
    rental = world.rent()
    world.settle(10)
    assert world.look(rental).status is Status.READY
    assert "node1" not in world.left()
    first.plant(rental.mark)  # Nova gets round to it now
    world.clock.advance(minutes=3)
    world.settle(10)
    assert "node1" not in world.left()


def test_room_is_known_as_soon_as_something_is_gone(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1, max_rentals=9)
    node = world.nodes["node1"]
    node.size = node.size.__class__("n", 1, 65536, 200)
    world.clock.advance(minutes=2)
    world.tick()
    rental = world.ready("a")
    world.clock.advance(minutes=2)
    world.settle(2)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(6)
    assert world.rent("b")


def test_those_who_begin_together_ask_once_whether_the_node_is_there(world: World) -> None:
    node = world.nodes["node1"]
    world.settle(1)  # its first news, and the first heartbeat
    node.calls.clear()
    for name in ("one", "two", "three"):
        world.rent(name, ADMIN, node="node1")
    world.tick()
    assert node.calls.count("ensure_address") == 3
    assert node.calls.count("ping") == 1
    world.clock.advance(seconds=2)
    world.rent("later", Actor("U0ADMIN002", admin=True), node="node1")
    world.tick()
    assert node.calls.count("ensure_address") == 4
    assert node.calls.count("ping") == 2, "what it said two seconds ago does not count any more"


def test_many_that_are_deleted_at_once_are_looked_at_less_often_each(
    make_world: Callable[..., World],
) -> None:
    looks = {}
    for number in (1, 32):
        fakes = {"delete_seconds": 40, "addresses": 40}
        world = make_world(1, fakes, vcpus=32, ram_mb=65536, disk_gb=200, max_builds=32)
        people = [Actor(f"U0BENCH{n:04}") for n in range(number)]
        rentals = [world.rent(f"web{n}", who) for n, who in enumerate(people)]
        world.settle(60)
        for who, rental in zip(people, rentals, strict=True):
            world.rental_service.return_rental(who, rental.id)
        world.settle(30)
        looks[number] = max(world.look(rental).placements[0].tries for rental in rentals)
        world.settle(60)
        assert all(world.look(rental).status is Status.ENDED for rental in rentals)
        assert world.left() == {}
    assert looks[32] <= looks[1] / 2


def test_a_node_without_usable_credentials_is_down_and_rentals_move_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rental = world.rent()
    first = world.look(rental).placements[0].node
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(
        "clouds: {c: {auth: {auth_url: 'http://127.0.0.1:9', username: u, password: p, verify: false}}}"
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    toml = "[sizes]\ns = { vcpus = 1, ram_mb = 64, disk_gb = 1 }\n[[nodes]]\ncloud = 'c'\nvcpus = 1\nram_mb = 512\ndisk_gb = 5\n"
    pool = Pool(parse_config(f"{toml}name = '{first}'\n"), world.clock)
    world.nodes[first] = pool.nodes()[first]  # type: ignore[assignment]
    world.restart()
    world.settle()
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert rental.placement
    assert rental.placement.node != first
    assert rental.placements[0].refusal == Refusal.AUTH
    status = next(one for one in world.rental_queries.nodes() if one.room.node == first)
    assert not status.room.up
    assert f"{clouds}, line 1, entry 'c': auth has no option verify" in str(status.error)
    again = world.ready("web02")  # and nobody is sent there any more
    assert [one.node for one in again.placements] == [rental.placement.node]


@pytest.mark.parametrize("method", ["capacity", "images", "cidrs"])
def test_a_node_that_raises_what_nobody_expects_is_down(world: World, method: str) -> None:
    world.nodes["node1"].fail_next(method, TypeError("unexpected"), times=9)  # type: ignore[arg-type]
    world.reconciler.refresh_soon("node1")
    world.settle(2)
    status = next(one for one in world.rental_queries.nodes() if one.room.node == "node1")
    assert not status.room.up
    assert "TypeError" in str(status.error)
