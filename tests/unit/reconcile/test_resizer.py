"""Another size in place: the same server and address, confirmed when its owner gets in, whatever dies or comes between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.carrying import CarryingLab
from harness.world import ADMIN, JOON, MINA, Inline, World

from kws_core.copies import lifecycle
from kws_core.copies.service import Copies
from kws_core.errors import ErrorCode, NodeDown, NodeRefused, Refusal, UserError
from kws_core.moves import in_place
from kws_core.moves.service import Moves
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction, MachineState, Resize
from kws_core.rentals import key_rotation, reset
from kws_core.rentals.admission import NEW_NETWORK
from kws_core.rentals.extension import Extensions
from kws_core.rentals.machine_actions import Operations
from kws_core.scheduling import capacity
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import ResizeBrokeAlert
from kws_core.tables.details.events import ResizeDone, ResizeFailed
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Power, Status
from kws_core.values import Kind, ResizeEnd, Size

MakeWorld = Callable[..., World]
MEDIUM, LARGE, HUGE = Size("medium", 1, 1024, 10), Size("large", 2, 2048, 20), Size("huge", 8, 8192, 20)
DOWN = NodeDown("node1", Refusal.DOWN, "cable")
LONG = 90
SLOW = {"resize_seconds": 5, "boot_seconds": 10}


def node_of(world: World, rental: Rental) -> FakeNode:
    held = world.look(rental).placement
    assert held
    return world.nodes[held.node]


def held(world: World, rental: Rental) -> Placement:
    found = world.look(rental).placement
    assert found
    return found


def ask(world: World, rental: Rental, size: Size = LARGE) -> None:
    Moves(world.context).start(MINA, rental.id, size=size, via="form")


def failures(world: World, rental: Rental) -> list[tuple[str, str]]:
    history = world.rental_queries.history(rental.id)
    told = [event.details for event in history if event.kind is EventKind.RESIZE_FAILED]
    return [(one.why, one.outcome) for one in told if isinstance(one, ResizeFailed)]


def ends(node: FakeNode) -> list[ResizeEnd]:
    return [one for _, one in node.resized if isinstance(one, ResizeEnd)]


def machine(world: World, rental: Rental) -> tuple[str, Size, MachineState]:
    shown = node_of(world, rental).machines()[rental.mark]
    assert shown.size
    return shown.id, replace(shown.size, name=""), shown.state


def figures(size: Size) -> Size:
    return replace(size, name="")


def assert_resized(world: World, rental: Rental, size: Size = LARGE, power: Power = Power.ON) -> None:
    """It has that size in the rows and on the node, on its old address, and was asked for it once."""
    now, node = world.look(rental), node_of(world, rental)
    assert (now.status, now.power, now.wanted_size) == (Status.READY, power, size)
    assert (now.resizing, now.replaced_by) == (False, None)
    assert node.resized == [(rental.mark, size), (rental.mark, ResizeEnd.CONFIRM)]
    assert machine(world, rental)[1] == figures(size)
    assert world.kinds(rental).count("resize_done") == 1
    assert failures(world, rental) == []
    assert lent(world, rental) == (size.vcpus, size.ram_mb, size.disk_gb)


def status(world: World, rental: Rental) -> capacity.NodeStatus:
    with world.store.read() as session:
        every = capacity.statuses(session, world.context.config)
    return next(one for one in every if one.room.node == held(world, rental).node)


def lent(world: World, rental: Rental) -> tuple[int, int, int]:
    now = status(world, rental).lent
    return now.vcpus, now.ram_mb, now.disk_gb


def test_a_server_gets_another_size_where_it_is(make_world: MakeWorld) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    before, node = held(world, rental), node_of(world, rental)
    world.settle(30)
    ask(world, rental)
    assert world.look(rental).power is Power.RESIZING
    assert lent(world, rental) == (3, 2560, 25), "both sizes are held"
    world.settle(2)
    assert machine(world, rental)[1] == Size("", 1, 512, 5), "it is on its way"
    world.settle(6)
    assert (machine(world, rental)[1], ends(node)) == (figures(LARGE), []), "nobody gets in yet"
    assert world.look(rental).size == "small"
    world.settle(LONG)
    assert_resized(world, rental)
    now, after = world.look(rental), held(world, rental)
    assert (after.server_id, after.floating_ip) == (before.server_id, before.floating_ip)
    assert (now.public_key, now.host_keys, now.ends_on) == (
        rental.public_key,
        now.host_keys,
        rental.ends_on,
    )
    assert node.opens(rental.mark, world.keys[rental.id][0])
    assert world.last_event(rental).details == ResizeDone(node.name, "large", "small", 1, 512, 5)
    assert "tidy" in node.calls, "the flavor that it had goes with its last server"
    assert world.left().keys() == {node.name}


def test_a_server_that_is_stopped_stays_so(make_world: MakeWorld) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    Operations(world.context, world.nodes, lambda *_: Inline()).act(
        MINA, rental.id, MachineAction.STOP, lambda _: None
    )
    world.settle(60)
    assert world.look(rental).power is Power.OFF
    ask(world, rental)
    world.settle(LONG)
    assert_resized(world, rental, power=Power.OFF)
    assert machine(world, rental)[2] is MachineState.STOPPED
    assert "check_login" not in node_of(world, rental).calls[-30:], "nobody waits for it"


def test_the_old_size_comes_back_when_nobody_gets_in(make_world: MakeWorld) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    node = node_of(world, rental)
    node.times = replace(node.times, boot=timedelta(days=1))
    ask(world, rental)
    world.settle(30)
    assert (world.look(rental).power, ends(node)) == (Power.RESIZING, [])
    world.clock.advance(hours=2)
    world.settle(3)
    assert ends(node) == [ResizeEnd.REVERT]
    node.times = replace(node.times, boot=timedelta(seconds=10))
    world.settle(8)
    assert world.look(rental).power is Power.STARTING, "the card says that it runs when it does"
    world.settle(LONG)
    now = world.look(rental)
    assert (now.status, now.power, now.size, now.resizing) == (Status.READY, Power.ON, "small", False)
    assert machine(world, rental)[1:] == (Size("", 1, 512, 5), MachineState.ACTIVE)
    assert failures(world, rental) == [(in_place.NO_LOGIN, in_place.AGAIN)]
    assert lent(world, rental) == (1, 512, 5)
    assert ends(node) == [ResizeEnd.REVERT]


@pytest.mark.parametrize("decided", [None, ResizeEnd.REVERT])
def test_what_somebody_confirmed_is_never_reverted(make_world: MakeWorld, decided: ResizeEnd | None) -> None:
    """Nova does so by itself after resize_confirm_window."""
    world = make_world(fakes=SLOW)
    rental = world.ready()
    node = node_of(world, rental)
    node.times = replace(node.times, boot=timedelta(hours=1))
    ask(world, rental)
    world.settle(20)
    if decided:
        with world.store.write() as session:
            session.get_one(Placement, held(world, rental).id).resize_end = decided
    node.act(Kind.SERVER, held(world, rental).server_id or "", ResizeEnd.CONFIRM)
    world.settle(5)
    assert (world.look(rental).size, world.look(rental).power) == ("large", Power.STARTING)
    world.clock.advance(hours=2)
    world.settle(LONG)
    assert_resized(world, rental)


def test_somebody_reverts_it_on_the_node(make_world: MakeWorld) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    ask(world, rental)
    world.settle(8)
    node_of(world, rental).act(Kind.SERVER, held(world, rental).server_id or "", ResizeEnd.REVERT)
    world.settle(LONG)
    assert failures(world, rental) == [(in_place.UNDONE, in_place.AGAIN)]
    now = world.look(rental)
    assert (now.size, now.power, now.resizing) == ("small", Power.ON, False)


def fell_back(lab: CarryingLab, rental: Rental, why: str) -> Rental:
    """It got the size through a copy, with nothing to type again."""
    lab.settle(150)
    world = lab.world
    assert failures(world, rental) == [(why, in_place.COPY)]
    assert world.look(rental).status is Status.ENDED
    new = world.rental_queries.rental(ADMIN, world.look(rental).replaced_by or "")
    assert (new.status, new.size, new.name) == (Status.READY, "large", rental.name)
    return new


@pytest.mark.parametrize("seconds", [0, 5])
def test_a_node_that_cannot_do_it_after_all_has_it_done_through_a_copy(
    make_world: MakeWorld, seconds: int
) -> None:
    """Nova answers yes, and finds no host later; the server runs meanwhile."""
    lab = CarryingLab(make_world(fakes={"resize_seconds": seconds}))
    world = lab.world
    rental = world.ready()
    node = node_of(world, rental)
    node.resizes = False
    ask(world, rental)
    new = fell_back(lab, rental, Refusal.NO_HOST)
    assert node.resized == [(rental.mark, LARGE)]
    with world.store.read() as session:
        assert session.get_one(NodeRecord, node.name).no_resize_at is not None
    with world.store.write() as session:
        for name in world.nodes:
            capacity.record_of(session, name).no_resize_at = world.clock()
    assert not Moves(world.context).terms(MINA, new.id, Size("slim", 1, 512, 20)).in_place, "it is known"


@pytest.mark.parametrize("why", [Refusal.NO_HOST, Refusal.QUOTA, Refusal.AUTH, Refusal.MISSING])
def test_a_node_that_refuses_has_it_done_through_a_copy(world: World, why: Refusal) -> None:
    lab = CarryingLab(world)
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("resize", NodeRefused(node.name, why, "no"))
    ask(world, rental)
    fell_back(lab, rental, why)
    with world.store.read() as session:
        remembered = session.get_one(NodeRecord, node.name).no_resize_at is not None
    assert remembered is (why is not Refusal.QUOTA), "that may be another time"


def test_a_node_that_is_busy_is_asked_again(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("resize", NodeRefused(node.name, Refusal.INVALID, "409"), times=3)
    ask(world, rental)
    world.settle(LONG)
    assert_resized(world, rental)


def test_a_node_that_is_busy_for_long_has_it_done_through_a_copy(world: World) -> None:
    lab = CarryingLab(world)
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("resize", NodeRefused(node.name, Refusal.INVALID, "locked"), times=100)
    ask(world, rental)
    lab.settle(90)
    fell_back(lab, rental, Refusal.INVALID)


def test_where_no_copy_is_possible_either_nothing_changes(make_world: MakeWorld) -> None:
    world = make_world(nodes=1, policy="copy_floor_gb = 500")
    rental = world.ready()
    node_of(world, rental).resizes = False
    ask(world, rental)
    world.settle(LONG)
    assert failures(world, rental) == [(ErrorCode.COPY_NO_ROOM, in_place.STAYS)]
    now = world.look(rental)
    assert (now.status, now.power, now.size, now.moving) == (Status.READY, Power.ON, "small", False)
    with pytest.raises(UserError) as error:
        Moves(world.context).start(MINA, rental.id, size=LARGE)
    assert error.value.code is ErrorCode.COPY_NO_ROOM
    world.clock.advance(days=2)
    world.settle(LONG)
    node_of(world, rental).resizes = True
    node_of(world, rental).resized.clear()
    assert Moves(world.context).terms(MINA, rental.id, LARGE).in_place, "it may have been set up meanwhile"


@pytest.mark.parametrize("new", [False, True])
def test_a_server_that_its_node_breaks(make_world: MakeWorld, new: bool) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental)
    world.settle(2)
    (server,) = node.servers.values()
    broken = replace(server, spoiled=Refusal.FAILED, resize_at=None)
    if not new:
        broken = replace(broken, spec=replace(server.spec, size=server.before), before=None)  # type: ignore[type-var,arg-type]
    node.servers[server.id] = broken
    world.settle(LONG)
    now = world.look(rental)
    assert (now.status, now.power, now.resizing) == (Status.READY, Power.OFF, False)
    assert now.size == ("large" if new else "small"), "as its node shows it"
    assert failures(world, rental) == [(Refusal.FAILED, in_place.BROKEN)]
    assert ends(node) == [], "nothing that KWS does mends that"
    with world.store.read() as session:
        (alert,) = session.query(AdminAlert).all()
    wanted = ResizeBrokeAlert(rental.id, "web01", MINA.id, node.name, Refusal.FAILED)
    assert alert.details == wanted
    reset.ask(world.context, MINA, rental.id, now.reset_number, "web01")
    world.settle(LONG)
    assert world.look(rental).power is Power.ON, "a reset helps"


@pytest.mark.parametrize("method", ["resize", "confirm"])
@pytest.mark.parametrize("after", [True, False])
def test_an_answer_that_is_lost_does_nothing_twice(make_world: MakeWorld, method: str, after: bool) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    node_of(world, rental).fail_next(method, DOWN, after=after)
    ask(world, rental)
    world.settle(LONG * 2)
    assert_resized(world, rental)


@pytest.mark.parametrize("seconds", [0, 2, 4, 8, 12, 14, 16, 18])
def test_the_process_dies_at_any_time(make_world: MakeWorld, seconds: int) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    world.settle(30)
    ask(world, rental)
    world.settle(seconds)
    world.restart()
    world.settle(LONG)
    assert_resized(world, rental)


@pytest.mark.parametrize("seconds", [0, 3, 8, 16, 40])
def test_it_is_returned_in_the_middle(make_world: MakeWorld, seconds: int) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental)
    world.settle(seconds)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(LONG)
    assert world.look(rental).status is Status.ENDED
    assert world.left() == {}
    with world.store.read() as session:
        assert all(not one.lent.rentals for one in capacity.statuses(session, world.context.config))
    assert node.capacity().used_vcpus == 0


def test_it_is_extended_in_the_middle_and_nobody_else_acts_on_it(make_world: MakeWorld) -> None:
    world = make_world(fakes={"resize_seconds": 60})
    rental = world.ready()
    ask(world, rental)
    ask(world, rental)  # the second click changes nothing
    world.settle(3)
    Extensions(world.context).extend(MINA, rental.id, world.day(20), via="card")
    operations = Operations(world.context, world.nodes, lambda *_: Inline())
    for act in (
        lambda: key_rotation.ask(world.context, MINA, rental.id),
        lambda: reset.ask(world.context, MINA, rental.id, 0, "web01"),
        lambda: Copies(world.context).request(MINA, rental.id),
        lambda: Extensions(world.context).transfer(ADMIN, rental.id, JOON.id),
        lambda: Moves(world.context).start(MINA, rental.id),
        lambda: Moves(world.context).sizes(MINA, rental.id),
        lambda: operations.act(MINA, rental.id, MachineAction.REBOOT, lambda _: None),
    ):
        with pytest.raises(UserError) as error:
            act()
        assert error.value.code is ErrorCode.RESIZING
    world.settle(LONG)
    assert_resized(world, rental)
    assert world.look(rental).ends_on == world.day(20)


def test_its_last_day_ends_in_the_middle(make_world: MakeWorld) -> None:
    world = make_world(fakes={"resize_seconds": 600}, policy="grace_hours = 24")
    rental = world.ready(ends_on=world.day(3))
    world.midnight(2, hours=10)
    world.nightly.tick()
    world.deliver_all()
    world.midnight(2, minutes=-2)
    world.settle()
    ask(world, rental)
    world.settle(20)
    world.midnight(1)
    world.nightly.tick()
    world.settle(10)
    assert (world.look(rental).status, world.look(rental).resizing) == (Status.STOPPED, True)
    world.clock.advance(minutes=10)
    world.settle(LONG * 2)
    now = world.look(rental)
    assert (now.status, now.size, now.resizing) == (Status.STOPPED, "large", False)
    assert machine(world, rental)[2] is MachineState.STOPPED


def test_a_copy_at_the_end_waits_until_its_size_is_settled(make_world: MakeWorld) -> None:
    lab = CarryingLab(make_world(fakes={"resize_seconds": 60}))
    world = lab.world
    rental = world.ready()
    ask(world, rental)
    with world.store.write() as session:
        fresh = session.get_one(Rental, rental.id)
        session.add(lifecycle.begin(fresh, world.clock(), world.day(30)))
    node = node_of(world, rental)
    world.settle(50)
    assert "image_copy" not in node.calls
    world.settle(LONG)
    assert_resized(world, rental)
    assert "copy_kept" in world.kinds(rental)


def test_a_copy_at_the_end_is_not_kept_from_its_server_by_another_one(make_world: MakeWorld) -> None:
    """The node can't after all, and one disk is not copied for two purposes at once."""
    world = make_world(fakes={"resize_seconds": 10})
    rental = world.ready()
    node_of(world, rental).resizes = False
    ask(world, rental)
    with world.store.write() as session:
        fresh = session.get_one(Rental, rental.id)
        session.add(lifecycle.begin(fresh, world.clock(), world.day(30)))
    world.settle(LONG)
    assert failures(world, rental) == [(ErrorCode.COPY_UNDER_WAY, in_place.STAYS)]
    assert "copy_kept" in world.kinds(rental)
    assert (world.look(rental).size, world.look(rental).power) == ("small", Power.ON)


def test_one_that_is_restored_in_the_middle_is_waited_for(make_world: MakeWorld) -> None:
    world = make_world(fakes={"resize_seconds": 300, "boot_seconds": 10}, policy="grace_hours = 24")
    rental = world.ready(ends_on=world.day(3))
    world.midnight(2, hours=10)
    world.nightly.tick()
    world.deliver_all()
    world.midnight(2, minutes=-2)
    world.settle()
    ask(world, rental)
    world.settle(20)
    world.midnight(1)
    world.nightly.tick()
    world.settle(5)
    assert world.look(rental).status is Status.STOPPED
    Extensions(world.context).restore(MINA, rental.id)
    node = node_of(world, rental)
    node.times = replace(node.times, boot=timedelta(days=1))
    world.settle(400)
    assert ends(node) == [], "nobody has got in yet"
    node.times = replace(node.times, boot=timedelta(0))
    world.settle(LONG)
    assert_resized(world, rental)


def test_the_node_goes_away_in_the_middle(make_world: MakeWorld) -> None:
    world = make_world(fakes=SLOW)
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental)
    world.settle(3)
    node.go_down()
    world.settle(120)
    assert world.look(rental).power is Power.RESIZING
    node.come_back()
    world.settle(LONG * 2)
    assert_resized(world, rental)


def test_room_is_held_for_both_sizes_and_nobody_gets_it_twice(make_world: MakeWorld) -> None:
    world = make_world(nodes=1, vcpus=4, ram_mb=4096, fakes={"resize_seconds": 60})
    rental = world.ready()
    ask(world, rental)
    with world.store.read() as session:
        (room,) = capacity.rooms(session, world.context.config)
    assert (room.free_vcpus, room.free_ram_mb) == (1, 1536)
    world.settle(100)
    assert_resized(world, rental)
    world.settle(70)
    with world.store.read() as session:
        (room,) = capacity.rooms(session, world.context.config)
    assert (room.free_vcpus, room.free_ram_mb) == (2, 2048)


def test_what_a_node_has_not_counted_yet_is_not_given_away(make_world: MakeWorld) -> None:
    """It measures less than nodes.toml says, and said so last before the server grew."""
    world = make_world(nodes=1)
    rental = world.ready()
    node = node_of(world, rental)
    node.size = Size("node1", 4, 65536, 200)
    before = None
    while before is None or before.measured.vcpus != 4 or before.measured.used_vcpus != 1:  # type: ignore[union-attr]
        world.settle(1)
        before = status(world, rental)
    ask(world, rental)
    for _ in range(20):
        now = status(world, rental)
        assert now.measured == before.measured
        assert now.room.free_vcpus <= 2, "of four the server has, or is to get, two"
        world.settle(1)
    assert_resized(world, rental)


def test_a_full_node_has_it_done_through_a_copy(make_world: MakeWorld) -> None:
    world = make_world(nodes=2, vcpus=2)
    rental = world.ready()
    terms = Moves(world.context).terms(MINA, rental.id, LARGE)
    assert (terms.in_place, terms.target != terms.source) == (False, True)
    assert Moves(world.context).terms(MINA, rental.id, MEDIUM).in_place
    choice = Moves(world.context).sizes(MINA, rental.id)
    assert ([size.name for size in choice.sizes], choice.in_place) == (
        ["medium", "large", "huge"],
        {"medium"},
    )


def test_a_node_in_maintenance_gives_no_size_in_place(world: World) -> None:
    rental = world.ready()
    with world.store.write() as session:
        capacity.record_of(session, held(world, rental).node).drained = True
    terms = Moves(world.context).terms(MINA, rental.id, LARGE)
    assert (terms.in_place, terms.target != terms.source) == (False, True)


def test_neighbors_in_a_network_are_not_left_behind(make_world: MakeWorld) -> None:
    world = make_world(nodes=1)
    rental = world.ready("web01", network=NEW_NETWORK, network_name="mine", cidr="10.9.0.0/24")
    world.ready("web02", network=rental.network_id)
    ask(world, rental, MEDIUM)
    world.settle(LONG)
    now = world.look(rental)
    assert (now.size, now.power) == ("medium", Power.ON)
    with pytest.raises(UserError) as error:
        Moves(world.context).start(MINA, rental.id)
    assert error.value.code is ErrorCode.MOVE_NETWORK


def test_an_imported_server_gets_it_in_place_only(world: World) -> None:
    rental = world.ready()
    with world.store.write() as session:
        session.get_one(Rental, rental.id).access = Access.NONE
    ask(world, rental)
    world.settle(LONG)
    assert_resized(world, rental)
    node = node_of(world, rental)
    node.fail_next("resize", NodeRefused(node.name, Refusal.NO_HOST, "no"))
    ask(world, rental, Size("slim", 1, 512, 20))
    world.settle(LONG)
    assert failures(world, rental) == [(ErrorCode.MOVE_FOREIGN, in_place.STAYS)]
    with pytest.raises(UserError) as error:
        Moves(world.context).sizes(MINA, rental.id)
    assert error.value.code is ErrorCode.MOVE_FOREIGN


def test_what_it_is_to_get_counts_for_its_owner_at_once(make_world: MakeWorld) -> None:
    world = make_world(fakes={"resize_seconds": 600}, policy="max_vcpus_per_user = 3")
    rental = world.ready()
    ask(world, rental)
    other = world.rent("web02")
    with pytest.raises(UserError):
        world.rent("web03")
    world.rental_service.return_rental(MINA, other.id)
    world.settle(5)


def test_a_size_is_asked_for_once_by_two_at_the_same_time(world: World) -> None:
    rental = world.ready()
    node, server = node_of(world, rental), held(world, rental).server_id or ""
    node.act(Kind.SERVER, server, Resize(LARGE))  # as one that died a moment ago did
    ask(world, rental)
    world.settle(LONG)
    assert_resized(world, rental)


def test_what_ended_meanwhile_is_left_alone(world: World) -> None:
    """The step of a rental that is being returned asks its node for no size."""
    rental = world.ready()
    node = node_of(world, rental)
    ask(world, rental)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(LONG)
    assert node.resized == []
    with world.store.read() as session:
        (placement,) = session.get_one(Rental, rental.id).placements
    assert placement.state is PlacementState.DELETED
