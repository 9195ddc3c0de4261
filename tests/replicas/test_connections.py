"""What threads and connections have of PostgreSQL: broken connections, and the order of locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.world import MINA, Clock, Inline, make_config
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from kws_core.context import Context
from kws_core.database import engine, queries
from kws_core.database.leases import Leases
from kws_core.database.store import Store
from kws_core.errors import NodeDown, Refusal
from kws_core.nodes.fake.node import FakeNode
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import RentalService

WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
BREAK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
PATIENCE = 10.0  # seconds, of a test that would fail otherwise


@pytest.fixture
def store(new_database: Callable[[], str]) -> Iterator[Store]:
    store = Store(new_database())
    yield store
    store.close()


def break_all(store: Store) -> None:
    """Some connections of a process that rest now, and are closed by PostgreSQL, as when it starts again."""
    with store.read() as one, store.read() as other:
        one.execute(text("SELECT 1"))
        other.execute(text("SELECT 1"))
    breaker = engine.make_engine(store.engine.url.render_as_string(hide_password=False))
    with breaker.connect() as connection:
        connection.execute(text(f"{BREAK} AND datname = current_database()"))
    breaker.dispose()


def test_a_connection_that_broke_while_it_rested_is_replaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RESTED", 0.0)
    break_all(store)
    with store.read() as one, store.read() as other:
        one.execute(text("SELECT 1"))
        other.execute(text("SELECT 1"))


def test_one_that_breaks_in_use_is_the_only_loss(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RESTED", 3600.0)
    break_all(store)
    with pytest.raises(OperationalError):
        store.ask()
    with store.read() as one, store.read() as other:
        one.execute(text("SELECT 1"))
        other.execute(text("SELECT 1"))


def test_of_writers_that_are_to_be_alone_the_second_waits_and_others_do_not(store: Store) -> None:
    def write() -> None:
        with store.write(alone=True):
            pass

    with ThreadPoolExecutor(1) as pool:
        with store.write(alone=True):
            second = pool.submit(write)
            with store.write() as session:
                session.execute(text("SELECT pg_sleep(0.1)"))
            assert not second.done()
        second.result(PATIENCE)


def test_a_lease_is_free_at_the_end_of_its_block(store: Store) -> None:
    one, other = (Leases(store, who, Clock()) for who in ("one", "other"))
    with one.acquire("mail") as ours, other.acquire("mail") as theirs:
        assert (ours, theirs) == (True, False)
    with other.acquire("mail") as theirs:
        assert theirs


def test_who_leaves_a_silent_node_locks_capacity_before_the_rental(new_database: Callable[[], str]) -> None:
    """The other way round, it and somebody who gives room to this rental would wait for each other."""
    url, clock = new_database(), Clock()
    nodes = {name: FakeNode(name, clock, vcpus=64, ram_mb=65536) for name in ("node1", "node2")}
    here, there = (Context(make_config(2), Store(url), clock) for _ in "ab")
    reconciler = Reconciler(here, nodes, lambda node, sort: Inline())
    reconciler.start()
    reconciler.tick()
    form = RentForm(name="web01", image="debian-12", size="small", ends_on=here.today())
    rental = RentalService(here).request(MINA, form, "view:1")
    left = rental.placements[0].node
    with ThreadPoolExecutor(1) as pool:
        with queries.capacity_turn(there.store) as session:
            down = NodeDown(left, Refusal.DOWN, "no answer")
            leaving = pool.submit(reconciler.steps.fail_over, left, down)
            with there.store.read() as watching:
                while not watching.scalar(text(WAITS)):
                    watching.rollback()
            assert queries.rental(session, rental.id, lock=True) is not None
        leaving.result(PATIENCE)
    with here.store.read() as session:
        found = queries.rental(session, rental.id)
    assert found and found.placement and found.placement.node != left
    here.store.close()
    there.store.close()
