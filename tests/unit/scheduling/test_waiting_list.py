"""Who gets room now is the same, whether all who wait are planned or only those who can begin; drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from harness.sampling import THOROUGH
from harness.world import World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from kws_core.errors import UserError
from kws_core.people import Actor
from kws_core.scheduling.calendar import NOW
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState

ADMIN = Actor("U0ADMIN001", admin=True)
asks = st.tuples(
    st.integers(0, 5), st.sampled_from(["small", "medium", "large"]), st.integers(1, 20), st.integers(0, 12)
)


def ask(world: World, number: int, drawn: tuple[int, str, int, int]) -> None:
    """Somebody asks for room now, or from a day that is a week away or more."""
    owner, size, days, later = drawn
    first = world.day(later) if later > 6 else None
    last = world.day(days + (later if first else 0))
    with suppress(UserError):  # there is none on those days, or it is too much for one person
        world.rent(f"s{number}", Actor(f"U0P{owner}"), size=size, ends_on=last, starts_on=first, wait=True)


def free(world: World, number: int) -> None:
    """One of those that hold something is gone, and nobody was given its room yet."""
    with world.store.write() as session:
        book = waiting_list(world, session)
        held = sorted({row.id for row in book.holding})
    if held:
        one = world.rental_service.return_rental(ADMIN, held[number % len(held)])
        with world.store.write() as session:
            for placement in session.get_one(Rental, one.id).placements:
                placement.state = PlacementState.DELETED


def waiting_list(world: World, session: Session) -> WaitingList:
    return WaitingList(session, world.context.config, world.context.expiry, world.clock())


@settings(
    max_examples=200 if THOROUGH else 10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=st.lists(asks, min_size=6, max_size=16), gone=st.lists(st.integers(0, 20), max_size=6))
def test_who_is_ready_is_who_may_begin_now_by_the_whole_plan(
    make_world: Callable[..., World], asked: Sequence[tuple[int, str, int, int]], gone: Sequence[int]
) -> None:
    world = make_world(2, vcpus=4, ram_mb=4096, disk_gb=400, max_rentals=6)
    for number, drawn in enumerate(asked):
        world.clock.advance(seconds=1)
        ask(world, number, drawn)
    for number in gone:
        free(world, number)
    with world.store.read() as session:
        _, slots = waiting_list(world, session).plan()
        calendar, ready = waiting_list(world, session).ready()
    assert ready == {rental: slot for rental, slot in slots.items() if slot and slot.first == NOW}
    assert not calendar.unmet
