"""A lab of any size without its years: fake nodes, rentals that run, and a history, filled in through the schema.

The rows are those that KWS writes itself: a rental that has ended has its placement, seven events that were
delivered, and nothing else; one that runs is on a fake node too, so that reading the node finds it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from kws_core.config import Config, parse_config
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import ServerSpec
from kws_core.people import Actor
from kws_core.reconcile.reconciler import Reconciler
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.person import Person
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Reason, Status
from kws_core.values import Kind, owner_tag
from kws_core.values import Size as Flavor

NOW = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
PEOPLE = 200
MINE = 3  # rentals of the person who is measured, in every lab
ASKER, ADMIN = Actor("U0P0000000"), Actor("U0ADMIN001", admin=True)
BATCH = 2000
FLAVOR = Flavor("small", 1, 512, 5)
PAST = (
    EventKind.REQUESTED, EventKind.PLACED, EventKind.KEY_SENT, EventKind.BUILDING, EventKind.READY,
    EventKind.RETURNED, EventKind.ENDED,
)  # fmt: skip
TOML = """
[kws]
timezone = "Asia/Seoul"
admins = ["U0ADMIN001"]
[policy]
max_rentals_per_user = 50
max_vcpus_per_user = 100
max_ram_mb_per_user = 100000
[openstack]
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
medium = { vcpus = 1, ram_mb = 1024, disk_gb = 10 }
large = { vcpus = 2, ram_mb = 2048, disk_gb = 20 }
"""
NODE = '[[nodes]]\nname = "node{n}"\ncloud = "node{n}"\nvcpus = 9000\nram_mb = 9000000\ndisk_gb = 90000\nmax_builds = 4\n'


@dataclass(frozen=True)
class Size:
    """How large a lab is."""

    nodes: int = 4
    history: int = 1000
    live: int = 200


class Inline(Executor):
    """Runs what is submitted at once, so that a tick's time has everything that it starts."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class FilledLab:
    """A core on a filled database. The clock stands still at ``NOW``, when nothing is due anywhere."""

    def __init__(self, size: Size, url: str) -> None:
        self.size = size
        self.config: Config = parse_config(TOML + "".join(NODE.format(n=n + 1) for n in range(size.nodes)))
        self.store = Store(url)
        self.store.upgrade()
        self.context = Context(self.config, self.store, lambda: NOW)
        self.nodes = {
            node.name: FakeNode(
                node.name, lambda: NOW, vcpus=9000, ram_mb=9 * 10**6, disk_gb=9 * 10**4, addresses=9000
            )
            for node in self.config.nodes
        }
        inline = Inline()
        self.reconciler = Reconciler(self.context, self.nodes, lambda node, sort: inline)
        with self.store.write() as session:
            _add(session, Person, (_person(n) for n in range(PEOPLE)))
            session.execute(insert(Person).values({**_person(0), "id": ADMIN.id}))
            self._fill(session)
        if not self.store.single_process:
            with self.store.engine.begin() as connection:
                connection.execute(text("ANALYZE"))  # as autovacuum does in the end
        self.reconciler.start()
        for _ in range(2):  # the nodes say what they have; the first pings
            self.reconciler.tick()

    def close(self) -> None:
        """The database is kept."""
        self.store.close()

    def _fill(self, session: Session) -> None:
        names = list(self.nodes)
        running = [_rental(n, live=True) for n in range(self.size.live)]
        over = range(self.size.history)
        _add(session, Rental, iter(running))
        _add(session, Placement, self._running_placements(running, names))
        _add(session, Rental, (_rental(n, live=False) for n in over))
        _add(session, Placement, (_gone(n, names) for n in over))
        _add(session, Event, (event for n in over for event in _events(_id("h", n), PAST, _began(n))))
        _add(session, Event, (event for row in running for event in _events(row["id"], PAST[:5], NOW)))

    def _running_placements(
        self, running: Sequence[dict[str, Any]], names: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        for n, row in enumerate(running):
            node = names[n % len(names)]
            spec = ServerSpec(owner_tag(row["id"]), row["name"], row["image"], FLAVOR, "", row["owner"])
            address = self.nodes[node].ensure_address(spec)
            yield {
                **_placement(row["id"], node, PlacementState.ACTIVE),
                "floating_ip": address.floating_ip,
                "floating_ip_id": address.floating_ip_id,
                "fixed_ip": address.fixed_ip,
                "port_id": address.port_id,
                "server_id": self.nodes[node].ensure_server(spec, address),
                "next_check_at": NOW + timedelta(minutes=5),
                "left_at": None,
            }


def _add(session: Session, table: type[Any], rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            session.execute(insert(table), batch)
            batch = []
    if batch:
        session.execute(insert(table), batch)


def _person(n: int) -> dict[str, Any]:
    return {"id": f"U0P{n:07d}", "locale": "ko-KR", "guest": False, "stranger": False, "seen_at": NOW}


def _id(sort: str, n: int) -> str:
    return f"{sort}{n:09d}"


def _began(n: int) -> datetime:
    return NOW - timedelta(days=30, minutes=n)


def _owner(n: int, *, live: bool) -> str:
    """In every lab the asker has the same rentals that run, and a share of the history."""
    if live:
        return ASKER.id if n < MINE else f"U0P{1 + n % (PEOPLE - 1):07d}"
    return f"U0P{n % PEOPLE:07d}"


def _rental(n: int, *, live: bool) -> dict[str, Any]:
    began = NOW - timedelta(days=3) if live else _began(n)
    ends_on = date(2026, 12, 10) + timedelta(days=n % 60) if live else (began + timedelta(days=14)).date()
    return {
        "id": _id("l" if live else "h", n),
        "request_key": f"bench:{live}:{n}",
        "kind": Kind.SERVER,
        "name": f"vm-{n:06d}",
        "owner": _owner(n, live=live),
        "image": "debian-12",
        "login": "debian",
        "size": "small",
        "vcpus": 1,
        "ram_mb": 512,
        "disk_gb": 5,
        "open_ports": [],
        "ends_on": ends_on,
        "end_set_at": began,
        "status": Status.READY if live else Status.ENDED,
        "reason": None if live else Reason.RETURNED,
        "access": Access.OWN_KEY,
        "public_key": "ssh-ed25519 AAAA",
        "host_keys": [],
        "cloud_init": {},
        "command": [],
        "environment": {},
        "created_at": began,
        "ready_at": began + timedelta(minutes=1),
        "ended_at": None if live else began + timedelta(days=2),
        "dm_channel": f"D{n:09d}",
        "card_ts": f"{n}.0",
        "key_number": 1,
        "version": 1,
    }


def _placement(rental: str, node: str, state: PlacementState) -> dict[str, Any]:
    return {
        "rental_id": rental,
        "node": node,
        "state": state,
        "server_at": NOW - timedelta(days=3),
        "held_at": NOW - timedelta(days=3),
        "tries": 0,
        "missing": 0,
    }


def _gone(n: int, names: Sequence[str]) -> dict[str, Any]:
    left = _began(n) + timedelta(days=2)
    row = _placement(_id("h", n), names[n % len(names)], PlacementState.DELETED)
    return {**row, "server_id": _id("s", n), "left_at": left, "next_check_at": left}


def _events(rental: str, kinds: Sequence[EventKind], began: datetime) -> Iterator[dict[str, Any]]:
    for n, kind in enumerate(kinds):
        at = began + timedelta(seconds=n)
        yield {
            "rental_id": rental,
            "at": at,
            "kind": kind,
            "actor": "kws",
            "data": {"node": "node1"},
            "delivered_at": at,
            "tries": 0,
            "undeliverable": False,
        }


def shuffled(labs: Sequence[FilledLab], seed: int) -> list[FilledLab]:
    """The same in another order, so that no lab always has the first turn."""
    order = list(labs)
    random.Random(seed).shuffle(order)
    return order
