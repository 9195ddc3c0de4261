"""A database of the version before the modules were moved into rooms opens without loss, and life goes on in it.

``before_the_rooms.sql`` was written by that version: two nodes, rentals in every state, one whose owner wants a new
key, messages told and untold, node2 drained, and a grace time of 24 hours. It says 2026-12-04, 09:01 in Seoul.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from harness.world import ADMIN, JOON, MINA, Clock, Inline, World, make_config
from sqlalchemy import text

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.schema import MIGRATIONS, known_versions, up_to_date
from kws_core.database.store import Store
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import ContainerSpec
from kws_core.outbox.home_state import HomeStates
from kws_core.outbox.pending_messages import Outbox
from kws_core.reconcile.node_specs import spec_of
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.saved_keys import KeyRing
from kws_core.reports.audit import Audit
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, PlacementState, Reason, Status
from kws_core.values import Kind

DUMP = Path(__file__).parent / "before_the_rooms.sql"
WRITTEN_AT = datetime(2026, 12, 4, 0, 1, 2, tzinfo=UTC)
POLICY = "grace_hours = 24\nmax_vcpus_per_user = 40\nmax_ram_mb_per_user = 40000"
STATES = {
    "gone01": (Status.ENDED, "node1", PlacementState.DELETED, "node1-server-4"),
    "grace01": (Status.STOPPED, "node1", PlacementState.ACTIVE, "node1-server-8"),
    "short01": (Status.READY, "node2", PlacementState.ACTIVE, "node2-server-4"),
    "web01": (Status.READY, "node1", PlacementState.ACTIVE, "node1-server-13"),
    "keyed01": (Status.ENDING, "node2", PlacementState.DELETING, "node2-server-8"),
    "pass01": (Status.READY, "node1", PlacementState.ACTIVE, "node1-server-17"),
    "box01": (Status.READY, "node2", PlacementState.ACTIVE, "node2-container-12"),
    "build01": (Status.BUILDING, "node1", PlacementState.ACTIVE, None),
    "asked01": (Status.REQUESTED, "node1", PlacementState.ACTIVE, None),
}


def rentals_of(store: Store) -> dict[str, Rental]:
    """By name, those that are over as well."""
    with store.read() as session:
        ids = session.execute(text("SELECT id FROM rentals ORDER BY created_at")).scalars()
        found = [queries.rental(session, one) for one in ids]
    return {rental.name: rental for rental in found if rental}


def rebuild(nodes: dict[str, FakeNode], rentals: dict[str, Rental]) -> None:
    """What the nodes showed when the dump was made, with the same ids: a fake counts them from one."""
    for rental in rentals.values():
        placement = rental.placements[0]
        node, spec = nodes[placement.node], spec_of(rental)
        if rental.status is Status.REQUESTED:
            continue
        address = node.ensure_address(spec)
        if placement.server_id:
            make: Any = node.ensure_container if isinstance(spec, ContainerSpec) else node.ensure_server
            assert make(spec, address) == placement.server_id
        if rental.status is Status.ENDED:
            node.release(rental.mark)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The database file as that version left it."""
    path = tmp_path / "kws.db"
    connection = sqlite3.connect(path)
    connection.executescript(DUMP.read_text())
    connection.close()
    return path


@pytest.fixture
def world(old: Path) -> Iterator[World]:
    """The new version on it, just started, with nodes that show what they showed then."""
    config, clock = make_config(2, vcpus=16, ram_mb=16384, max_rentals=12, policy=POLICY), Clock(WRITTEN_AT)
    store = Store(f"sqlite:///{old}")
    store.upgrade()
    context = Context(config, store, clock)
    nodes = {n.name: FakeNode(n.name, clock, vcpus=64, ram_mb=65536) for n in config.nodes}
    rebuild(nodes, rentals_of(store))
    reconciler = Reconciler(context, nodes, lambda node, sort: Inline())
    yield World(config, store, clock, nodes, context, Outbox(context), reconciler)
    store.close()


def counted(path: Path) -> dict[str, int]:
    """Rows per table."""
    with sqlite3.connect(path) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def test_it_is_upgraded_and_no_row_is_lost(old: Path) -> None:
    before = counted(old)
    store = Store(f"sqlite:///{old}")
    store.upgrade()
    with store.engine.connect() as connection:
        assert up_to_date(connection)
    store.close()
    after = counted(old)
    assert before["rentals"] == len(STATES)
    assert {name: after.get(name) for name in before} == before


def test_each_version_follows_the_one_before_it() -> None:
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(settings)
    follows = {one.revision: one.down_revision for one in scripts.walk_revisions()}
    known = known_versions()
    assert follows == dict(zip(known, [None, *known], strict=False))
    assert follows["0020"] == "0016"


def test_every_rental_is_as_it_was(world: World) -> None:
    rentals = rentals_of(world.store)
    seen = {
        name: (rental.status, place.node, place.state, place.server_id)
        for name, rental in rentals.items()
        for place in rental.placements
    }
    assert seen == STATES
    assert rentals["gone01"].reason is Reason.RETURNED
    assert rentals["box01"].kind is Kind.CONTAINER
    assert rentals["box01"].environment == {"A": "1"}
    assert rentals["pass01"].access is Access.PASSWORD
    assert str(rentals["pass01"].password_hash).startswith("$6$")
    assert rentals["pass01"].cloud_init == {"packages": ["htop"]}
    web = rentals["web01"]
    assert web.network and (web.network.name, web.network.cidr) == ("lab", "10.20.0.0/24")
    assert (web.open_ports[-1]["first"], web.open_ports[-1]["protocol"]) == (8000, "udp")
    assert web.rekey and web.public_key is None  # what held before, and the new one is still to be made


def test_every_line_of_history_is_read(world: World) -> None:
    kinds = {name: world.kinds(rental) for name, rental in rentals_of(world.store).items()}
    assert kinds["gone01"][-2:] == ["returned", "ended"]
    assert kinds["grace01"][-2:] == ["warned", "stopped"]
    assert kinds["short01"][-2:] == ["warned", "node_drained"]
    assert kinds["web01"][-1] == "key_wanted"
    with world.store.read() as session:
        untold = Counter(e.kind.value for e in session.query(Event).where(Event.delivered_at.is_(None)).all())
    assert untold == {"requested": 2, "placed": 1, "returned": 1, "node_drained": 2, "key_wanted": 1}


def test_what_else_there_was(world: World) -> None:
    assert [key.name for key in KeyRing(world.context).list(MINA)] == ["laptop"]
    assert [node.room.node for node in world.rental_queries.nodes() if node.drained_at] == ["node2"]
    trail = Audit(world.context).trail(limit=100)
    assert {"key_saved", "drain", "images add"} <= {line.what for line in trail}
    assert HomeStates(world.context).sheet(MINA.id) is not None
    person = world.members.person(JOON.id)
    assert person and person.locale == "en-US"
    assert [alert["day"] for alert in world.notices("night")] == ["2026-12-04"]
    assert not world.deliveries.first_time("Ev0001")


def test_it_goes_on(world: World) -> None:
    """What was being built becomes ready, what was being deleted goes, what is left runs on."""
    rentals = rentals_of(world.store)
    world.reconciler.start()
    world.settle(60)
    world.deliver_all()
    now = {name: world.look(rental).status for name, rental in rentals.items()}
    assert now == {
        **{name: state for name, (state, *_) in STATES.items()},
        "build01": Status.READY,
        "asked01": Status.READY,
        "keyed01": Status.ENDED,
    }
    web = world.look(rentals["web01"])
    assert web.rekey is None
    assert web.public_key == world.keys[web.id][-1]
    assert world.nodes["node1"].opens(web.mark, str(web.public_key))
    assert all(node.duplicates() == [] for node in world.nodes.values())
    assert world.rental_service.return_rental(ADMIN, web.id).status is Status.ENDING


def test_the_night_goes_on(world: World) -> None:
    """The pass that was made is not made again; then the grace time ends, and the next one is stopped and deleted."""
    rentals = rentals_of(world.store)
    world.reconciler.start()
    world.nightly.tick()
    assert world.look(rentals["grace01"]).status is Status.STOPPED

    def night(days: int) -> None:
        world.midnight(days, hours=1)
        world.nightly.tick()
        world.settle(60)
        world.deliver_all()

    night(1)  # the 5th: 24 hours after it was stopped
    assert world.look(rentals["grace01"]).status is Status.ENDED
    assert world.look(rentals["short01"]).status is Status.READY
    night(1)  # the 6th: the 5th was its last day
    assert world.look(rentals["short01"]).status is Status.STOPPED
    night(1)
    assert world.look(rentals["short01"]).status is Status.ENDED
    world.midnight(1, hours=9, minutes=1)  # the 8th: seven days before the end of pass01
    world.nightly.tick()
    assert world.warned(rentals["pass01"]) == ["warned:2026-12-15:7"]
    assert {mark for left in world.left().values() for mark in left} == {
        *(rentals[name].mark for name in ("web01", "pass01", "box01", "build01", "asked01")),
        *(f"kws-{one.network_id}" for one in (rentals["web01"],)),
    }
