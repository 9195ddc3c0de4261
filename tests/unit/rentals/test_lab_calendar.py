"""What is free on which day."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness.world import ADMIN, JOON, MINA, World

from kws_core.rentals.lab_calendar import DayPlan, LabCalendar
from kws_core.scheduling.waiting_list import Place


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """One node with room for two small servers, or one of medium size."""
    return make_world(1, vcpus=2, ram_mb=1024, disk_gb=10, max_rentals=4)


def changes(plan: DayPlan, size: str, world: World) -> list[tuple[int, int]]:
    """(days from now, how many fit), where that changes."""
    found: list[tuple[int, int]] = []
    for day in plan.days:
        if not found or found[-1][1] != day.fits[size]:
            found.append(((day.day - world.context.today()).days, day.fits[size]))
    return found


def test_an_empty_lab_is_free_every_day(world: World) -> None:
    plan = LabCalendar(world.context).days(JOON)
    assert len(plan.days) == 28
    assert changes(plan, "small", world) == [(0, 2)]
    assert changes(plan, "medium", world) == [(0, 1)]
    assert changes(plan, "large", world) == [(0, 0)]  # no node can ever have it
    assert plan.days[0].free["node1"].vcpus == 2


def test_what_ends_is_free_the_day_after_and_what_is_promised_is_not(world: World) -> None:
    world.ready("a1", MINA, ends_on=world.day(5))
    world.rent("exam", JOON, size="medium", starts_on=world.day(10), ends_on=world.day(12))
    plan = LabCalendar(world.context).days(JOON)
    # the evening before its first day it is built
    assert changes(plan, "small", world) == [(0, 1), (6, 2), (9, 0), (13, 2)]
    assert changes(plan, "medium", world) == [(0, 0), (6, 1), (9, 0), (13, 1)]


def test_who_waits_has_the_room_that_comes(world: World) -> None:
    world.ready("a1", MINA, ends_on=world.day(5))
    world.rent("m", JOON, size="medium", ends_on=world.day(20), wait=True)
    plan = LabCalendar(world.context).days(JOON)
    assert changes(plan, "small", world) == [(0, 1), (6, 0), (21, 2)]


def test_only_admins_see_whose_it_is(world: World) -> None:
    one = world.ready("a1", MINA, ends_on=world.day(5))
    exam = world.rent("exam", JOON, size="medium", starts_on=world.day(10), ends_on=world.day(12))
    late = world.rent("m", JOON, size="medium", ends_on=world.day(40), wait=True)
    assert LabCalendar(world.context).days(MINA).bookings == ()
    assert LabCalendar(world.context).days(MINA).waiting == ()
    plan = LabCalendar(world.context).days(ADMIN)
    assert [(booking.name, booking.owner, booking.first, booking.last) for booking in plan.bookings] == [
        (one.name, MINA.id, None, world.day(5)),
        (exam.name, JOON.id, world.day(10), world.day(12)),
        (late.name, JOON.id, world.day(13), world.day(40)),
    ]
    assert [(rental.name, place) for rental, place in plan.waiting] == [
        ("m", Place(1, 1, world.day(13))),
        ("exam", None),
    ]


def test_what_is_being_deleted_is_there_today(world: World) -> None:
    one = world.ready("a1", MINA, ends_on=world.day(5))
    world.nodes["node1"].fail_next("delete", RuntimeError("not now"))
    world.rental_service.return_rental(MINA, one.id)
    plan = LabCalendar(world.context).days(ADMIN)
    assert [(booking.name, booking.last) for booking in plan.bookings] == [("a1", world.day(0))]
    assert changes(plan, "small", world)[0] == (0, 1)


def test_a_node_that_does_not_respond_has_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(2, vcpus=2, ram_mb=1024, disk_gb=10)
    world.nodes["node2"].go_down()
    world.settle(120)
    assert changes(LabCalendar(world.context).days(JOON), "small", world) == [(0, 2)]
