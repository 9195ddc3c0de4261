"""Many ask at once, of four replicas: the last slots and the same days are given away once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from harness.postgres_kit import Postgres
from harness.world import Clock, make_config
from sqlalchemy import select

from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.errors import UserError
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import RentalService
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling import capacity
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

pytestmark = pytest.mark.thorough  # starts a server
PEOPLE, SLOTS, REPLICAS = 50, 2, 4


@pytest.fixture
def crew(postgres: Postgres, migrated: str) -> list[Context]:
    """Replicas that know of one node with room for two."""
    clock, url = Clock(), postgres.database(migrated)
    config = make_config(1, vcpus=SLOTS, ram_mb=512 * SLOTS, disk_gb=5 * SLOTS)
    crew = [Context(config, Store(url), clock) for _ in range(REPLICAS)]
    node = FakeNode("node1", clock, vcpus=64, ram_mb=65536)
    with crew[0].store.write() as session:
        capacity.note_answer(session, "node1", node.images(), node.capacity(), (), clock())
    return crew


def all_at_once(acts: list[Callable[[], object]]) -> None:
    """Each in a thread of its own."""
    gate = threading.Barrier(len(acts))

    def begin(act: Callable[[], object]) -> None:
        gate.wait()
        with suppress(UserError):
            act()

    threads = [threading.Thread(target=begin, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask(context: Context, number: int, starts_in: int = 0) -> Callable[[], object]:
    """Somebody's form."""
    today = context.today()
    first = today + timedelta(days=starts_in) if starts_in else None
    last = today + timedelta(days=starts_in + 5)
    form = RentForm(f"s{number}", "debian-12", "small", last, starts_on=first, wait=True)
    return lambda: RentalService(context).request(Actor(f"U{number}"), form, f"view:{number}")


def rentals(context: Context) -> list[Rental]:
    with context.store.read() as session:
        return list(session.scalars(select(Rental).order_by(Rental.created_at)).unique())


def states(context: Context) -> Counter[Status]:
    return Counter(rental.status for rental in rentals(context))


def test_two_last_slots_are_given_to_two_of_fifty(crew: list[Context]) -> None:
    all_at_once([ask(crew[n % REPLICAS], n) for n in range(PEOPLE)])
    assert states(crew[0]) == {Status.REQUESTED: SLOTS, Status.WAITING: PEOPLE - SLOTS}
    all_at_once([Waiting(context).serve for context in crew])
    assert states(crew[0])[Status.REQUESTED] == SLOTS
    gone = [rental for rental in rentals(crew[0]) if rental.status is Status.REQUESTED]
    for rental in gone:
        RentalService(crew[0]).return_rental(Actor(rental.owner), rental.id)
    all_at_once([Waiting(context).serve for context in crew])
    assert states(crew[0]) == {
        Status.ENDED: SLOTS,
        Status.REQUESTED: SLOTS,
        Status.WAITING: PEOPLE - 2 * SLOTS,
    }


def test_the_same_days_are_promised_to_two_of_fifty(crew: list[Context]) -> None:
    all_at_once([ask(crew[n % REPLICAS], n, starts_in=10) for n in range(PEOPLE)])
    assert states(crew[0]) == {Status.WAITING: SLOTS}
    assert {rental.planned_node for rental in rentals(crew[0])} == {"node1"}
