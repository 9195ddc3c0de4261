"""Rentals that wait for room, or for their first day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from harness.world import ADMIN, JOON, MINA, SECOND, World

from kws_core.errors import ErrorCode, FormError, Refusal, UserError
from kws_core.moves.service import Moves
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.scheduling.waiting_list import MOST_TURNS, PAUSE
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Reason, Status

HANA = Actor("U0HANA00001")


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """One node with room for two small servers, or one of medium size."""
    return make_world(1, vcpus=2, ram_mb=1024, disk_gb=10, max_rentals=4)


def wait(world: World, name: str, who: Actor = JOON, **changes: Any) -> Rental:
    """It is rented, or waits; the next who asks is later."""
    world.clock.advance(seconds=1)
    return world.rent(name, who, wait=True, **changes)


def no_room(world: World, name: str, who: Actor = JOON, **changes: Any) -> UserError:
    """What the form says."""
    with pytest.raises(FormError) as caught:
        world.rent(name, who, **changes)
    return next(iter(caught.value.fields.values()))


def full(world: World, days: int = 14) -> tuple[Rental, Rental]:
    """Both small servers are rented."""
    return world.ready("a1", MINA, ends_on=world.day(days)), world.ready(
        "a2", MINA, ends_on=world.day(days + 3)
    )


def test_where_nothing_fits_it_says_when_something_does(world: World) -> None:
    full(world)
    error = no_room(world, "web01")
    assert error.code is ErrorCode.NO_ROOM
    assert error.data["earliest"] is None  # not before its own last day
    error = no_room(world, "web01", ends_on=world.day(30))
    assert error.data["earliest"] == world.day(15)


def test_who_waits_gets_the_room_that_comes(world: World) -> None:
    first, _ = full(world)
    waiting = wait(world, "web01", ends_on=world.day(30))
    assert waiting.status is Status.WAITING
    assert world.kinds(waiting) == ["wait_started"]
    world.settle(120)
    assert world.look(waiting).status is Status.WAITING
    world.rental_service.return_rental(MINA, first.id)
    world.settle(120)
    rental = world.look(waiting)
    assert rental.status is Status.READY
    assert world.kinds(rental)[:2] == ["wait_started", "wait_over"]
    assert world.left().keys() == {"node1"}


def test_who_leaves_the_queue_is_over_at_once(world: World) -> None:
    full(world)
    waiting = wait(world, "web01", ends_on=world.day(30))
    world.rental_service.return_rental(JOON, waiting.id)
    assert world.look(waiting).status is Status.ENDED
    assert world.look(waiting).reason is Reason.RETURNED


def test_a_wish_lapses_after_its_last_day_or_the_day_that_was_chosen(world: World) -> None:
    full(world, days=60)
    soon = wait(world, "soon", ends_on=world.day(40), wait_until=world.day(2))
    later = wait(world, "later", HANA, ends_on=world.day(4))
    world.midnight(3, minutes=2)
    world.settle(120)
    assert world.look(soon).reason is Reason.LAPSED
    assert world.look(later).status is Status.WAITING
    world.midnight(2, minutes=2)
    world.settle(120)
    assert world.look(later).reason is Reason.LAPSED


def test_a_later_equal_wish_waits_behind(world: World) -> None:
    first, _ = full(world)
    one = wait(world, "one", JOON, ends_on=world.day(30))
    two = wait(world, "two", HANA, ends_on=world.day(30))
    world.rental_service.return_rental(MINA, first.id)
    error = no_room(world, "pushy", ADMIN, ends_on=world.day(30))
    assert error.code is ErrorCode.NO_ROOM
    world.settle(120)
    assert world.look(one).status is Status.READY
    assert world.look(two).status is Status.WAITING


def test_a_small_wish_passes_a_large_one_only_where_it_does_not_delay_it(world: World) -> None:
    full(world)[0]
    world.settle(120)
    large = wait(world, "large", JOON, size="medium", ends_on=world.day(60))
    assert large.status is Status.WAITING
    world.rental_service.return_rental(MINA, world.rental_queries.my_rentals(MINA)[0].id)
    world.settle(120)
    late = wait(world, "late", HANA, ends_on=world.day(40))  # would keep the large one waiting
    assert late.status is Status.WAITING
    short = wait(world, "short", ADMIN, ends_on=world.day(10))  # over before the large one can begin
    assert short.status is Status.REQUESTED


def test_a_first_day_is_promised_and_kept(world: World) -> None:
    first = world.rent("exam", JOON, size="medium", starts_on=world.day(10), ends_on=world.day(12))
    assert (first.status, first.planned_node) == (Status.WAITING, "node1")
    error = no_room(world, "web01", HANA, ends_on=world.day(20))
    assert error.data["until"] == world.day(8)
    short = world.ready("web01", HANA, ends_on=world.day(8))
    assert short.status is Status.READY
    for _ in range(9):
        world.midnight(1, minutes=1)
        world.deliver_all()
        world.nightly.tick()
        world.settle(60)
    world.midnight(1, minutes=-10)
    world.settle(300)
    assert world.look(first).status is Status.WAITING
    world.settle(290)
    rental = world.look(first)
    assert rental.status is Status.READY
    assert rental.ready_at is not None
    assert rental.ready_at < world.context.expiry.midnight(first.starts_on or date.min)


def test_extending_stops_where_it_is_promised_to_others(world: World) -> None:
    mine = world.ready("web01", MINA, ends_on=world.day(5))
    world.rent("exam", JOON, size="medium", starts_on=world.day(10), ends_on=world.day(12))
    extensions = Extensions(world.context)
    with pytest.raises(UserError) as caught:
        extensions.extend(MINA, mine.id, world.day(11), via="test")
    assert caught.value.code is ErrorCode.PROMISED
    assert caught.value.data["latest"] == world.day(8)
    assert [one.name for one in caught.value.data["hit"]] == ["exam"]
    assert extensions.extend(MINA, mine.id, world.day(8), via="test").ends_on == world.day(8)
    long = extensions.extend(ADMIN, mine.id, world.day(20), via="test", note="paper", over_promises=True)
    assert long.ends_on == world.day(20)


def test_a_first_day_that_is_not_free_says_which_is(world: World) -> None:
    full(world)
    error = no_room(world, "exam", JOON, starts_on=world.day(10), ends_on=world.day(20))
    assert error.code is ErrorCode.NOT_FREE
    assert error.data["following"] == world.day(16)


def test_first_days_that_make_no_sense(world: World) -> None:
    assert no_room(world, "a", starts_on=world.day(-1)).code is ErrorCode.END_PAST
    assert no_room(world, "a", starts_on=world.day(15), ends_on=world.day(14)).code is ErrorCode.STARTS_LATE
    assert no_room(world, "a", wait_until=world.day(-1), wait=True).code is ErrorCode.END_PAST
    assert no_room(world, "a", starts_on=world.day(15), ends_on=world.day(120)).code is ErrorCode.END_LATE
    assert world.rent("a", JOON, starts_on=world.day(0)).status is Status.REQUESTED


def test_what_waited_too_long_lapses_also_where_there_is_room_by_now(world: World) -> None:
    full(world)
    late = wait(world, "late", ends_on=world.day(30), wait_until=world.day(2))
    maintenance = NodeMaintenance(world.context)
    maintenance.drain(ADMIN, "node1", where="test")
    for rental in world.rental_queries.my_rentals(MINA):
        world.rental_service.return_rental(MINA, rental.id)
    world.settle(120)
    assert world.look(late).status is Status.WAITING
    world.midnight(3, minutes=1)
    maintenance.undrain(ADMIN, "node1", where="test")
    assert Waiting(world.context).serve() == []
    assert world.look(late).reason is Reason.LAPSED


def test_both_sizes_of_a_resize_come_back_at_its_end(make_world: Callable[..., World]) -> None:
    world = make_world(1, vcpus=3, ram_mb=3072, disk_gb=40)
    mine = world.ready("web01", MINA, ends_on=world.day(3))
    Moves(world.context).start(MINA, mine.id, size=world.config.size("large"))
    assert world.look(mine).resizing
    later = world.rent("exam", JOON, size="large", starts_on=world.day(10), ends_on=world.day(12))
    assert (later.status, later.planned_node) == (Status.WAITING, "node1")


def test_who_was_given_room_has_more_than_who_was_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while its build has not begun: nobody's second wish goes before another's first."""
    first, second = full(world)
    one, two = (wait(world, name, JOON, ends_on=world.day(30)) for name in ("one", "two"))
    hers = wait(world, "hers", HANA, ends_on=world.day(30))
    monkeypatch.setattr(world, "deliver_key", lambda rental_id: None)
    world.rental_service.return_rental(MINA, first.id)
    world.settle(120)
    assert world.look(one).status is Status.BUILDING
    world.rental_service.return_rental(MINA, second.id)
    world.settle(120)
    assert world.look(hers).status is Status.BUILDING
    assert world.look(two).status is Status.WAITING


@pytest.fixture
def refused(world: World) -> Rental:
    """It waited, with somebody behind it; the node that had room for it went on to say that it has none."""
    first, _ = full(world)
    waiting = wait(world, "web01", ends_on=world.day(30))
    wait(world, "behind", HANA, ends_on=world.day(30))
    world.nodes["node1"].break_next(Refusal.NO_HOST)
    world.rental_service.return_rental(MINA, first.id)
    for _ in range(60):
        world.settle(1)
        if "waiting" in world.kinds(waiting):
            break
    return world.look(waiting)


def test_who_was_given_room_that_is_none_waits_where_it_stood(world: World, refused: Rental) -> None:
    assert refused.status is Status.WAITING
    world.settle(300)
    behind = next(r for r in world.rental_queries.my_rentals(HANA) if r.name == "behind")
    assert (world.look(refused).status, behind.status) == (Status.WAITING, Status.WAITING)
    assert world.left().keys() == {"node1"}
    world.settle(600)
    served = world.look(refused)
    assert (served.status, world.look(behind).status) == (Status.READY, Status.WAITING)
    assert world.kinds(served).count("wait_over") == 2
    assert [placement.node for placement in served.placements] == ["node1"]


def test_what_a_node_may_still_have_of_it_is_deleted_before_it_has_ended(
    world: World, refused: Rental
) -> None:
    assert {p.state for p in refused.placements} == {PlacementState.DELETING}
    world.rental_service.return_rental(JOON, refused.id)
    assert world.look(refused).status is Status.ENDING
    world.settle(60)
    assert world.look(refused).status is Status.ENDED
    assert refused.mark not in world.left().get("node1", {})


def test_nobody_is_given_room_that_is_none_for_ever(world: World, refused: Rental) -> None:
    for _ in range(MOST_TURNS - 1):
        world.nodes["node1"].break_next(Refusal.NO_HOST)
        world.settle(PAUSE // SECOND + 120)
    assert (world.look(refused).status, world.look(refused).reason) == (Status.ENDED, Reason.NO_NODE)
    assert world.kinds(refused).count("wait_over") == MOST_TURNS
