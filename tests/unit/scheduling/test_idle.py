"""Owners of servers that look unused are asked while others wait, and nothing is ever taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from harness.world import ADMIN, JOON, MINA, World

from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.reconcile.idle_watch import IdleWatch
from kws_core.rentals.extension import Extensions
from kws_core.scheduling import idle
from kws_core.scheduling.idle import StillNeeded
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Status

HANA = Actor("U0HANA00001")
NOW = datetime(2026, 12, 10, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """One node with room for two small servers."""
    return make_world(1, vcpus=2, ram_mb=1024, disk_gb=10, max_rentals=4)


def full(world: World, days: int = 40) -> tuple[Rental, Rental]:
    """Mina has all of the node."""
    one, two = (world.ready(name, ends_on=world.day(days)) for name in ("a1", "a2"))
    return one, two


def waits(world: World, who: Actor = JOON, name: str = "web01", **changes: object) -> Rental:
    """Somebody for whom there is no room."""
    return world.rent(name, who, wait=True, **{"ends_on": world.day(60), **changes})


def hours(world: World, number: int) -> None:
    """So many hours pass; each node is looked at in each."""
    for _ in range(number):
        world.clock.advance(hours=1)
        world.reconciler.idle.look("node1")


def asked(world: World, rental: Rental) -> int:
    return world.kinds(rental).count("idle_asked")


def works(world: World, rental: Rental, share: float) -> None:
    """Its server uses that much of its vCPUs."""
    servers, held = world.nodes["node1"].servers, rental.placement
    assert held and held.server_id
    servers[held.server_id] = replace(servers[held.server_id], cpu_share=share)


def later(world: World, days: float) -> None:
    world.clock.advance(days=days)


def untouched(world: World, days: float) -> tuple[Rental, Rental]:
    """Mina has done nothing with hers for so many days, and their node tells no CPU time."""
    both = full(world)
    world.nodes["node1"].diagnostics = False
    later(world, days)
    return both


def test_an_unused_server_is_asked_about_once_cpu_time_was_read_twice(world: World) -> None:
    one, two = full(world)
    later(world, 7)
    waits(world)
    waits(world, JOON, "web02")
    hours(world, 6)
    assert (asked(world, one), asked(world, two)) == (0, 0), "one look tells nothing"
    hours(world, 1)
    assert (asked(world, one), asked(world, two)) == (1, 1)
    event = world.last_event(one)
    assert event.data == {"since": "2026-12-01", "waiting": 1}, "two wishes of one person"
    assert event.key == "idle:2026-W50"
    hours(world, 30)
    assert (asked(world, one), asked(world, two)) == (1, 1)
    assert world.look(one).status is Status.READY


def test_without_diagnostics_what_its_owner_did_counts_alone(world: World) -> None:
    one, _ = untouched(world, 7)
    waits(world)
    hours(world, 1)
    assert asked(world, one) == 1


def test_nobody_is_asked_while_nobody_waits(world: World) -> None:
    one, _ = untouched(world, 20)
    hours(world, 3)
    assert asked(world, one) == 0
    assert "cpu_seconds" not in world.nodes["node1"].calls


def test_a_day_to_come_is_no_wait_nor_is_ones_own(world: World) -> None:
    one, _ = untouched(world, 10)
    waits(world, JOON, "booked", starts_on=world.day(45))
    waits(world, MINA, "mine")
    hours(world, 2)
    assert asked(world, one) == 0
    waits(world, HANA, "theirs")
    hours(world, 1)
    assert asked(world, one) == 1


def test_who_could_not_have_the_room_counts_not(make_world: Callable[..., World]) -> None:
    world = make_world(2, vcpus=1, ram_mb=512, disk_gb=5)
    by_node = {}
    for name in ("a1", "a2"):
        rental = world.ready(name, ends_on=world.day(60))
        assert rental.placement
        by_node[rental.placement.node] = rental
    for node in world.nodes.values():
        node.diagnostics = False
    later(world, 8)
    waits(world, ADMIN, node="node2")
    for node in world.nodes:
        world.reconciler.idle.look(node)
    assert (asked(world, by_node["node1"]), asked(world, by_node["node2"])) == (0, 1)


def test_nobody_is_asked_of_a_node_that_does_not_answer(world: World) -> None:
    one, _ = full(world)
    later(world, 10)
    waits(world)
    world.nodes["node1"].go_down()
    hours(world, 8)
    assert asked(world, one) == 0


@pytest.mark.parametrize("share", [0.011, 1.0])
def test_a_busy_server_is_not_asked_about(world: World, share: float) -> None:
    one, two = full(world)
    works(world, one, share)
    later(world, 8)
    waits(world)
    hours(world, 40)
    assert (asked(world, one), asked(world, two)) == (0, 1)


def test_a_server_that_gets_busy_between_the_looks_is_not_asked_about(world: World) -> None:
    one, _ = full(world)
    later(world, 7)
    waits(world)
    hours(world, 4)
    works(world, one, 0.01)
    hours(world, 5)
    assert asked(world, one) == 0


def test_what_ends_soon_or_was_used_lately_is_left_alone(world: World) -> None:
    world.nodes["node1"].diagnostics = False
    soon = world.ready("a1", ends_on=world.day(11))
    used = world.ready("a2", ends_on=world.day(60))
    later(world, 9)
    Extensions(world.context).extend(MINA, used.id, world.day(61), via="test")
    waits(world)
    hours(world, 3)
    assert (asked(world, soon), asked(world, used)) == (0, 0)
    later(world, 6.9)
    hours(world, 4)
    assert asked(world, used) == 1


def test_an_owner_who_got_it_lately_is_left_alone(world: World) -> None:
    one, _ = untouched(world, 9)
    Extensions(world.context).transfer(ADMIN, one.id, HANA.id)
    waits(world)
    hours(world, 3)
    assert asked(world, one) == 0


def test_one_question_a_week_with_an_answer_and_without(world: World) -> None:
    one, two = untouched(world, 8)
    waits(world)
    hours(world, 1)
    counts = {}
    for day in range(1, 12):
        if day == 4:
            StillNeeded(world.context).keep(MINA, one.id, via="warning")
        later(world, 23 / 24)
        hours(world, 1)
        counts[day] = asked(world, one), asked(world, two)
    assert counts[6] == (1, 1)
    assert counts[7] == (1, 2)
    assert counts[9] == (1, 2), "who answered has a week from then"
    assert counts[10] == (2, 2)


def test_three_questions_a_day_in_the_whole_lab(make_world: Callable[..., World]) -> None:
    world = make_world(2, vcpus=3, max_rentals=9)
    rentals = [world.ready(f"a{number}", ends_on=world.day(60)) for number in range(6)]
    for node in world.nodes.values():
        node.diagnostics = False
    later(world, 8)
    waits(world)

    def count() -> int:
        for name in world.nodes:
            world.reconciler.idle.look(name)
        return sum(asked(world, rental) for rental in rentals)

    assert count() == 3
    later(world, 0.3)
    assert count() == 3
    later(world, 0.7)
    assert count() == 6
    assert all(asked(world, rental) == 1 for rental in rentals)


def test_nobody_is_asked_at_night(world: World) -> None:
    one, _ = untouched(world, 8)
    waits(world)
    world.midnight(1)
    hours(world, 8)
    assert asked(world, one) == 0
    hours(world, 1)
    assert asked(world, one) == 1


def test_two_processes_and_a_restart_ask_once(world: World) -> None:
    one, _ = full(world)
    later(world, 7)
    waits(world)
    hours(world, 4)
    world.restart()
    hours(world, 3)
    assert asked(world, one) == 1
    IdleWatch(world.context, world.nodes).look("node1")
    assert asked(world, one) == 1


def test_the_loop_looks_once_an_hour(world: World) -> None:
    one, _ = untouched(world, 8)
    waits(world)
    world.settle(70)
    assert asked(world, one) == 1


def test_it_can_be_turned_off(make_world: Callable[..., World]) -> None:
    world = make_world(1, vcpus=2, ram_mb=1024, disk_gb=10, max_rentals=4, policy="ask_idle = false")
    one, _ = untouched(world, 8)
    waits(world)
    hours(world, 3)
    assert asked(world, one) == 0


def test_only_its_owner_says_that_it_is_needed_and_once(world: World) -> None:
    one, _ = full(world)
    still = StillNeeded(world.context)
    for who in (JOON, ADMIN):
        with pytest.raises(UserError) as caught:
            still.keep(who, one.id, via="warning")
        assert caught.value.code is ErrorCode.RENTAL_GONE
    for _ in range(2):
        still.keep(MINA, one.id, via="warning")
    assert world.kinds(one).count("idle_kept") == 1
    world.rental_service.return_rental(MINA, one.id)
    with pytest.raises(UserError) as caught:
        still.keep(MINA, one.id, via="warning")
    assert caught.value.code is ErrorCode.TOO_LATE_TO_EXTEND


def looks(*read: tuple[float, float | None], vcpus: int = 2, off: bool = False) -> list[bool]:
    """Whether it looks idle after each look: hours from the first one, CPU seconds."""
    held = Placement(powered_off=off)
    return [idle.note_cpu(held, vcpus, seconds, NOW + hour * HOUR) for hour, seconds in read]


@pytest.mark.parametrize(
    ("read", "idle_by_it"),
    [
        ([(0, None), (1, None)], [True, True]),
        ([(0, 5.0), (5.9, 5.0), (6, 5.0), (7, 5.0)], [False, False, True, True]),
        ([(0, 0.0), (6, 431.0)], [False, True]),  # 2 vCPUs, 6 hours: 432 s are one percent
        ([(0, 0.0), (6, 432.0), (12, 433.0)], [False, False, True]),
        ([(0, 0.0), (6, 1.0), (7, 500.0), (8, 501.0)], [False, True, False, False]),  # it works since
        ([(0, 900.0), (6, 3.0), (12, 4.0)], [False, False, True]),  # started anew
        ([(0, 0.0), (31, 1.0), (37, 2.0)], [False, False, True]),  # too long ago
        ([(0, 0.0), (6, 1.0), (7, None), (8, None)], [False, True, False, True]),  # no longer told
    ],
)
def test_two_looks_at_its_cpu_time(read: list[tuple[float, float | None]], idle_by_it: list[bool]) -> None:
    assert looks(*read) == idle_by_it


def test_a_stopped_server_uses_none() -> None:
    assert looks((0, 5.0), (1, None), off=True) == [False, True]


def test_the_first_answer_counts(world: World) -> None:
    one, _ = untouched(world, 8)
    waits(world)
    hours(world, 1)
    history = world.rental_queries.history(one.id)
    question = next(event for event in history if event.kind is EventKind.IDLE_ASKED)
    assert idle.answered(MINA.id, question, history) is None
    StillNeeded(world.context).keep(MINA, one.id, via="warning")
    found = idle.answered(MINA.id, question, world.rental_queries.history(one.id))
    assert found and found.kind is EventKind.IDLE_KEPT
