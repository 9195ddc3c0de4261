"""A reset: a new disk, once for each request, whatever dies, refuses or comes in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from harness.world import MINA, World

from kws_core.copies.service import Copies
from kws_core.errors import ErrorCode, NodeDown, NodeRefused, Refusal, UserError
from kws_core.forms import ssh_keys
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.reconcile.rebuilder import TRIES
from kws_core.rentals import key_rotation, reset
from kws_core.reports.retention import forget
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, HostKeySource, Power, Status
from kws_core.values import Kind

MakeWorld = Callable[..., World]
DOWN = NodeDown("node1", Refusal.DOWN, "cable")
LONG = 90


def node_of(world: World, rental: Rental) -> FakeNode:
    held = world.look(rental).placement
    assert held
    return world.nodes[held.node]


def ask(world: World, rental: Rental, *, new_key: bool = False, who: Actor = MINA) -> Rental:
    now = world.look(rental)
    return reset.ask(world.context, who, rental.id, now.reset_number, now.name, new_key=new_key)


def assert_reset(world: World, rental: Rental, times: int = 1) -> None:
    """It is ready on a disk of its own, on its old address, and was rebuilt that often."""
    now, node = world.look(rental), node_of(world, rental)
    assert (now.status, now.power, now.reset_at, now.rekey) == (Status.READY, Power.ON, None, None)
    assert now.placement and now.placement.rebuild_at is None
    assert world.kinds(rental).count("reset_done") == times
    assert node.duplicates() == []
    if rental.kind is Kind.SERVER:
        assert len([mark for mark, _ in node.rebuilt if mark == rental.mark]) == times
    kinds = sorted(kind for kind, _ in node.resources()[rental.mark].items)
    assert kinds == sorted(["floating_ip", "port", "security_group", rental.kind.value])


def test_a_server_is_reset(make_world: MakeWorld) -> None:
    world = make_world(fakes={"build_seconds": 3, "boot_seconds": 4})
    rental = world.ready()
    world.settle(30)
    before, node = world.look(rental), node_of(world, rental)
    node.write(rental.mark, "a thesis\n")
    ask(world, rental)
    assert world.look(rental).power is Power.RESETTING
    world.settle(3)
    now = world.look(rental)
    assert (now.power, now.host_keys) == (Power.RESETTING, []), "nobody gets in yet"
    assert "thesis" not in node.console(Kind.SERVER, str(now.placement and now.placement.server_id), 40)
    world.settle(LONG)
    assert_reset(world, rental)
    now = world.look(rental)
    assert now.placement and before.placement
    assert now.placement.floating_ip == before.placement.floating_ip
    assert (now.ends_on, now.ready_at, now.public_key) == (before.ends_on, before.ready_at, before.public_key)
    assert now.host_keys and now.host_keys != before.host_keys
    assert now.host_keys_from is HostKeySource.CONSOLE
    assert node.opens(rental.mark, world.keys[rental.id][0])


def test_a_new_key_is_with_its_owner_before_the_disk_is_gone(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental, new_key=True)
    world.reconciler.tick()
    world.clock.advance(minutes=2)
    world.reconciler.tick()
    assert node.rebuilt == [], "it has not reached anybody yet"
    world.settle(LONG)
    assert_reset(world, rental)
    old, new = world.keys[rental.id]
    assert (node.opens(rental.mark, old), node.opens(rental.mark, new)) == (False, True)
    assert world.look(rental).public_key == new
    assert "put_key" not in node.calls and "act" not in node.calls, "it takes the key with its disk"


def test_after_a_key_reset_the_first_key_opens_nothing_either(world: World) -> None:
    rental = world.ready()
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(LONG)
    ask(world, rental)
    world.settle(LONG)
    assert_reset(world, rental)
    old, new = world.keys[rental.id]
    assert [node_of(world, rental).opens(rental.mark, key) for key in (old, new)] == [False, True]


@pytest.mark.parametrize("access", [Access.PASSWORD, Access.OWN_KEY])
def test_a_login_of_ones_own_is_kept(world: World, access: Access) -> None:
    own = ssh_keys.generate("laptop").public
    how = {"password": "correct-horse-Battery-7-staple"} if access is Access.PASSWORD else {"public_key": own}
    rental = world.ready(access=access, cloud_init="packages: [htop]", **how)
    before = node_of(world, rental).user_data(rental.mark)
    world.clock.advance(hours=2)
    forget(world.context)
    ask(world, rental, new_key=True)
    world.settle(LONG)
    assert_reset(world, rental)
    assert world.look(rental).access is access
    (server,) = node_of(world, rental).servers.values()
    assert getattr(server.spec, "user_data", "") == before, "what KWS has forgotten its node still knows"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_an_unanswered_call_rebuilds_once(world: World, after: bool, times: int) -> None:
    rental = world.ready()
    node_of(world, rental).fail_next("rebuild", DOWN, after=after, times=times)
    ask(world, rental)
    world.settle(120)
    assert_reset(world, rental)


@pytest.mark.parametrize("call", ["rebuild", "machines", "check_login", "host_keys"])
def test_a_restart_after_any_call_rebuilds_once(world: World, call: str) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental)
    for _ in range(30):
        before = node.calls.count(call)
        world.tick()
        if node.calls.count(call) > before:
            world.restart()
        world.clock.advance(seconds=2)
    assert_reset(world, rental)


@pytest.mark.parametrize("when", [1, 3, 5])
def test_a_node_that_dies_in_the_middle(make_world: MakeWorld, when: int) -> None:
    world = make_world(fakes={"build_seconds": 3, "boot_seconds": 2})
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental)
    world.settle(when)
    node.go_down(power=False)
    world.settle(120)
    assert world.look(rental).power is Power.RESETTING
    node.come_back()
    world.settle(240)
    assert_reset(world, rental)


def test_what_is_broken_by_it_is_rebuilt_again(world: World) -> None:
    rental = world.ready()
    for _ in range(TRIES - 1):
        node_of(world, rental).break_next()
    ask(world, rental)
    world.settle(LONG)
    now = world.look(rental)
    assert (now.power, now.reset_tries) == (Power.ON, 0)
    assert world.kinds(rental).count("reset_done") == 1


def test_what_is_broken_each_time_is_told_and_can_be_reset_again(world: World) -> None:
    rental = world.ready()
    for _ in range(TRIES):
        node_of(world, rental).break_next()
    ask(world, rental, new_key=True)
    world.settle(LONG)
    failed = world.last_event(rental)
    assert (failed.kind, failed.data["lost"]) == ("reset_failed", True)
    assert (world.look(rental).power, world.look(rental).rekey) == (Power.OFF, None)
    ask(world, rental)
    world.settle(LONG)
    assert world.look(rental).power is Power.ON
    assert node_of(world, rental).opens(rental.mark, world.keys[rental.id][-1])


@pytest.mark.parametrize("new_key", [False, True])
def test_a_node_that_refuses_leaves_everything_as_it_was(world: World, new_key: bool) -> None:
    rental = world.ready()
    world.settle(60)
    before, node = world.look(rental), node_of(world, rental)
    node.fail_next("rebuild", NodeRefused(node.name, Refusal.NO_IMAGE, "gone"))
    ask(world, rental, new_key=new_key)
    world.settle(LONG)
    now = world.look(rental)
    for field in ("public_key", "key_number", "access", "host_keys", "host_keys_from", "reset_at", "rekey"):
        assert getattr(now, field) == getattr(before, field), field
    assert (now.power, node.rebuilt) == (Power.ON, [])
    assert world.last_event(rental).data == {"node": node.name, "refusal": "no_image"}
    assert node.opens(rental.mark, world.keys[rental.id][0])


def test_not_now_is_tried_again(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("rebuild", NodeRefused(node.name, Refusal.INVALID, "powering-off"), times=3)
    ask(world, rental)
    world.settle(LONG)
    assert_reset(world, rental)


def test_one_that_is_stopped_is_started(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    held = world.look(rental).placement
    node.act(Kind.SERVER, str(held and held.server_id), MachineAction.STOP)
    world.settle(120)
    assert world.look(rental).power is Power.OFF
    ask(world, rental)
    world.settle(LONG)
    assert_reset(world, rental)


def test_a_return_in_the_middle_wins(make_world: MakeWorld) -> None:
    for seconds in (0, 1, 4):
        world = make_world(fakes={"build_seconds": 3, "boot_seconds": 2})
        rental = world.ready()
        ask(world, rental)
        world.settle(seconds)
        world.rental_service.return_rental(MINA, rental.id)
        world.settle(200)
        assert world.look(rental).status is Status.ENDED
        assert world.left() == {}


def test_a_copy_that_is_wanted_is_made_first(make_world: MakeWorld) -> None:
    world = make_world()
    rental = world.ready()
    node = node_of(world, rental)
    node.shelf.copy_time = timedelta(seconds=20)
    Copies(world.context).request(MINA, rental.id)
    ask(world, rental)
    world.settle(10)
    assert node.rebuilt == []
    world.settle(LONG)
    assert_reset(world, rental)
    kinds = world.kinds(rental)
    assert kinds.index("copy_kept") < kinds.index("reset_done")


def test_nothing_else_can_be_asked_for_meanwhile(world: World) -> None:
    rental = world.ready()
    ask(world, rental)
    for act in (
        lambda: key_rotation.ask(world.context, MINA, rental.id),
        lambda: Copies(world.context).request(MINA, rental.id),
        lambda: reset.terms(world.context, MINA, rental.id),
    ):
        with pytest.raises(UserError) as refused:
            act()
        assert refused.value.code == ErrorCode.RESET_UNDER_WAY


def test_a_container_is_made_again_from_what_its_node_knows(make_world: MakeWorld) -> None:
    world = make_world(fakes={"delete_seconds": 5})
    settings = {"command": "sleep 600", "environment": "COLOR=blue"}
    rental = world.ready(kind=Kind.CONTAINER, image="nginx:latest", **settings)
    before = world.look(rental)
    world.clock.advance(hours=2)
    forget(world.context)
    assert world.look(rental).command == []
    ask(world, rental)
    world.settle(2)
    assert forget(world.context) == 0, "as long as it is needed"
    world.settle(LONG)
    assert_reset(world, rental)
    now = world.look(rental)
    assert now.placement and before.placement
    assert now.placement.server_id != before.placement.server_id
    assert now.placement.floating_ip == before.placement.floating_ip
    (container,) = node_of(world, rental).servers.values()
    assert container.shown(world.clock(), node_of(world, rental).times).environment == {"COLOR": "blue"}
    assert tuple(container.spec.command) == ("sleep", "600")  # type: ignore[union-attr]
    forget(world.context)
    assert world.look(rental).environment == {}


def test_a_container_that_is_gone_for_a_while_is_not_given_up(make_world: MakeWorld) -> None:
    world = make_world(fakes={"delete_seconds": 120})
    rental = world.ready(kind=Kind.CONTAINER, image="nginx:latest")
    ask(world, rental)
    for _ in range(30):
        world.tick()
        world.clock.advance(seconds=10)
    assert_reset(world, rental)


def test_one_that_somebody_deletes_meanwhile_has_vanished(world: World) -> None:
    rental = world.ready()
    ask(world, rental)
    node_of(world, rental).vanish(rental.mark)
    world.settle(120)
    assert world.look(rental).status is Status.ENDED
    assert "vanished" in world.kinds(rental)
