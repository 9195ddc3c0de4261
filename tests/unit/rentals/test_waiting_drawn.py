"""Any afternoon of a full lab, drawn by Hypothesis: people ask, wait, reserve, extend, and return; nodes come and go.

What must hold is added up from the rows, not asked of the code that plans.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta

import pytest
from harness.sampling import THOROUGH
from harness.world import World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from kws_core.errors import UserError
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling import waiting_list
from kws_core.scheduling.calendar import Calendar
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Status

PEOPLE = [Actor(f"U0P{number}") for number in range(7)]
ADMIN = Actor("U0ADMIN001", admin=True)
DAYS = 40
NODES = {"node1": (4, 4096), "node2": (4, 4096)}  # vCPUs and memory

asks = st.tuples(
    st.just("ask"),
    st.integers(0, 6),
    st.sampled_from(["small", "medium", "large"]),
    st.integers(1, 20),
    st.integers(0, 12),
)
others = st.tuples(
    st.sampled_from(["return", "return", "extend", "drain", "undrain", "day"]),
    st.integers(0, 9),
    st.integers(1, 15),
)


class Afternoon:
    """Plays what was drawn."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 0

    def play(self, step: Sequence[object]) -> None:
        """One act of somebody, and what comes of it."""
        self.world.clock.advance(seconds=1)
        what = str(step[0])
        if what == "ask":
            self._ask(PEOPLE[int(str(step[1]))], str(step[2]), int(str(step[3])), int(str(step[4])))
        else:
            getattr(self, f"_{what}")(int(str(step[1])), int(str(step[2])))
        self.settle()

    def settle(self) -> None:
        """What is gone is gone, and who waited has got what there is."""
        self.world.settle(20)
        Waiting(self.world.context).serve()
        self.world.settle(6)

    def rentals(self, *statuses: Status) -> list[Rental]:
        """All there are in these, the oldest first."""
        with self.world.store.read() as session:
            rows = session.scalars(select(Rental).order_by(Rental.created_at)).unique().all()
        return [rental for rental in rows if rental.status in statuses or not statuses]

    def _ask(self, who: Actor, size: str, days: int, later: int) -> None:
        self.number += 1
        first = self.world.day(later) if later > 6 else None
        last = self.world.day(days + (later if first else 0))
        with suppress(UserError):
            self.world.rent(f"s{self.number}", who, size=size, ends_on=last, starts_on=first, wait=True)

    def _return(self, number: int, _: int) -> None:
        if live := [rental for rental in self.rentals() if rental.live]:
            self.world.rental_service.return_rental(ADMIN, live[number % len(live)].id)

    def _extend(self, number: int, days: int) -> None:
        if live := [rental for rental in self.rentals() if rental.live]:
            one = live[number % len(live)]
            with suppress(UserError):
                until = max(one.ends_on, self.world.context.today()) + timedelta(days=days)
                Extensions(self.world.context).extend(Actor(one.owner), one.id, until, via="test")

    def _drain(self, number: int, _: int) -> None:
        NodeMaintenance(self.world.context).drain(ADMIN, f"node{number % 2 + 1}", where="test")

    def _undrain(self, number: int, _: int) -> None:
        NodeMaintenance(self.world.context).undrain(ADMIN, f"node{number % 2 + 1}", where="test")

    def _day(self, *_: int) -> None:
        self.world.deliver_all()
        self.world.nightly.tick()
        self.world.deliver_all()
        self.world.midnight(1, minutes=1)
        self.world.nightly.tick()


def check_capacity(afternoon: Afternoon) -> None:
    """On no day and no node is more promised than there is. What is overdue is no promise."""
    world, used = afternoon.world, defaultdict(lambda: [0, 0])
    today = world.context.today()

    def add(rental: Rental, node: str, first: date) -> None:
        day, free_from = max(first, today), world.context.expiry.free_from(rental.ends_on)
        while day < free_from:
            used[node, day][0] += rental.vcpus
            used[node, day][1] += rental.ram_mb
            day += timedelta(days=1)

    for rental in afternoon.rentals():
        for placement in rental.placements:
            if placement.state is PlacementState.ACTIVE:
                add(rental, placement.node, today)
        if rental.status is Status.WAITING and rental.starts_on and rental.starts_on > today:
            assert rental.planned_node is not None
            add(rental, rental.planned_node, rental.starts_on)
    for (node, day), (vcpus, ram_mb) in used.items():
        assert vcpus <= NODES[node][0] and ram_mb <= NODES[node][1], f"{node} is promised twice on {day}"


def check_order(afternoon: Afternoon) -> None:
    """Whoever waits with their first wish, and was given nothing since, was passed by no later equal one."""
    rentals = afternoon.rentals()
    with afternoon.world.store.read() as session:
        placed = dict(
            session.execute(
                select(Event.rental_id, Event.at).where(
                    Event.kind.in_((EventKind.WAIT_OVER, EventKind.REQUESTED))
                )
            ).all()
        )
    for waiting in rentals:
        mine = [r for r in rentals if r.owner == waiting.owner and r is not waiting]
        first = not any(r.status is Status.WAITING and r.created_at < waiting.created_at for r in mine)
        served = any(r.id in placed and (placed[r.id] >= waiting.created_at or r.live) for r in mine)
        if waiting.status is not Status.WAITING or waiting.starts_on or not first or served:
            continue
        for other in rentals:
            passed = other.id in placed and other.created_at > waiting.created_at
            equal = other.size == waiting.size and other.ends_on >= waiting.ends_on and not other.starts_on
            assert not (passed and equal and other.owner != waiting.owner), (
                f"{other.name} passed {waiting.name}"
            )


def everybody_is_served(afternoon: Afternoon) -> None:
    """Everything that is in use is returned, again and again: nobody waits for ever."""
    for node in NODES:
        NodeMaintenance(afternoon.world.context).undrain(ADMIN, node, where="test")
    for _ in range(DAYS):
        for rental in afternoon.rentals(Status.REQUESTED, Status.BUILDING, Status.READY, Status.STOPPED):
            afternoon.world.rental_service.return_rental(ADMIN, rental.id)
        afternoon.play(("day", 0, 0))
        live = [rental for rental in afternoon.rentals() if rental.live]
        if not live:
            return
        begin = any(rental.status is not Status.WAITING or rental.starts_on for rental in live)
        assert begin, "somebody waits although nobody has anything"
    raise AssertionError("somebody waits for ever")


def afternoons(make_world: Callable[..., World], steps: Sequence[Sequence[object]]) -> None:
    """One afternoon, looked at after each step."""
    world = make_world(2, vcpus=4, ram_mb=4096, disk_gb=400, max_rentals=6)
    afternoon = Afternoon(world)
    for step in steps:
        afternoon.play(step)
        check_capacity(afternoon)
        check_order(afternoon)
    everybody_is_served(afternoon)


@settings(
    max_examples=200 if THOROUGH else 6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.one_of(asks, asks, others), min_size=4, max_size=16))
def test_a_full_lab_is_fair(make_world: Callable[..., World], steps: Sequence[Sequence[object]]) -> None:
    afternoons(make_world, steps)


# -- planted faults, each with the steps on which its rule notices it

BIG = [("ask", n, "large", 20, 0) for n in range(4)]
BROKEN: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], list[tuple[object, ...]], str]] = {
    "promises take no room": (
        lambda patch: patch.setattr(Calendar, "keep", lambda self, promises: None),
        [("ask", 0, "large", 5, 8), ("ask", 1, "large", 20, 0), ("ask", 2, "large", 20, 0), ("ask", 3, "large", 20, 0),
         ("ask", 4, "large", 20, 0)],
        "promised twice",
    ),
    "an extension looks at no promise": (
        lambda patch: patch.setattr(waiting_list.WaitingList, "extend", lambda self, rental, until: []),
        [("ask", 0, "large", 5, 0), ("ask", 1, "large", 5, 0), ("ask", 2, "large", 5, 0), ("ask", 3, "large", 5, 0),
         ("ask", 4, "large", 9, 8), ("extend", 0, 15), ("extend", 1, 15), ("extend", 2, 15), ("extend", 3, 15)],
        "promised twice",
    ),
    "the newest goes first": (
        lambda patch: patch.setattr(
            waiting_list.fair_queue, "in_order", lambda wishes, served: sorted(wishes, key=lambda w: w.asked_at, reverse=True)
        ),
        [*BIG, ("ask", 4, "large", 20, 0), ("ask", 5, "large", 20, 0), ("return", 0, 1)],
        "passed",
    ),
    "nobody is served": (
        lambda patch: patch.setattr(Waiting, "_fits", lambda *_: False),
        [*BIG, ("ask", 4, "large", 20, 0)],
        "nobody has anything",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_broken_is_noticed(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    plant, steps, noticed = BROKEN[fault]
    afternoons(make_world, steps)  # as it is it is fair
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=noticed):
        afternoons(make_world, steps)
