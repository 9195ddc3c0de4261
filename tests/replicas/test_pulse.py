"""Leases and the pulse on a real PostgreSQL, step by step: who is taken for dead, and what that one may still do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from harness.world import MINA, Clock, Inline, make_config
from sqlalchemy import literal, select

from kws_core.cluster.heartbeat import BEAT, DEAD_AFTER, Heartbeat
from kws_core.context import Context
from kws_core.database.leases import LeaseLost
from kws_core.database.store import Store
from kws_core.errors import StoreDown
from kws_core.nightly.cleanup import NIGHT, Nightly
from kws_core.nodes.fake.node import FakeNode
from kws_core.outbox.pending_messages import Outbox
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.admission import RentForm
from kws_core.rentals.members import Members
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService
from kws_core.tables.base import UtcDateTime
from kws_core.tables.job_run import JobRun
from kws_core.tables.lease import Lease
from kws_core.tables.person import Person
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.replica import Replica
from kws_core.tables.states import Status


class Life:
    """One replica of which the test moves every part."""

    def __init__(self, url: str, clock: Clock, nodes: dict[str, FakeNode]) -> None:
        self.store = Store(url)
        self.context = Context(make_config(1), self.store, clock)
        self.pulse = Heartbeat(self.context, lambda: literal(clock(), UtcDateTime()))
        self.outbox = Outbox(self.context)
        self.nightly = Nightly(self.context)
        self.reconciler = Reconciler(self.context, nodes, lambda node, sort: Inline())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def born(new_database: Callable[[], str], clock: Clock) -> Iterator[Callable[[], Life]]:
    """Starts a replica on the one database of the test."""
    url, lives = new_database(), []
    nodes = {"node1": FakeNode("node1", clock, vcpus=64, ram_mb=65536)}

    def start() -> Life:
        life = Life(url, clock, nodes)
        lives.append(life)
        life.pulse.start()
        life.reconciler.start()
        return life

    yield start
    for life in lives:
        life.store.close()


def rented(life: Life) -> Rental:
    life.reconciler.tick()
    form = RentForm(name="web01", image="debian-12", size="small", ends_on=life.context.today())
    return RentalService(life.context).request(MINA, form, "view:1")


def leased_by(life: Life) -> list[str | None]:
    with life.store.read() as session:
        return list(session.scalars(select(Placement.leased_by)))


def claim(life: Life, clock: Clock) -> None:
    from kws_core.reconcile.reconciler import LEASE
    from kws_core.scheduling import work_queue

    with life.store.write() as session:
        work_queue.claim_due(session, "node1", clock(), life.context.who, LEASE)


def silence(clock: Clock, *living: Life, seconds: float) -> None:
    """Time passes in which only these show that they live."""
    for _ in range(int(seconds / BEAT.total_seconds())):
        clock.advance(seconds=BEAT.total_seconds())
        for life in living:
            life.pulse.tick()


def test_what_a_dead_one_held_is_free_after_half_a_minute(born: Callable[[], Life], clock: Clock) -> None:
    dead, other = born(), born()
    rented(dead)
    claim(dead, clock)
    stuck = dead.context.leases.acquire("mail:x")
    assert stuck.__enter__()
    with dead.store.write() as session:
        session.add(JobRun(job=NIGHT, day=dead.context.today(), who=dead.context.who, claimed_at=clock()))
    silence(clock, other, seconds=DEAD_AFTER.total_seconds())
    assert leased_by(other) == [dead.context.who], "it may still live"
    with other.context.leases.acquire("mail:x") as ours:
        assert not ours
    assert other.nightly.run_if_due(clock()) is None
    silence(clock, other, seconds=5)
    assert leased_by(other) == [None]
    with other.context.leases.acquire("mail:x") as ours:
        assert ours
    assert other.nightly.run_if_due(clock()) is not None


def test_one_that_lives_keeps_what_it_holds_for_as_long_as_that_takes(
    born: Callable[[], Life], clock: Clock
) -> None:
    slow, other = born(), born()
    with slow.context.leases.acquire("mail:x") as ours:
        assert ours
        silence(clock, slow, other, seconds=300)
        with other.context.leases.acquire("mail:x") as also:
            assert not also
        with slow.store.write() as session:
            slow.context.leases.check(session, "mail:x")


def test_one_that_wakes_up_after_its_burial_says_and_does_nothing(
    born: Callable[[], Life], clock: Clock
) -> None:
    stalled, other = born(), born()
    rental = rented(stalled)
    claim(stalled, clock)
    with stalled.outbox.acquire(rental.id) as ours:
        assert ours
        silence(clock, other, seconds=40)
        event = RentalQueries(stalled.context).history(rental.id)[0]
        with pytest.raises(LeaseLost):
            stalled.outbox.trying(event)
        with pytest.raises(LeaseLost):
            stalled.outbox.keep_channel(rental.id, "D1")
        with pytest.raises(LeaseLost):
            stalled.outbox.offer_key(rental.id, "ssh-ed25519 A", "SHA256:x", "F1")
    before = RentalQueries(stalled.context).rental(MINA, rental.id).status
    from kws_core.reconcile.guarded_update import Job

    with stalled.store.read() as session:
        placement = session.scalars(select(Placement)).one()
        job = Job(placement, session.get_one(Rental, rental.id))
    assert not stalled.reconciler.steps.rows.apply(job, lambda s, r, p: setattr(r, "status", Status.READY))
    assert RentalQueries(stalled.context).rental(MINA, rental.id).status is before
    stalled.pulse.tick()
    with stalled.store.read() as session:
        assert session.get(Replica, stalled.context.who), "and is one of them again"


def test_after_the_database_was_away_nobody_is_buried(born: Callable[[], Life], clock: Clock) -> None:
    first, second = born(), born()
    with first.context.leases.acquire("mail:x"):
        clock.advance(seconds=120)  # nobody could note anything
        second.pulse.tick()
        first.pulse.tick()
        silence(clock, second, first, seconds=10)
        with first.store.write() as session:
            first.context.leases.check(session, "mail:x")


def test_one_that_stops_gives_everything_back_at_once(born: Callable[[], Life], clock: Clock) -> None:
    leaving, other = born(), born()
    rented(leaving)
    claim(leaving, clock)
    leaving.context.leases.turn("departures", timedelta(hours=6))
    assert not other.context.leases.turn("departures", timedelta(hours=6))
    leaving.pulse.stop()
    assert leased_by(other) == [None]
    assert other.context.leases.turn("departures", timedelta(hours=6))
    with other.store.read() as session:
        assert list(session.scalars(select(Replica.who))) == [other.context.who]


def test_what_a_dead_one_was_telling_is_told_by_another(born: Callable[[], Life], clock: Clock) -> None:
    dead, other = born(), born()
    rental = rented(dead)
    stuck = dead.outbox.acquire(rental.id)
    assert stuck.__enter__()
    assert other.outbox.due() == []
    silence(clock, other, seconds=40)
    assert other.outbox.due() == [rental.id]


def test_a_clock_that_is_wrong_by_more_than_seconds_is_refused(
    born: Callable[[], Life], clock: Clock
) -> None:
    life = born()
    clock_of_the_database = clock()
    life.pulse = Heartbeat(life.context, lambda: literal(clock_of_the_database, UtcDateTime()))
    clock.advance(seconds=20)
    life.pulse.start()
    clock.advance(seconds=20)
    with pytest.raises(StoreDown, match=r"clock differ by \+40 s"):
        life.pulse.start()


def test_the_databases_own_time_is_asked(born: Callable[[], Life]) -> None:
    from kws_core.context import utcnow

    life = born()
    life.context.now = utcnow
    assert abs(Heartbeat(life.context).skew()) < timedelta(seconds=30)


def test_people_and_nodes_may_be_seen_first_by_all_at_once(born: Callable[[], Life]) -> None:
    lives = [born() for _ in range(4)]

    def see(life: Life) -> None:
        Members(life.context).remember_person("U0NEW", locale="ko-KR", guest=False, stranger=False)
        Members(life.context).note_departure("U0GONE", left=True)
        life.reconciler.tick()

    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(see, life) for life in lives for _ in range(5)]:
            one.result()
    with lives[0].store.read() as session:
        assert sorted(session.scalars(select(Person.id))) == ["U0GONE", "U0NEW"]
        assert session.scalars(select(Lease)).all() == []
    from kws_core.outbox.alert_outbox import AlertOutbox

    assert len(AlertOutbox(lives[0].context).due()) == 1
    assert [node.room.up for node in RentalQueries(lives[0].context).nodes()] == [True]


def test_the_night_pass_runs_once_among_many(born: Callable[[], Life], clock: Clock) -> None:
    lives = [born() for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        passes = list(threads.map(lambda life: life.nightly.run_if_due(clock()), lives * 4))
    assert sum(one is not None for one in passes) == 1
