"""Moves of servers, from the request until one of the two is gone, on simulated nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.carrying import CarryingLab
from harness.world import ADMIN, JOON, MINA, WEB, World

from kws_core.copies.service import Copies
from kws_core.errors import ErrorCode, FormError, NodeDown, NodeRefused, Refusal, UserError
from kws_core.moves.service import Moves
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction, MachineState
from kws_core.people import Actor
from kws_core.reconcile import relocation
from kws_core.reconcile.orphans import SEEN_AGAIN
from kws_core.rentals import key_rotation
from kws_core.rentals.admission import NEW_NETWORK
from kws_core.rentals.extension import Extensions
from kws_core.scheduling.capacity import record_of
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import MoveDone, MoveFailed
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.network import WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, Audience, CopyState, Power, Reason, Status, Upstream
from kws_core.values import Kind, Size
from kws_core.web.routes import Target, shown
from kws_core.web.service import SiteForm, Sites

MakeWorld = Callable[..., World]
MEDIUM, LARGE = Size("medium", 1, 1024, 10), Size("large", 2, 2048, 20)


class Lab(CarryingLab):
    """The same, with moves."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.moves = Moves(world.context)

    def node(self, rental: Rental) -> FakeNode:
        """Where it is."""
        held = self.world.look(rental).placement
        assert held
        return self.world.nodes[held.node]

    def successor(self, rental: Rental) -> Rental:
        """What is to take its place, or took it."""
        found = self.world.look(rental).replaced_by
        assert found
        return self.world.rental_queries.rental(ADMIN, found)

    def gives_no_size_in_place(self) -> None:
        """Every node was seen to be unable to."""
        with self.world.store.write() as session:
            for name in self.world.nodes:
                record_of(session, name).no_resize_at = self.world.clock()

    def copy(self) -> Copy:
        """The one copy that there ever was."""
        with self.world.store.read() as session:
            (copy,) = session.query(Copy).all()
        return copy

    def moved(self, rental: Rental, **how: Size) -> Rental:
        """Moves it; what took its place."""
        self.moves.start(Actor(rental.owner), rental.id, **how)
        self.settle(120)
        self.sweep()
        assert self.world.look(rental).status is Status.ENDED
        return self.successor(rental)

    def sweep(self) -> None:
        """An hour later: an image that was brought to a node goes when nothing is made from it there."""
        for wait in (SEEN_AGAIN, timedelta(0)):
            for name in self.world.nodes:
                self.world.reconciler.sweep.sweep(name)
            self.world.clock.at += wait

    def stays(self, rental: Rental, why: str) -> Rental:
        """It is what it was before its move, and nothing is left of that."""
        self.settle(160)
        now = self.world.look(rental)
        assert (now.status, now.power, now.replaced_by) == (Status.READY, Power.ON, None)
        (failed,) = [
            e for e in self.world.rental_queries.history(rental.id) if e.kind is EventKind.MOVE_FAILED
        ]
        assert isinstance(failed.details, MoveFailed)
        assert (failed.details.why, failed.details.started) == (why, True)
        assert [r.id for r in self.world.rental_queries.all_rentals() if r.live] == [rental.id]
        assert self.copy().state is CopyState.GONE
        node = self.node(rental)
        self.sweep()
        assert self.world.left().keys() == {node.name}, "nothing is left on the other node"
        assert images(node) == []
        (machine,) = node.machines().values()
        assert machine.state is MachineState.ACTIVE
        return now


@pytest.fixture
def lab(world: World) -> Lab:
    return Lab(world)


def images(node: FakeNode) -> list[str]:
    return [mark for mark, _ in node.shelf.copies()]


def refusal(lab: Lab, rental: Rental, size: Size | None = None, who: Actor = MINA) -> ErrorCode:
    """Why it can't be moved; nothing was changed by asking."""
    with pytest.raises(UserError) as error:
        lab.moves.start(who, rental.id, size=size)
    with pytest.raises(UserError) as same:
        lab.moves.terms(who, rental.id, size)
    assert same.value.code is error.value.code
    assert not lab.world.look(rental).moving
    return error.value.code


def test_a_server_moves_with_its_disk_name_key_and_last_day(lab: Lab) -> None:
    rental = lab.world.ready(ends_on=lab.world.day(9))
    old = lab.node(rental)
    Extensions(lab.world.context).extend(MINA, rental.id, lab.world.day(11), via="card")
    new = lab.moved(rental)
    assert (new.name, new.status, new.ends_on) == ("web01", Status.READY, lab.world.day(11))
    assert (new.public_key, new.size, new.replaces) == (rental.public_key, "small", None)
    assert lab.node(new) is not old
    assert lab.spec(new).image == lab.copy().mark
    done = next(
        e.details for e in lab.world.rental_queries.history(rental.id) if e.kind is EventKind.MOVE_DONE
    )
    assert new.placement
    assert done == MoveDone(lab.node(new).name, new.placement.floating_ip)
    assert lab.world.look(rental).reason is Reason.MOVED
    assert "key_sent" not in lab.world.kinds(new), "its owner has the key"
    assert lab.world.left().keys() == {lab.node(new).name}
    assert [r.id for r in lab.world.rental_queries.my_rentals(MINA)] == [new.id]


def test_its_web_address_follows_it(make_world: MakeWorld) -> None:
    lab = Lab(make_world(web=WEB))
    sites = Sites(lab.world.context)
    rental = lab.world.ready()
    sites.change(MINA, rental.id, SiteForm(Audience.EVERYBODY, 8443, Upstream.HTTPS, "old"))
    sites.change(MINA, rental.id, SiteForm(Audience.EVERYBODY, 8443, Upstream.HTTPS, "shop"))  # "old" is free
    new = lab.moved(rental)
    assert new.site
    assert new.placement
    site = new.site
    assert (site.labels, site.port, site.upstream) == (("web01", "shop"), 8443, Upstream.HTTPS)
    assert (site.audience, site.served_at, lab.world.look(rental).site) == (Audience.EVERYBODY, None, None)
    assert new.placement.floating_ip
    with lab.world.store.read() as session:
        (route,) = shown(session, lab.world.clock())
        names = {row.label: (row.rental_id, bool(row.released_at)) for row in session.query(WebName)}
    assert (route.rental_id, sorted(route.labels)) == (new.id, ["shop", "web01"])
    assert route.goes_to == Target(new.placement.floating_ip, 8443, tls=True)
    assert names == {"web01": (new.id, False), "shop": (new.id, False), "old": (new.id, True)}
    assert new.placement.let_in == "192.0.2.10:8443", "its group lets the proxy in"
    for name in ("web01", "shop"):  # they are its owner's, not kept for them
        other = lab.world.rent(f"{name}-2", JOON)
        with pytest.raises(FormError) as error:
            sites.change(JOON, other.id, SiteForm(Audience.LAB, 80, second=name))
        assert error.value.fields["second"].code is ErrorCode.WEB_NAME_TAKEN


def test_a_move_that_fails_leaves_the_web_address_where_it_is(make_world: MakeWorld) -> None:
    lab = Lab(make_world(web=WEB))
    rental = lab.world.ready()
    lab.moves.start(MINA, rental.id)
    lab.world.rental_service.return_rental(ADMIN, lab.successor(rental).id)
    now = lab.stays(rental, Reason.ADMIN)
    assert now.site
    assert now.placement
    with lab.world.store.read() as session:
        (route,) = shown(session, lab.world.clock())
    assert (route.rental_id, route.goes_to) == (rental.id, Target(now.placement.floating_ip or "", 80))


def test_the_disk_is_copied_when_the_server_has_stopped(lab: Lab) -> None:
    rental = lab.world.ready()
    node, states = lab.node(rental), []
    ensure = node.shelf.ensure_copy

    def look(server_id: str, spec: object) -> str:
        states.extend(machine.state for machine in node.machines().values())
        return ensure(server_id, spec)  # type: ignore[arg-type]

    node.shelf.ensure_copy = look  # type: ignore[method-assign,assignment]
    lab.moved(rental)
    assert states == [MachineState.STOPPED]


def test_while_it_moves_it_is_listed_once_and_nobody_acts_on_it(lab: Lab) -> None:
    rental = lab.world.ready()
    lab.node(rental).shelf.copy_time = timedelta(hours=1)
    assert lab.moves.start(MINA, rental.id).id == rental.id
    assert lab.moves.start(MINA, rental.id).id == rental.id, "the second click changes nothing"
    lab.settle()
    mine = lab.world.rental_queries.my_rentals(MINA)
    assert [(r.id, r.moving) for r in mine] == [(rental.id, True)]
    assert lab.world.look(rental).power is Power.OFF
    assert Copies(lab.world.context).of(MINA) == [], "nobody's to keep"
    for act in (
        lambda: key_rotation.ask(lab.world.context, MINA, rental.id),
        lambda: Copies(lab.world.context).request(MINA, rental.id),
        lambda: Extensions(lab.world.context).transfer(ADMIN, rental.id, JOON.id),
    ):
        with pytest.raises(UserError) as error:
            act()
        assert error.value.code is ErrorCode.MOVING
    assert len(lab.world.rental_queries.all_rentals()) == 2, "its room is held"


def test_what_the_owner_had_stopped_is_moved_as_well(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    with lab.world.store.write() as session:
        session.get_one(Rental, rental.id).switched_off = True
    node.act(Kind.SERVER, rental.placement.server_id, MachineAction.STOP)  # type: ignore[union-attr,arg-type]
    lab.settle(400)
    assert lab.world.look(rental).power is Power.OFF
    assert lab.world.look(lab.moved(rental)).power is Power.ON


def test_a_larger_size_may_be_on_the_same_node(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=1))
    rental = lab.world.ready()
    lab.gives_no_size_in_place()
    new = lab.moved(rental, size=LARGE)
    assert (new.size, new.vcpus, new.ram_mb, new.disk_gb) == ("large", 2, 2048, 20)
    assert lab.node(new) is lab.node(new)
    assert images(lab.node(new)) == []


def test_sizes_that_it_does_not_get(lab: Lab) -> None:
    rental = lab.world.ready(size="medium")
    assert refusal(lab, rental, Size("small", 1, 512, 5)) is ErrorCode.DISK_SHRINKS
    assert refusal(lab, rental, MEDIUM) is ErrorCode.SIZE_SAME
    assert refusal(lab, rental, Size("huge", 9, 1024, 10)) is ErrorCode.QUOTA_VCPUS
    lab.gives_no_size_in_place()
    less = lab.moved(rental, size=Size("slim", 1, 512, 10))
    assert less.ram_mb == 512


def test_why_a_server_is_not_moved(lab: Lab) -> None:
    container = lab.world.ready("box", kind=Kind.CONTAINER, image="nginx", ends_on=lab.world.day(3))
    assert refusal(lab, container) is ErrorCode.MOVE_CONTAINER
    rental = lab.world.ready()
    with pytest.raises(UserError) as error:
        lab.moves.start(JOON, rental.id)
    assert error.value.code is ErrorCode.RENTAL_GONE
    key_rotation.ask(lab.world.context, MINA, rental.id)
    assert refusal(lab, rental) is ErrorCode.BUSY
    lab.world.settle(60)
    with lab.world.store.write() as session:
        fresh = session.get_one(Rental, rental.id)
        fresh.rekey, fresh.access = None, Access.NONE
    assert refusal(lab, rental) is ErrorCode.MOVE_FOREIGN


def test_a_copy_that_is_being_made_goes_first(lab: Lab) -> None:
    rental = lab.world.ready()
    Copies(lab.world.context).request(MINA, rental.id)
    assert refusal(lab, rental) is ErrorCode.COPY_UNDER_WAY


def test_nobody_leaves_neighbors_behind(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=2))
    with lab.world.store.write() as session:
        record_of(session, "node2").drained = True
    first = lab.world.ready("web01", network=NEW_NETWORK, network_name="mine", cidr="10.9.0.0/24")
    second = lab.world.ready("web02", network=first.network_id)
    with lab.world.store.write() as session:
        record_of(session, "node2").drained = False
    with pytest.raises(UserError) as error:
        lab.moves.start(MINA, first.id)
    assert (error.value.code, error.value.data["others"]) == (ErrorCode.MOVE_NETWORK, ["web02"])
    lab.world.rental_service.return_rental(MINA, second.id)
    lab.settle()
    new = lab.moved(first)
    assert new.network
    assert new.network.cidr == "10.9.0.0/24"
    assert lab.world.left().keys() == {"node2"}


def test_no_other_node_has_room(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=1))
    rental = lab.world.ready()
    assert refusal(lab, rental) is ErrorCode.MOVE_NO_ROOM
    assert refusal(lab, rental, Size("huge", 8, 8192, 20)) is ErrorCode.MOVE_NO_ROOM


def test_the_node_has_no_disk_left_for_the_copy(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=2, policy="copy_floor_gb = 500"))
    assert refusal(lab, lab.world.ready()) is ErrorCode.COPY_NO_ROOM


def test_its_node_is_silent(lab: Lab) -> None:
    rental = lab.world.ready()
    lab.node(rental).go_down()
    lab.world.settle(30)
    assert refusal(lab, rental) is ErrorCode.NODE_SILENT


def test_the_copy_fails(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "no"))
    lab.moves.start(MINA, rental.id)
    assert lab.stays(rental, Refusal.QUOTA).ready_at == rental.ready_at


def test_no_node_builds_the_other_one(lab: Lab) -> None:
    rental = lab.world.ready()
    (other,) = [node for node in lab.world.nodes.values() if node is not lab.node(rental)]
    other.fail_next("ensure_server", NodeRefused(other.name, Refusal.NO_HOST, "no"))
    with lab.world.store.write() as session:
        record_of(session, lab.node(rental).name).drained = True
    lab.moves.start(MINA, rental.id)
    lab.stays(rental, Refusal.NO_HOST)


def test_the_other_one_never_answers(lab: Lab) -> None:
    rental = lab.world.ready()
    (other,) = [node for node in lab.world.nodes.values() if node is not lab.node(rental)]
    other.times = replace(other.times, boot=timedelta(days=1))
    lab.moves.start(MINA, rental.id)
    lab.settle(60)
    lab.world.clock.advance(minutes=50)
    lab.stays(rental, Reason.NO_ANSWER)


def test_the_other_one_is_deleted_behind_our_back(lab: Lab) -> None:
    rental = lab.world.ready()
    lab.node(rental).shelf.copy_time = timedelta(minutes=10)
    lab.moves.start(MINA, rental.id)
    lab.settle(30)
    lab.world.rental_service.return_rental(ADMIN, lab.successor(rental).id)
    lab.stays(rental, Reason.ADMIN)


@pytest.mark.parametrize("after", [0, 30, 70])
def test_it_is_returned_in_the_middle(lab: Lab, after: int) -> None:
    rental = lab.world.ready()
    lab.node(rental).shelf.copy_time = timedelta(seconds=40)
    lab.moves.start(MINA, rental.id)
    lab.settle(after)
    now = lab.world.look(rental)
    lab.world.rental_service.return_rental(MINA, rental.id if now.live else lab.successor(rental).id)
    lab.settle(300)
    lab.sweep()
    assert lab.world.left() == {}
    assert lab.world.rental_queries.all_rentals() == []
    assert lab.copy().state is CopyState.GONE


def test_its_last_day_ends_in_the_middle(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=2, policy="grace_hours = 24"))
    rental = lab.world.ready(ends_on=lab.world.day(3))
    lab.world.midnight(2, hours=10)
    lab.world.nightly.tick()
    lab.world.deliver_all()
    lab.world.midnight(2, minutes=-2)
    lab.world.settle()
    lab.node(rental).shelf.copy_time = timedelta(hours=1)
    lab.moves.start(MINA, rental.id)
    lab.settle(30)
    lab.world.midnight(1)
    lab.world.nightly.tick()
    lab.settle(60)
    now = lab.world.look(rental)
    assert (now.status, now.replaced_by, now.power) == (Status.STOPPED, None, Power.OFF)
    assert [r.id for r in lab.world.rental_queries.all_rentals()] == [rental.id]


def test_its_node_dies_before_the_copy_is_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relocation, "LONGEST", timedelta(minutes=3))
    rental = lab.world.ready()
    node = lab.node(rental)
    node.shelf.copy_time = timedelta(minutes=5)
    lab.moves.start(MINA, rental.id)
    lab.settle(30)
    node.go_down()
    lab.settle(240)
    assert not lab.world.look(rental).moving, "nobody waits for ever"
    node.come_back()
    lab.stays(rental, "slow")


def test_its_node_dies_when_the_copy_has_travelled(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    (other,) = [one for one in lab.world.nodes.values() if one is not node]
    other.times = replace(other.times, boot=timedelta(minutes=2))
    lab.moves.start(MINA, rental.id)
    for _ in range(30):
        lab.settle(10)
        if images(other):
            break
    node.go_down()
    lab.settle(150)
    assert lab.successor(rental).status is Status.READY
    assert lab.world.look(rental).status is Status.ENDING
    node.come_back()
    lab.settle(60)
    lab.sweep()
    assert lab.world.left().keys() == {other.name}


def test_a_move_is_planned_and_begins_at_its_hour(lab: Lab) -> None:
    rental = lab.world.ready()
    at = lab.world.clock() + timedelta(hours=15)
    assert lab.moves.plan(MINA, rental.id, at, via="notice").move_at == at
    lab.world.clock.advance(hours=14)
    lab.world.nightly.tick()
    assert not lab.world.look(rental).moving
    lab.world.clock.advance(hours=1)
    lab.settle(10)
    lab.world.nightly.tick()
    assert lab.world.look(rental).moving
    lab.settle(120)
    assert lab.successor(rental).status is Status.READY


def test_a_planned_move_that_is_not_possible_is_told(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=1))
    rental = lab.world.ready()
    lab.moves.plan(MINA, rental.id, lab.world.clock())
    lab.world.nightly.tick()
    lab.world.nightly.tick()
    failed = lab.world.last_event(rental)
    assert failed.details == MoveFailed(ErrorCode.MOVE_NO_ROOM, started=False)
    assert lab.world.kinds(rental).count("move_failed") == 1


def test_a_plan_is_taken_back(lab: Lab) -> None:
    rental = lab.world.ready()
    lab.moves.plan(MINA, rental.id, lab.world.clock() + timedelta(hours=1))
    assert lab.moves.plan(MINA, rental.id, None).move_at is None
    lab.world.clock.advance(hours=2)
    lab.world.nightly.tick()
    assert not lab.world.look(rental).moving


def test_a_node_that_is_silent_for_a_moment_fails_no_move(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    for method in ("act", "image_copy", "image_look", "image_read"):
        node.fail_next(method, NodeDown(node.name, Refusal.DOWN, "cable"))
    lab.moves.start(MINA, rental.id)
    lab.settle(200)
    assert lab.successor(rental).status is Status.READY
    assert lab.world.look(rental).status is Status.ENDED


def kept_elsewhere(lab: Lab) -> tuple[Rental, FakeNode]:
    """A server whose copy is on the other node, as ``copies_on = "other"`` has it; and its node."""
    rental = lab.world.ready()
    Copies(lab.world.context).request(MINA, rental.id)
    lab.settle(60)
    (copy,) = Copies(lab.world.context).of(MINA)
    assert copy.node != lab.node(rental).name
    return rental, lab.node(rental)


def test_a_copy_is_kept_on_another_node(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=2, policy='copies_on = "other"'))
    _, node = kept_elsewhere(lab)
    (other,) = [one for one in lab.world.nodes.values() if one is not node]
    lab.sweep()
    assert (images(node), len(images(other))) == ([], 1)
    lab.settle(60)
    (copy,) = Copies(lab.world.context).of(MINA)
    assert (copy.state, copy.node) == (CopyState.KEPT, other.name), "it stays there"


def test_a_copy_stays_where_it_is_while_no_other_node_has_room(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=1, policy='copies_on = "other"'))
    rental = lab.world.ready()
    Copies(lab.world.context).request(MINA, rental.id)
    lab.settle(60)
    (copy,) = Copies(lab.world.context).of(MINA)
    assert (copy.state, copy.node, len(images(lab.node(rental)))) == (CopyState.KEPT, "node1", 1)


def test_a_dead_node_is_recovered_from_copies_elsewhere(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=2, policy='copies_on = "other"'))
    rental, node = kept_elsewhere(lab)
    with pytest.raises(UserError) as error:
        lab.moves.recover(MINA, rental.id)
    assert error.value.code is ErrorCode.NODE_RESPONDS
    node.go_down()
    lab.settle(40)
    with pytest.raises(UserError) as error:
        lab.moves.recover_node(MINA, node.name, via="cli")
    assert error.value.code is ErrorCode.ADMINS_ONLY
    assert lab.moves.recover_node(ADMIN, node.name, via="cli").started == ["web01"]
    lab.settle(120)
    new = lab.successor(rental)
    assert (new.status, new.name, new.public_key) == (Status.READY, "web01", rental.public_key)
    assert lab.world.look(rental).status is Status.ENDING, "its node can't show yet that it is gone"
    assert len(Copies(lab.world.context).of(MINA)) == 1, "the copy is the owner's"
    node.come_back()
    lab.settle(120)
    assert lab.world.look(rental).status is Status.ENDED


def test_a_server_without_a_copy_elsewhere_is_named(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    node.go_down()
    lab.settle(40)
    done = lab.moves.recover_node(ADMIN, node.name, via="cli")
    assert ([name for name, _ in done.failed], done.started) == (["web01"], [])
    assert not lab.world.look(rental).moving


def test_a_node_that_comes_back_during_its_recovery_keeps_one_of_the_two(make_world: MakeWorld) -> None:
    lab = Lab(make_world(nodes=2, policy='copies_on = "other"'))
    rental, node = kept_elsewhere(lab)
    node.go_down()
    lab.settle(40)
    lab.moves.recover(MINA, rental.id)
    node.come_back()
    lab.settle(200)
    live = [r for r in lab.world.rental_queries.all_rentals() if r.live]
    assert [r.id for r in live] == [lab.successor(rental).id]


def test_nobody_acts_on_the_server_that_is_to_take_its_place(lab: Lab) -> None:
    rental = lab.world.ready(ends_on=lab.world.day(3))
    lab.node(rental).shelf.copy_time = timedelta(hours=1)
    lab.moves.start(MINA, rental.id)
    lab.settle()
    other = lab.successor(rental)
    for act in (
        lambda: Extensions(lab.world.context).extend(ADMIN, other.id, lab.world.day(9), via="home"),
        lambda: Extensions(lab.world.context).transfer(ADMIN, other.id, JOON.id),
        lambda: key_rotation.ask(lab.world.context, MINA, other.id),
        lambda: Copies(lab.world.context).plan(MINA, other.id, True),
    ):
        with pytest.raises(UserError) as error:
            act()
        assert error.value.code is ErrorCode.MOVING
    Extensions(lab.world.context).extend(MINA, rental.id, lab.world.day(9), via="card")
    lab.node(rental).shelf.copy_time = timedelta(0)
    lab.world.clock.advance(hours=1)
    lab.settle(120)
    assert lab.successor(rental).ends_on == lab.world.day(9)


def test_it_does_not_move_to_the_node_that_it_leaves(lab: Lab) -> None:
    rental = lab.world.ready()
    (other,) = [node for node in lab.world.nodes.values() if node is not lab.node(rental)]
    other.fail_next("ensure_server", NodeRefused(other.name, Refusal.NO_HOST, "no"))
    lab.moves.start(MINA, rental.id)
    lab.stays(rental, Refusal.NO_HOST)
    with lab.world.store.read() as session:
        tried = {p.node for r in session.query(Rental).all() if r.id != rental.id for p in r.placements}
    assert tried == {other.name}


def test_another_size_may_come_to_the_node_of_the_first(lab: Lab) -> None:
    rental = lab.world.ready()
    for node in lab.world.nodes.values():
        if node is not lab.node(rental):
            node.fail_next("ensure_server", NodeRefused(node.name, Refusal.NO_HOST, "no"))
    source = lab.node(rental)
    lab.gives_no_size_in_place()
    lab.moves.start(MINA, rental.id, size=LARGE)
    lab.settle(120)
    assert lab.node(lab.successor(rental)) is source


def test_what_was_started_again_a_moment_ago_is_stopped_before_it_is_copied(lab: Lab) -> None:
    rental = lab.world.ready()
    node, states = lab.node(rental), []
    node.end(rental.mark)
    lab.world.clock.advance(minutes=6)
    lab.world.settle(30)
    assert lab.world.look(rental).power is Power.OFF
    held = lab.world.look(rental).placement
    assert held
    node.act(Kind.SERVER, held.server_id or "", MachineAction.START)  # by somebody, on the node
    ensure = node.shelf.ensure_copy

    def look(server_id: str, spec: object) -> str:
        states.extend(machine.state for machine in node.machines().values())
        return ensure(server_id, spec)  # type: ignore[arg-type]

    node.shelf.ensure_copy = look  # type: ignore[method-assign,assignment]
    lab.moved(rental)
    assert states == [MachineState.STOPPED]


def test_what_its_owner_had_off_stays_off_when_its_move_fails(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    node.end(rental.mark)  # from inside
    lab.world.clock.advance(minutes=6)
    lab.world.settle(30)
    assert lab.world.look(rental).power is Power.OFF
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "no"))
    lab.moves.start(MINA, rental.id)
    lab.settle(160)
    now = lab.world.look(rental)
    assert (now.status, now.power, now.replaced_by) == (Status.READY, Power.OFF, None)
    assert [machine.state for machine in node.machines().values()] == [MachineState.STOPPED]
    failed = lab.world.last_event(rental).details
    assert failed == MoveFailed(Refusal.QUOTA, started=False)


def test_a_node_that_stays_away_long_after_the_move_failed_starts_it_when_it_is_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relocation, "LONGEST", timedelta(minutes=3))
    rental = lab.world.ready()
    node = lab.node(rental)
    node.shelf.copy_time = timedelta(minutes=5)
    lab.moves.start(MINA, rental.id)
    lab.settle(30)
    node.go_down()
    lab.settle(240)
    assert lab.world.look(rental).power is Power.STARTING
    lab.world.clock.advance(hours=1)
    lab.settle(20)
    node.come_back()
    lab.stays(rental, "slow")


def test_a_server_that_cannot_be_stopped_is_given_up(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    node.fail_next("act", NodeRefused(node.name, Refusal.INVALID, "locked"), times=10**4)
    lab.moves.start(MINA, rental.id)
    lab.settle(60)
    assert lab.world.look(rental).moving
    lab.world.clock.advance(minutes=10)
    lab.stays(rental, "slow")


def test_a_server_that_is_deleted_on_its_node_lives_on_in_its_copy(lab: Lab) -> None:
    rental = lab.world.ready()
    node = lab.node(rental)
    (other,) = [one for one in lab.world.nodes.values() if one is not node]
    other.times = replace(other.times, boot=timedelta(minutes=2))
    lab.moves.start(MINA, rental.id)
    for _ in range(30):
        lab.settle(10)
        if images(other):
            break
    node.vanish(rental.mark)
    lab.settle(150)
    assert lab.successor(rental).status is Status.READY
    assert lab.world.look(rental).reason is Reason.MOVED
