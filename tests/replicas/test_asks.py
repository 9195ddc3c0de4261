"""Admins decide at once, of several replicas: the first answer counts, and what is approved is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from harness.postgres_kit import Postgres
from harness.world import Clock, make_config
from sqlalchemy import select

from kws_core.asks.service import Asks
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.errors import ErrorCode, UserError
from kws_core.nodes.fake.node import FakeNode
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import RentalService
from kws_core.scheduling import capacity
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

pytestmark = pytest.mark.thorough  # starts a server
REPLICAS, ADMINS = 4, 12
MINA = Actor("U0MINA00001")
ANSWERS = (EventKind.ASK_APPROVED, EventKind.ASK_DECLINED)


@pytest.fixture
def crew(postgres: Postgres, migrated: str) -> list[Context]:
    """Replicas that know of one node."""
    clock, url = Clock(), postgres.database(migrated)
    crew = [Context(make_config(1), Store(url), clock) for _ in range(REPLICAS)]
    node = FakeNode("node1", clock, vcpus=64, ram_mb=65536)
    with crew[0].store.write() as session:
        capacity.note_answer(session, "node1", node.images(), node.capacity(), (), clock())
    return crew


def at_once(acts: list[Callable[[], object]]) -> list[ErrorCode]:
    """Each in a thread of its own; why it was refused."""
    gate, refused = threading.Barrier(len(acts)), list[ErrorCode]()

    def begin(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except UserError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=begin, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def decide(context: Context, number: int, ask: int) -> Callable[[], object]:
    """One of many admins."""
    who, asks = Actor(f"U0ADMIN{number:03}", admin=True), Asks(context)
    act = asks.approve if number % 2 else asks.decline
    return lambda: act(who, ask, via="notice")


def test_the_first_of_many_admins_decides(crew: list[Context]) -> None:
    last = crew[0].today() + timedelta(days=120)
    form = RentForm("web01", "debian-12", "small", last, ask="for the exam")
    at_once(
        [lambda context=context: RentalService(context).request(MINA, form, "view:1") for context in crew]
    )  # type: ignore[misc]
    (ask,) = Asks(crew[0]).open()
    refused = at_once([decide(crew[n % REPLICAS], n, ask.id) for n in range(ADMINS)])
    assert set(refused) == {ErrorCode.ASK_DECIDED}
    assert len(refused) == ADMINS - 1
    with crew[0].store.read() as session:
        (rental,) = session.scalars(select(Rental)).unique()
        answers = session.scalars(select(Event.kind).where(Event.kind.in_(ANSWERS))).all()
    assert len(answers) == 1
    approved = answers == [EventKind.ASK_APPROVED]
    assert rental.status is (Status.REQUESTED if approved else Status.ENDED)
