"""A copy is brought back: on its own node, and on another one to which it travels."""

from __future__ import annotations

from typing import Any

import pytest
from harness.carrying import CarryingLab
from harness.world import JOON, MINA, World

from kws_core.copies.service import Copies
from kws_core.errors import ErrorCode, FormError, NodeDown, NodeRefused, Refusal, UserError
from kws_core.images import files
from kws_core.scheduling.capacity import record_of
from kws_core.tables.states import CopyState, Reason, Status


@pytest.fixture
def lab(world: World) -> CarryingLab:
    return CarryingLab(world)


def images(lab: CarryingLab, node: str) -> list[str]:
    return [mark for mark, _ in lab.world.nodes[node].shelf.copies()]


def test_a_copy_comes_back_with_its_disk_and_a_new_key(lab: CarryingLab) -> None:
    copy = lab.copied()
    rental = lab.bring_back(copy)
    assert (rental.image, rental.login, rental.copy_id) == ("debian-12", "debian", copy.id)
    lab.settle()
    assert lab.world.look(rental).status is Status.READY
    spec = lab.spec(rental)
    assert spec.image == copy.mark
    assert "kws-old-keys" in spec.user_data
    assert "kws-web01" in spec.user_data


def drain(lab: CarryingLab, node: str) -> None:
    """Nothing new is created on that node."""
    with lab.world.store.write() as session:
        record_of(session, node).drained = True


def test_it_travels_to_another_node(lab: CarryingLab) -> None:
    copy = lab.copied()
    other = next(name for name in lab.world.nodes if name != copy.node)
    drain(lab, copy.node)
    rental = lab.bring_back(copy)
    lab.settle()
    ready = lab.world.look(rental)
    assert ready.status is Status.READY
    assert ready.placement
    assert ready.placement.node == other
    assert images(lab, other) == [copy.mark]
    kept = {k.stored.name: k.content for k in lab.world.nodes[copy.node].shelf.everything().values()}
    there = {k.stored.name: k.content for k in lab.world.nodes[other].shelf.everything().values()}
    assert there[copy.mark] == kept[copy.mark]
    lab.world.clock.advance(hours=2)
    lab.world.settle(30)
    assert images(lab, other) == [], "what was only brought for it goes again"
    assert images(lab, copy.node) == [copy.mark]


def test_a_way_that_breaks_is_gone_again(lab: CarryingLab) -> None:
    copy = lab.copied()
    other = next(name for name in lab.world.nodes if name != copy.node)
    drain(lab, copy.node)
    rental = lab.bring_back(copy)
    node = lab.world.nodes[other]
    node.fail_next("image_fill", NodeDown(other, Refusal.DOWN, "cable"))
    lab.settle(120)
    assert lab.world.look(rental).status is Status.READY
    assert images(lab, other) == [copy.mark]


def test_what_broke_off_on_a_node_that_was_down_is_swept(lab: CarryingLab) -> None:
    copy = lab.copied()
    other = next(name for name in lab.world.nodes if name != copy.node)
    drain(lab, copy.node)
    rental = lab.bring_back(copy)
    node = lab.world.nodes[other]
    node.fail_next("image_fill", NodeDown(other, Refusal.DOWN, "cable"))
    lab.world.settle(5)
    lab.carrier.tick()
    assert [kept.stored.name for kept in node.shelf.everything().values()][-1] == f"kws-upload-{copy.mark}"
    lab.world.rental_service.return_rental(MINA, rental.id)
    lab.world.settle(30)
    sweep = lab.world.reconciler.sweep
    assert sweep.survey(other).leaks == [], "its copy explains it"
    node.go_down()
    Copies(lab.world.context).delete(MINA, copy.id)
    lab.world.settle(30)
    node.come_back()
    sweep.sweep(other)
    lab.world.clock.advance(minutes=11)
    sweep.sweep(other)
    assert images(lab, other) == []


def test_a_node_that_takes_no_more_images_is_left(make_world: Any) -> None:
    lab = CarryingLab(make_world(3))
    copy = lab.copied()
    drain(lab, copy.node)
    rental = lab.bring_back(copy)
    assert rental.placement
    first = rental.placement.node
    lab.world.nodes[first].fail_next(
        "image_create", NodeRefused(first, Refusal.QUOTA, "image quota"), times=9
    )
    lab.settle(120)
    ready = lab.world.look(rental)
    assert ready.status is Status.READY
    assert ready.placement
    assert ready.placement.node not in (first, copy.node)


def test_when_no_node_can_take_it_the_rental_ends_with_the_reason(lab: CarryingLab) -> None:
    copy = lab.copied()
    other = next(name for name in lab.world.nodes if name != copy.node)
    drain(lab, copy.node)
    rental = lab.bring_back(copy)
    node = lab.world.nodes[other]
    node.fail_next("image_create", NodeRefused(other, Refusal.QUOTA, "image quota"), times=9)
    lab.settle(120)
    ended = lab.world.look(rental)
    assert (ended.status, ended.reason) == (Status.ENDED, Reason.NO_NODE)
    assert Copies(lab.world.context).get(MINA, copy.id).state is CopyState.KEPT


def test_what_does_not_fit_through_this_machine_is_not_tried_for_ever(
    lab: CarryingLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = lab.copied()
    drain(lab, copy.node)
    rental = lab.bring_back(copy)
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    lab.settle(120)
    ended = lab.world.look(rental)
    assert (ended.status, ended.reason) == (Status.ENDED, Reason.NO_NODE)
    assert lab.world.nodes[copy.node].calls.count("image_read") == 1


def test_what_is_chosen_is_checked(lab: CarryingLab) -> None:
    copy = lab.copied(size="medium")
    with pytest.raises(FormError) as error:
        lab.bring_back(copy, size="small")
    assert error.value.fields["size"].code is ErrorCode.SIZE_SMALL
    with pytest.raises(FormError) as error:
        lab.world.rent("mine", JOON, image=None, copy=copy.id, size="medium")
    assert error.value.fields["image"].code is ErrorCode.COPY_GONE
    assert [one.id for one in lab.world.rental_service.offer(MINA).copies] == [copy.id]
    assert (
        lab.world.rental_service.offer(JOON).copies == ()
        or list(lab.world.rental_service.offer(JOON).copies) == []
    )


def test_old_keys_of_the_whole_line_are_known(lab: CarryingLab) -> None:
    copy = lab.copied("web01")
    second = lab.bring_back(copy, "web02")
    lab.settle()
    again = Copies(lab.world.context).request(MINA, second.id)
    lab.world.settle()
    assert Copies(lab.world.context).get(MINA, again.id).keys == ["kws-web01", "kws-web02"]


def test_a_copy_in_use_for_a_build_stays(lab: CarryingLab) -> None:
    copy = lab.copied()
    lab.bring_back(copy)
    with pytest.raises(UserError) as error:
        Copies(lab.world.context).delete(MINA, copy.id)
    assert error.value.code is ErrorCode.COPY_IN_USE
    lab.settle()
    Copies(lab.world.context).delete(MINA, copy.id)
