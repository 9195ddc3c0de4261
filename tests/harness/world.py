"""The world that most tests live in: real SQLite, the shipped fake nodes, a clock that they move."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import lazyload

from kws_core.cluster.deliveries import Deliveries
from kws_core.config import Config, parse_config
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.forms import ssh_keys
from kws_core.nightly.cleanup import Nightly
from kws_core.nodes.fake.node import FakeNode
from kws_core.outbox.alert_outbox import AlertOutbox
from kws_core.outbox.pending_messages import Outbox, PendingMessages
from kws_core.people import Actor
from kws_core.reconcile.reconciler import REFRESH_DOWN, Reconciler
from kws_core.rentals.admission import RentForm
from kws_core.rentals.members import Members
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import HOLDING, Access, Status

START = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)  # noon in Seoul
SECOND = timedelta(seconds=1)
MINA = Actor("U0MINA00001")
JOON = Actor("U0JOON00001")
ADMIN = Actor("U0ADMIN001", admin=True)

TOML = """
[kws]
timezone = "{zone}"
admins = ["U0ADMIN001"]
[policy]
max_rentals_per_user = {max_rentals}
{policy}
[openstack]
[sizes]
small = {{ vcpus = 1, ram_mb = 512, disk_gb = 5 }}
medium = {{ vcpus = 1, ram_mb = 1024, disk_gb = 10 }}
large = {{ vcpus = 2, ram_mb = 2048, disk_gb = 20 }}
huge = {{ vcpus = 8, ram_mb = 8192, disk_gb = 20 }}
"""
WEB = """
domain = "lab.example"
proxy = ["192.0.2.10"]
open_to = ["10.0.0.0/8"]
everybody = true
"""  # of [web]
NODE = """
[[nodes]]
name = "{name}"
cloud = "{name}"
kinds = ["server", "container"]
vcpus = {vcpus}
ram_mb = {ram_mb}
disk_gb = {disk_gb}
max_builds = {max_builds}
"""


def make_config(
    nodes: int = 2,
    *,
    vcpus: int = 8,
    ram_mb: int = 8192,
    disk_gb: int = 100,
    max_builds: int = 4,
    max_rentals: int = 3,
    zone: str = "Asia/Seoul",
    policy: str = "",
    web: str = "",
) -> Config:
    """A configuration of ``nodes`` equal nodes, node1, node2, …; ``policy`` and ``web`` are more lines of it."""
    text = TOML.format(max_rentals=max_rentals, zone=zone, policy=policy) + (f"[web]\n{web}" if web else "")
    text += "".join(
        NODE.format(name=f"node{i + 1}", vcpus=vcpus, ram_mb=ram_mb, disk_gb=disk_gb, max_builds=max_builds)
        for i in range(nodes)
    )
    return parse_config(text)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        """``clock.advance(minutes=5)``."""
        self.at += timedelta(**by)


class Inline(Executor):
    """Runs what is submitted at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


HELD = ", ".join(f"'{state}'" for state in HOLDING)
DUE = f"""
SELECT min(next_look_at) FROM placements
WHERE state IN ({HELD}) AND (leased_until IS NULL OR leased_until < :now)
UNION ALL SELECT min(next_try_at) FROM events WHERE delivered_at IS NULL AND next_try_at > :now
UNION ALL SELECT min(next_check_at) FROM copies WHERE state <> 'gone'
"""  # asked after each tick: by the driver itself it takes a tenth of the time
KEYLESS = (
    select(Rental)
    .where(
        Rental.id.in_(bindparam("rentals", expanding=True)),
        Rental.access == Access.GENERATED,
        Rental.key_sent_at.is_(None),
    )
    .options(lazyload("*"))
)


def next_refresh(reconciler: Reconciler, now: datetime) -> datetime:
    """When a node is next asked what it has; where all answer, nobody waits for a ping between."""
    for node in reconciler.nodes.values():
        if not isinstance(node, FakeNode) or node.down or node.faults["ping"]:
            return now + REFRESH_DOWN
    return reconciler.next_refresh()


def next_due(store: Store, now: datetime, refresh: datetime | None = None) -> datetime:
    """The next second in which a node or Slack may have something to do; a silent node is asked every five."""
    connection = store.engine.raw_connection()
    try:
        rows = connection.cursor().execute(DUE, {"now": f"{now:%Y-%m-%d %H:%M:%S.%f}"}).fetchall()
    finally:
        connection.close()
    looks = [datetime.fromisoformat(moment).replace(tzinfo=UTC) for (moment,) in rows if moment]
    return max(now + SECOND, min([refresh or now + REFRESH_DOWN, *looks]))


@dataclass
class World:
    """A core with its nodes, without Slack: ``settle`` plays the loop, and a Slack that takes every key."""

    config: Config
    store: Store
    clock: Clock
    nodes: dict[str, FakeNode]
    context: Context
    outbox: Outbox
    reconciler: Reconciler
    keys: dict[str, list[str]] = field(default_factory=dict)  # rental id -> public halves handed over
    nightly: Nightly = field(init=False)

    def __post_init__(self) -> None:
        self.nightly = Nightly(self.context)
        self.context.mail.set()

    @property
    def rental_service(self) -> RentalService:
        """Asks for rentals and gives them back."""
        return RentalService(self.context)

    @property
    def rental_queries(self) -> RentalQueries:
        """Reads rentals and nodes."""
        return RentalQueries(self.context)

    @property
    def deliveries(self) -> Deliveries:
        """Which deliveries of Slack were acted on."""
        return Deliveries(self.context)

    @property
    def members(self) -> Members:
        """What is remembered of people."""
        return Members(self.context)

    def restart(self) -> None:
        """The process died and is started again: all that was in memory is gone."""
        self.context = Context(self.config, self.store, self.clock)
        self.context.mail.set()
        self.outbox = Outbox(self.context)
        self.nightly = Nightly(self.context)
        self.reconciler = Reconciler(self.context, self.nodes, lambda node, sort: Inline())
        self.reconciler.start()

    def tick(self) -> None:
        """One tick, and Slack takes every key that is wanted."""
        self.reconciler.tick()
        for rental_id in self.waiting_for_keys():
            self.deliver_key(rental_id)

    def waiting_for_keys(self) -> list[str]:
        """Whose key is still to be handed over."""
        if not self.context.mail.is_set() or not (due := self.outbox.due()):
            self.context.mail.clear()
            return []
        with self.store.read() as session:
            unsent = session.scalars(KEYLESS, {"rentals": due}).all()
        wanted = {r.id for r in unsent if PendingMessages(r, (), None).wants_key}
        if not wanted:
            self.context.mail.clear()
        return [rental_id for rental_id in due if rental_id in wanted]

    def deliver_key(self, rental_id: str) -> None:
        """What the notifier does, without Slack."""
        pair = ssh_keys.generate("test")
        file_id = f"F{len(self.keys.get(rental_id, ()))}{rental_id}"
        if self.outbox.offer_key(rental_id, pair.public, pair.fingerprint, file_id):
            self.keys.setdefault(rental_id, []).append(pair.public)
            self.outbox.key_sent(rental_id, file_id)

    def deliver_all(self) -> None:
        """What the notifier does when Slack takes everything."""
        for rental_id in self.outbox.due():
            mail = self.outbox.mail(rental_id)
            assert mail is not None
            if mail.wants_key:
                self.deliver_key(rental_id)
            self.outbox.delivered(rental_id, mail.events[-1].id)

    def midnight(self, days: int = 1, **later: float) -> None:
        """The clock goes to the first instant of the lab's date in so many days, or to a little later."""
        zone = self.config.kws.zone
        start = datetime.combine(self.day(days), time(0), tzinfo=zone).astimezone(UTC)
        self.clock.at = start + timedelta(**later)

    def settle(self, ticks: int = 12) -> None:
        """So many seconds pass; those in which nothing is due are left out."""
        until = self.clock.at + timedelta(seconds=ticks)
        while self.clock.at < until:
            self.tick()
            refresh = next_refresh(self.reconciler, self.clock.at)
            self.clock.at = min(until, next_due(self.store, self.clock.at, refresh))

    def rent(self, name: str = "web01", who: Actor = MINA, **changes: Any) -> Rental:
        """A rental as the form asks for it."""
        values: dict[str, Any] = {
            "name": name,
            "image": "debian-12",
            "size": "small",
            "ends_on": self.day(14),
        }
        form = RentForm(**{**values, **changes})
        return self.rental_service.request(who, form, request_key=f"view:{name}:{who.id}:{self.clock.at}")

    def ready(self, name: str = "web01", who: Actor = MINA, **changes: Any) -> Rental:
        """A rental that is ready."""
        rental = self.rent(name, who, **changes)
        self.settle()
        rental = self.look(rental)
        assert rental.status is Status.READY
        return rental

    def look(self, rental: Rental) -> Rental:
        """The rental as it is now."""
        return self.rental_queries.rental(Actor(rental.owner), rental.id)

    def day(self, days: int) -> date:
        """The date in so many days."""
        return self.context.today() + timedelta(days=days)

    def kinds(self, rental: Rental) -> list[str]:
        """The history in one word a line."""
        return [event.kind.value for event in self.rental_queries.history(rental.id)]

    def last_event(self, rental: Rental) -> Event:
        """The newest line of the history that people read; host keys come whenever they are printed."""
        return [e for e in self.rental_queries.history(rental.id) if e.kind is not EventKind.HOST_KEYS][-1]

    def warned(self, rental: Rental) -> list[str | None]:
        """The keys of its warnings, oldest first."""
        return [e.key for e in self.rental_queries.history(rental.id) if e.kind is EventKind.WARNED]

    def notices(self, kind: str) -> list[dict[str, Any]]:
        """What the admins are told of that kind."""
        return [notice.data for notice in AlertOutbox(self.context).due() if notice.kind == kind]

    def left(self) -> dict[str, Any]:
        """Everything that any node still shows."""
        return {name: node.resources() for name, node in self.nodes.items() if node.resources()}
