"""Copies of servers, from the request to the deletion, on simulated nodes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from harness.world import ADMIN, JOON, MINA, World

from kws_core.copies.service import Copies
from kws_core.errors import ErrorCode, NodeDown, NodeRefused, Refusal, UserError
from kws_core.expiry import CopyEnds
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import CopyFailed, CopyKept
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Reason, Status
from kws_core.values import Kind


def copies(world: World) -> Copies:
    return Copies(world.context)


def node_of(world: World, rental: Rental) -> FakeNode:
    assert rental.placement
    return world.nodes[rental.placement.node]


def images(node: FakeNode) -> list[str]:
    return [mark for mark, _ in node.shelf.copies()]


def copied(world: World, name: str = "web01", who: Actor = MINA) -> tuple[Rental, Copy]:
    """A ready server with a copy that is kept."""
    rental = world.ready(name, who)
    copy = copies(world).request(who, rental.id)
    world.settle()
    copy = copies(world).get(who, copy.id)
    assert copy.state is CopyState.KEPT
    return rental, copy


def refusal(world: World, rental: Rental, who: Actor = MINA) -> ErrorCode:
    with pytest.raises(UserError) as error:
        copies(world).request(who, rental.id)
    assert sorted(images(node_of(world, rental))) == sorted(
        c.mark for c in copies(world).everybodys() if c.image_id
    )
    return error.value.code


def test_a_copy_is_asked_for_made_and_kept(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    terms = copies(world).terms(MINA, rental.id)
    assert (terms.disk_gb, terms.free_gb, terms.keep_until) == (5, 20, world.day(30))
    copy = copies(world).request(MINA, rental.id, via="card")
    assert (copy.state, images(node)) == (CopyState.WANTED, []), "a row first"
    assert copy.name == "web01"
    world.settle()
    copy = copies(world).get(MINA, copy.id)
    assert (copy.state, copy.node, copy.keep_until) == (CopyState.KEPT, node.name, world.day(30))
    assert images(node) == [copy.mark]
    assert world.look(rental).status is Status.READY
    assert world.kinds(rental)[-2:] == ["copy_wanted", "copy_kept"] or "copy_kept" in world.kinds(rental)


def test_a_copy_takes_the_time_that_its_node_needs(world: World) -> None:
    rental = world.ready()
    node_of(world, rental).shelf.copy_time = timedelta(minutes=5)
    copy = copies(world).request(MINA, rental.id)
    world.settle(60)
    assert copies(world).get(MINA, copy.id).state is CopyState.MAKING
    world.settle(300)
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT


def test_nobody_else_sees_or_rents_from_it(world: World) -> None:
    _, copy = copied(world)
    assert copies(world).of(JOON) == []
    for act in (copies(world).prolong, copies(world).delete):
        with pytest.raises(UserError) as error:
            act(JOON, copy.id)
        assert error.value.code is ErrorCode.COPY_GONE
    node = world.nodes[copy.node]
    world.clock.advance(minutes=2)
    world.settle()
    assert copy.mark not in {image.name for image in node.images()}
    assert copy.mark not in {image.name for image in world.rental_service.offer(JOON).images}
    with pytest.raises(UserError):
        world.rent("other", JOON, image=copy.mark)
    assert copies(world).delete(ADMIN, copy.id, via="card").state is CopyState.DELETING, "admins may"
    deleted = world.last_event(world.look(copy.rental))
    assert (deleted.kind, deleted.actor, deleted.via) == (EventKind.COPY_DELETED, ADMIN.id, "card")
    world.settle(60)
    assert world.kinds(copy.rental).count("copy_deleted") == 1, "told as it is asked for, not again"


def test_a_copy_goes_with_its_server_to_its_new_owner(world: World) -> None:
    rental, copy = copied(world)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    assert [c.id for c in copies(world).of(JOON)] == [copy.id], "who is warned of its end can keep it longer"
    assert copies(world).of(MINA) == []
    with pytest.raises(UserError):
        copies(world).prolong(MINA, copy.id)


def test_what_cant_be_copied_says_why(world: World) -> None:
    container = world.ready("box", kind=Kind.CONTAINER, image="nginx:latest")
    assert refusal(world, container) is ErrorCode.COPY_CONTAINER
    starting = world.rent("new")
    assert refusal(world, starting) is ErrorCode.NOT_READY
    world.settle()
    copies(world).request(MINA, starting.id)
    assert refusal(world, starting) is ErrorCode.COPY_UNDER_WAY
    assert refusal(world, starting, JOON) is ErrorCode.RENTAL_GONE


def test_two_copies_and_no_more(world: World) -> None:
    rental, _ = copied(world)
    copies(world).request(MINA, rental.id)
    world.settle()
    assert refusal(world, rental) is ErrorCode.COPIES_FULL
    copies(world).delete(MINA, copies(world).of(MINA)[0].id)
    world.settle(60)
    copies(world).request(MINA, rental.id)


def test_disk_for_copies_is_reserved_with_the_row(make_world: Any) -> None:
    world = make_world(1, policy="max_copies_per_user = 9")
    first, second = world.ready("one", size="medium"), world.ready("two", JOON, size="medium")
    world.nodes["node1"].shelf.copy_time = timedelta(hours=1)
    copies(world).request(MINA, first.id)
    copies(world).request(JOON, second.id)
    third = world.ready("three")
    assert refusal(world, third) is ErrorCode.COPY_NO_ROOM


def test_below_the_floor_there_are_no_copies(make_world: Any) -> None:
    world = make_world(1, policy="copy_floor_gb = 500")
    rental = world.ready()
    assert refusal(world, rental) is ErrorCode.COPY_NO_ROOM


def test_copies_can_be_turned_off(make_world: Any) -> None:
    world = make_world(1, policy="max_copies_per_user = 0")
    assert refusal(world, world.ready()) is ErrorCode.COPIES_OFF


# -- trouble


def test_a_node_that_refuses_leaves_nothing_and_says_so(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "image storage quota"))
    copies(world).request(MINA, rental.id)
    world.settle(180)  # what was asked for might still appear for two minutes
    assert copies(world).of(MINA) == []
    assert images(node) == []
    failed = next(
        e.details for e in world.rental_queries.history(rental.id) if isinstance(e.details, CopyFailed)
    )
    assert failed.refusal == Refusal.QUOTA
    assert world.look(rental).status is Status.READY


def test_an_answer_that_got_lost_makes_no_second_copy(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("image_copy", NodeDown(node.name, Refusal.DOWN, "timeout"), after=True)
    copy = copies(world).request(MINA, rental.id)
    world.settle(60)
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT
    assert images(node) == [copy.mark]


def test_a_busy_server_is_tried_again(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.INVALID, "task_state rebooting"), times=3)
    copy = copies(world).request(MINA, rental.id)
    world.settle(120)
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT


def test_a_silent_node_is_waited_for(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    copy = copies(world).request(MINA, rental.id)
    node.go_down()
    world.settle(120)
    assert copies(world).get(MINA, copy.id).state in (CopyState.WANTED, CopyState.MAKING)
    node.come_back()
    world.settle(60)
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT


def test_a_copy_whose_image_somebody_deletes_is_gone(world: World) -> None:
    rental, copy = copied(world)
    node = world.nodes[copy.node]
    assert copy.image_id
    node.shelf.delete(copy.image_id)
    world.clock.advance(hours=1)
    world.settle()
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT, "once may be a slip"
    world.clock.advance(minutes=10)
    world.settle(60)
    assert copies(world).of(MINA) == []
    assert world.last_event(rental).data["why"] == "vanished"


def test_an_image_that_disappears_while_it_is_made_is_a_failure(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.shelf.copy_time = timedelta(minutes=10)
    copy = copies(world).request(MINA, rental.id)
    world.settle(10)
    image_id = copies(world).get(MINA, copy.id).image_id
    assert image_id
    node.shelf.delete(image_id)
    world.settle(60)
    assert copies(world).of(MINA) == []
    assert "copy_failed" in world.kinds(rental)


def test_a_copy_outlives_its_server(world: World) -> None:
    rental, copy = copied(world)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(60)
    assert world.look(rental).status is Status.ENDED
    node = world.nodes[copy.node]
    assert {mark: left.kinds() for mark, left in node.resources().items()} == {copy.mark: ["image"]}
    assert [c.id for c in copies(world).of(MINA)] == [copy.id]


def test_a_return_waits_for_the_copy_under_way(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.shelf.copy_time = timedelta(minutes=3)
    copy = copies(world).request(MINA, rental.id)
    world.settle(10)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(120)
    assert world.look(rental).status is Status.ENDING
    assert "server" in node.resources()[rental.mark].kinds(), "promised: the copy comes first"
    world.settle(180)
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT
    assert world.look(rental).status is Status.ENDED


def test_the_sweep_knows_copies_and_deletes_those_of_nobody(world: World) -> None:
    _, copy = copied(world)
    node = world.nodes[copy.node]
    assert world.reconciler.sweep.survey(node.name).leaks == []
    with world.store.write() as session:
        session.delete(session.get(Copy, copy.id))
    (leak,) = world.reconciler.sweep.survey(node.name).leaks
    assert (leak.mark, leak.kinds) == (copy.mark, ("image",))
    world.reconciler.sweep.sweep(node.name)
    world.clock.advance(minutes=11)
    world.reconciler.sweep.sweep(node.name)
    assert images(node) == []


# -- how long


def test_owners_are_told_before_a_copy_goes(world: World) -> None:
    rental, copy = copied(world)
    world.midnight(27, hours=9, minutes=1)
    world.nightly.tick()
    world.nightly.tick()
    assert world.kinds(rental).count("copy_warned") == 1
    world.midnight(31, minutes=1)
    world.nightly.tick()
    world.settle(60)
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT, "its owner has not been reached yet"
    world.deliver_all()
    world.clock.advance(hours=12)
    world.nightly.tick()
    world.settle(60)
    assert copies(world).of(MINA) == []
    assert world.last_event(rental).data["why"] == "expired"
    assert images(world.nodes[copy.node]) == []


def test_a_copy_that_is_kept_longer_is_warned_of_again(world: World) -> None:
    rental, copy = copied(world)
    world.midnight(28)
    world.nightly.tick()
    world.deliver_all()
    assert copies(world).prolong(MINA, copy.id).keep_until == world.day(30)
    world.midnight(10)
    world.nightly.tick()
    assert copies(world).get(MINA, copy.id).state is CopyState.KEPT
    world.midnight(18)
    world.nightly.tick()
    assert world.kinds(rental).count("copy_warned") == 2


def test_a_copy_told_of_in_time_still_has_its_last_day(world: World) -> None:
    rental, copy = copied(world)
    world.midnight(28)
    world.nightly.tick()
    world.deliver_all()
    events, ends = world.rental_queries.history(rental.id), CopyEnds(world.context.expiry)
    world.midnight(2)
    assert not ends.may_delete(copy, events, world.clock())
    world.midnight(1)
    assert ends.may_delete(copy, events, world.clock())


# -- at the end


def due_tonight(world: World) -> tuple[Rental, FakeNode]:
    """A server whose last day has ended, and whose owner wants a copy before it goes."""
    rental = world.ready(ends_on=world.day(2))
    copies(world).plan(MINA, rental.id, True)
    for _ in range(3):
        world.midnight(1, hours=-14)
        world.nightly.tick()
        world.deliver_all()
        world.clock.advance(days=1)
    world.midnight(0)
    return world.look(rental), node_of(world, rental)


def night(world: World, seconds: int = 60) -> None:
    world.nightly.tick()
    world.settle(seconds)


def test_a_copy_at_the_end_is_made_before_the_deletion(world: World) -> None:
    rental, node = due_tonight(world)
    node.shelf.copy_time = timedelta(minutes=2)
    night(world)
    assert world.look(rental).status is Status.READY
    assert "server" in node.resources()[rental.mark].kinds()
    world.settle(240)
    (copy,) = copies(world).of(MINA)
    assert copy.state is CopyState.KEPT
    ended = world.look(rental)
    assert (ended.status, ended.reason) == (Status.ENDED, Reason.EXPIRED)
    assert rental.mark not in node.resources()


def test_a_copy_that_fails_postpones_the_end_by_a_night_but_not_for_ever(world: World) -> None:
    rental, node = due_tonight(world)
    for tried in range(1, 4):
        node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "full"))
        night(world)
        world.nightly.tick()
        world.settle()
        assert world.look(rental).status is Status.READY
        assert world.kinds(rental).count("copy_failed") == tried, "one try a night"
        assert len(world.notices("copy_failed")) == tried
        world.midnight(1)
    night(world, 180)
    assert world.look(rental).status is Status.ENDED
    assert copies(world).of(MINA) == []


def test_an_extension_while_the_copy_is_made_wins(world: World) -> None:
    rental, node = due_tonight(world)
    node.shelf.copy_time = timedelta(minutes=5)
    night(world)
    Extensions(world.context).extend(MINA, rental.id, world.day(5), via="form")
    world.settle(400)
    assert world.look(rental).status is Status.READY
    (copy,) = copies(world).of(MINA)
    assert copy.state is CopyState.KEPT, "what was made is kept"


def test_a_plan_can_be_given_up(world: World) -> None:
    rental = world.ready()
    copies(world).plan(MINA, rental.id, True)
    copies(world).plan(MINA, rental.id, True)
    copies(world).plan(MINA, rental.id, False)
    assert world.kinds(rental).count("copy_planned") == 2
    assert not world.look(rental).copy_at_end
    with pytest.raises(UserError):
        copies(world).plan(JOON, rental.id, True)


def test_a_stopped_server_can_be_copied(world: World) -> None:
    rental = world.ready()
    held = rental.placement
    assert held
    assert held.server_id
    node_of(world, rental).act(Kind.SERVER, held.server_id, MachineAction.STOP)
    copies(world).request(MINA, rental.id)
    world.settle(30)
    (copy,) = copies(world).of(MINA)
    assert copy.state is CopyState.KEPT
    kept = next(e.details for e in world.rental_queries.history(rental.id) if isinstance(e.details, CopyKept))
    assert kept.size_bytes > 0
