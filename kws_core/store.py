"""The database: engine, sessions, migrations and the named queries.

One ``with store.write()`` is one transaction is one use case. No network call is ever made inside one.
SQLite serves one process on one host; PostgreSQL serves several replicas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, create_engine, delete, event, func, insert, or_, select, update
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError
from sqlalchemy.orm import Session, selectinload, sessionmaker

from kws_core import saved_keys as _saved_keys  # noqa: F401 - its table belongs to the migrations' metadata
from kws_core.errors import ConfigError
from kws_core.model import (
    LIVE,
    Delivery,
    Event,
    NodeRecord,
    Person,
    Placement,
    PlacementState,
    Rental,
    Status,
)

MIGRATIONS = Path(__file__).parent / "migrations"


def make_engine(url: str) -> Engine:
    """An engine whose SQLite transactions really begin, and block writers instead of losing updates."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(["KWS_DATABASE_URL: not a database URL; e.g. sqlite:///kws.db"]) from error
    try:
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (ImportError, ArgumentError) as error:
        raise ConfigError([f"KWS_DATABASE_URL: no driver for {parsed.drivername} is installed"]) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: SELECT would not lock
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    readonly = connection.get_execution_options().get("readonly")
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


class Held(NamedTuple):
    """Capacity that a placement holds on a node."""

    node: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    server_at: datetime | None
    status: Status


class Store:
    """Sessions over one database."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._write = sessionmaker(self.engine, expire_on_commit=False)
        self._read = sessionmaker(self.engine.execution_options(readonly=True), expire_on_commit=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, committed at the end of the block; on SQLite it is alone from its start."""
        with self._write.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent read that waits for nobody."""
        with self._read.begin() as session:
            yield session

    def upgrade(self) -> None:
        """Brings the schema up to date (Alembic); safe to call at every start."""
        from alembic import command
        from alembic.config import Config as AlembicConfig

        settings = AlembicConfig()
        settings.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")

    @property
    def single_process(self) -> bool:
        """SQLite: no other process may be working on the same rentals."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Closes every pooled connection."""
        self.engine.dispose()


# -- rentals


def rental(session: Session, rental_id: str, *, lock: bool = False) -> Rental | None:
    """One rental with its placements; ``lock`` makes other writers of this rental wait (PostgreSQL)."""
    return session.get(Rental, rental_id, with_for_update=lock or None)


def rental_by_request(session: Session, request_key: str) -> Rental | None:
    """The rental that this form already made."""
    return session.scalar(select(Rental).where(Rental.request_key == request_key))


def live_by_name(session: Session, name: str) -> Rental | None:
    """The live rental of that name, whoever's."""
    return session.scalar(select(Rental).where(Rental.name == name, Rental.status.in_(LIVE)))


def rentals_of(session: Session, owner: str) -> Sequence[Rental]:
    """A person's rentals that are not over, by end date."""
    query = select(Rental).where(Rental.owner == owner, Rental.status != Status.ENDED)
    return session.scalars(query.order_by(Rental.ends_on, Rental.created_at)).all()


def all_rentals(session: Session) -> Sequence[Rental]:
    """Everybody's rentals that are not over."""
    query = select(Rental).where(Rental.status != Status.ENDED)
    return session.scalars(query.order_by(Rental.ends_on, Rental.created_at)).all()


def earliest_end(session: Session) -> Rental | None:
    """The live rental that ends first."""
    query = select(Rental).where(Rental.status.in_(LIVE))
    return session.scalar(query.order_by(Rental.ends_on).limit(1))


def held_capacity(session: Session) -> list[Held]:
    """Everything that holds capacity somewhere."""
    query = (
        select(
            Placement.node, Rental.vcpus, Rental.ram_mb, Rental.disk_gb, Placement.server_at, Rental.status
        )
        .join(Rental)
        .where(Placement.state != PlacementState.GONE)
    )
    return [Held(*row) for row in session.execute(query)]


def lock_capacity(session: Session) -> None:
    """Makes requests take turns from here to the commit (PostgreSQL; SQLite writers do anyway)."""
    session.execute(select(NodeRecord.name).order_by(NodeRecord.name).with_for_update())


# -- placements


def claim_due(session: Session, node: str, now: datetime, who: str, lease: timedelta) -> Sequence[Placement]:
    """Leases the node's due placements to ``who``; a lease that ran out may be taken over."""
    due = (
        select(Placement.id)
        .where(
            Placement.node == node,
            Placement.state != PlacementState.GONE,
            Placement.next_look_at <= now,
            or_(Placement.leased_until.is_(None), Placement.leased_until < now),
        )
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(due).all()
    if not ids:
        return []
    until = now + lease
    session.execute(
        update(Placement)
        .where(Placement.id.in_(ids))
        .values(leased_until=until, leased_by=who, next_look_at=until)  # a poke meanwhile makes it earlier
    )
    query = select(Placement).where(Placement.id.in_(ids)).options(selectinload(Placement.rental))
    return session.scalars(query.order_by(Placement.id)).all()


def give_back(session: Session, placement_id: int, who: str, next_look_at: datetime) -> None:
    """Ends a lease; a poke that came meanwhile stays due at once."""
    row = session.get(Placement, placement_id, with_for_update=True)
    if row is None or row.leased_by != who:
        return
    if row.leased_until is None or row.next_look_at >= row.leased_until:
        row.next_look_at = next_look_at
    row.leased_until, row.leased_by = None, None


def poke_node(session: Session, node: str, now: datetime) -> None:
    """Makes everything on a node due: it has come back."""
    session.execute(
        update(Placement)
        .where(Placement.node == node, Placement.state != PlacementState.GONE)
        .values(next_look_at=now)
    )


def due_nodes(session: Session, now: datetime) -> Sequence[str]:
    """Nodes that have something due."""
    query = select(Placement.node).where(
        Placement.state != PlacementState.GONE,
        Placement.next_look_at <= now,
        or_(Placement.leased_until.is_(None), Placement.leased_until < now),
    )
    return session.scalars(query.distinct()).all()


def next_look(session: Session) -> datetime | None:
    """When the next placement is due, None when nothing is placed anywhere."""
    query = select(func.min(Placement.next_look_at)).where(
        Placement.state != PlacementState.GONE, Placement.leased_until.is_(None)
    )
    return session.scalar(query)


def building_on(session: Session, node: str) -> int:
    """How many servers the node is building now."""
    query = (
        select(func.count())
        .select_from(Placement)
        .join(Rental)
        .where(
            Placement.node == node,
            Placement.state == PlacementState.HELD,
            Placement.server_at.is_not(None),
            Rental.status == Status.BUILDING,
        )
    )
    return session.scalar(query) or 0


def unbuilt_on(session: Session, node: str) -> Sequence[Placement]:
    """What is held on a node and to be built, and has no server there yet."""
    query = select(Placement).join(Rental)
    return session.scalars(
        query.where(
            Placement.node == node,
            Placement.state == PlacementState.HELD,
            Placement.server_id.is_(None),
            Rental.status.in_((Status.REQUESTED, Status.BUILDING)),
        )
    ).all()


def drop_leases(session: Session, who: str | None = None) -> None:
    """Frees the leases of ``who``, or all of them (a process that is alone has just started)."""
    query = update(Placement).where(Placement.leased_until.is_not(None))
    if who is not None:
        query = query.where(Placement.leased_by == who)
    session.execute(query.values(leased_until=None, leased_by=None, next_look_at=Placement.held_at))


# -- events


def undelivered(session: Session, now: datetime, limit: int = 200) -> Sequence[str]:
    """Ids of rentals with an event that is due for delivery, oldest first."""
    query = (
        select(Event.rental_id, func.min(Event.id))
        .where(Event.delivered_at.is_(None), or_(Event.next_try_at.is_(None), Event.next_try_at <= now))
        .group_by(Event.rental_id)
        .order_by(func.min(Event.id))
        .limit(limit)
    )
    return [row[0] for row in session.execute(query)]


def history(session: Session, rental_id: str) -> Sequence[Event]:
    """A rental's events, oldest first."""
    return session.scalars(select(Event).where(Event.rental_id == rental_id).order_by(Event.id)).all()


# -- people, nodes, deliveries


def person(session: Session, user_id: str) -> Person | None:
    """What is remembered of a person."""
    return session.get(Person, user_id)


def node_records(session: Session) -> Sequence[NodeRecord]:
    """What every node said last, by name."""
    return session.scalars(select(NodeRecord).order_by(NodeRecord.name)).all()


def first_delivery(store: Store, key: str, now: datetime) -> bool:
    """Whether this delivery is seen for the first time; the second of two at once is told no."""
    try:
        with store.write() as session:
            session.execute(insert(Delivery).values(key=key, at=now))
    except IntegrityError:
        return False
    return True


def forget_deliveries(session: Session, before: datetime) -> None:
    """Slack never redelivers what is that old."""
    session.execute(delete(Delivery).where(Delivery.at < before))
