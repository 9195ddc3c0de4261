"""The named queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

from sqlalchemy import (
    Connection,
    Insert,
    Select,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session, joinedload

from kws_core.database.engine import insert_into
from kws_core.database.store import Store
from kws_core.errors import ErrorCode, UserError
from kws_core.tables.base import SYSTEM, Base, table_of
from kws_core.tables.copy import Copy
from kws_core.tables.delivery import Delivery
from kws_core.tables.details import EventDetails
from kws_core.tables.event import Event
from kws_core.tables.network import Network
from kws_core.tables.node import NodeRecord
from kws_core.tables.person import Person
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.saved_key import SavedKey
from kws_core.tables.states import HOLDING, LIVE, NOT_OVER, CopyState, PlacementState, Status

# asked at every step, or with every request: put together once
RENTALS = select(Rental).options(joinedload(Rental.placements), joinedload(Rental.network))
_RENTAL = RENTALS.where(Rental.id == bindparam("rental"))
_FRESH_RENTAL = _RENTAL.execution_options(populate_existing=True)
_LOCK_RENTAL = select(Rental.id).where(Rental.id == bindparam("rental")).with_for_update()
_BY_REQUEST = select(Rental).where(Rental.request_key == bindparam("form"))
_LIVE_BY_NAME = select(Rental).where(
    Rental.name == bindparam("named"), Rental.status.in_(LIVE), Rental.replaces.is_(None)
)
_NOT_OVER = RENTALS.where(Rental.status.in_(NOT_OVER)).order_by(Rental.ends_on, Rental.created_at)
_OF_OWNER = _NOT_OVER.where(Rental.owner == bindparam("person"), Rental.replaces.is_(None))
_NODES = select(NodeRecord).order_by(NodeRecord.name)
_LOCK_NODES = select(NodeRecord.name).order_by(NodeRecord.name).with_for_update()
BUILD_SLOTS = 1  # of the advisory locks: those by node
_LOCK_SLOTS = select(func.pg_advisory_xact_lock(BUILD_SLOTS, bindparam("key")))
_LOCKED_NODES = _NODES.with_for_update()
_PERSON = table_of(Person).select().where(table_of(Person).c.id == bindparam("person"))
_HISTORY = select(Event).where(Event.rental_id == bindparam("rental")).order_by(Event.id)


_sized_at = func.coalesce(Placement.resized_at, Placement.server_at)  # when it was as large as it is


def _with_rental(dialect: str) -> tuple[Any, Any]:
    """What to join to placements for the columns of their rentals, and where to find these.

    Each rental is looked up by its id, which costs the same with any history. SQLite does so by itself. PostgreSQL would
    read all rentals where it has no statistics yet, or while the table is small, so the lookup is one that it can't take
    apart: that is what the OFFSET is for.
    """
    if dialect == "sqlite":
        return table_of(Rental), table_of(Rental).c
    one = select(Rental).where(Rental.id == Placement.rental_id).correlate(Placement)
    found = one.offset(0).lateral("rental")
    return found, found.c


@cache
def _held(dialect: str, *, since: bool) -> Select[Any]:
    rental, of = _with_rental(dialect)
    query = (
        select(
            Placement.node,
            func.sum(of.vcpus),
            func.sum(of.ram_mb),
            func.sum(of.disk_gb),
            func.max(_sized_at),
            of.status,
            Placement.state,
            func.count(),
        )
        .join_from(Placement, rental, of.id == Placement.rental_id)
        .group_by(Placement.node, of.status, Placement.state)
        .where(Placement.state.in_(HOLDING))
    )
    return query.group_by(case((_sized_at <= bindparam("since"), 0), else_=Placement.id)) if since else query


@cache
def _resizing(dialect: str) -> Select[Any]:
    rental, of = _with_rental(dialect)
    return (
        select(Placement.node, Placement.resize_to, Placement.resize_taken_at, of.status, Placement.state)
        .join_from(Placement, rental, of.id == Placement.rental_id)
        .where(Placement.resize_at.is_not(None), Placement.state.in_(HOLDING))
    )


def keys_of(session: Session, owner: str) -> Sequence[SavedKey]:
    """A person's keys, by name."""
    return session.scalars(select(SavedKey).where(SavedKey.owner == owner).order_by(SavedKey.name)).all()


def saved_key(session: Session, owner: str, key_id: int) -> SavedKey:
    """Return one of the person's saved keys.

    Raises:
        UserError: If there is none with that ID, or it is another person's; the same error for both.
    """
    key = session.get(SavedKey, key_id)
    if key is None or key.owner != owner:
        raise UserError(ErrorCode.SAVED_KEY_GONE)
    return key


class HeldCapacity(NamedTuple):
    """Capacity that placements hold on a node; ``server_at``: since when the node can have counted it."""

    node: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    server_at: datetime | None
    status: Status
    state: PlacementState
    rentals: int = 1


def _locks_rows(session: Session) -> bool:
    """False on SQLite, where a writer is alone from its beginning."""
    return session.get_bind().dialect.name != "sqlite"


def rental(session: Session, rental_id: str, *, lock: bool = False) -> Rental | None:
    """One rental with its placements; ``lock`` makes other writers of this rental wait (PostgreSQL)."""
    if lock and _locks_rows(
        session
    ):  # first, by itself: what is joined to a row that is waited for may be older than the row
        session.execute(_LOCK_RENTAL, {"rental": rental_id})
    found = session.scalars(_FRESH_RENTAL if lock else _RENTAL, {"rental": rental_id})
    return found.unique().one_or_none()


def rental_by_request(session: Session, request_key: str) -> Rental | None:
    """The rental that this form already made."""
    return session.scalar(_BY_REQUEST, {"form": request_key})


def live_by_name(session: Session, name: str) -> Rental | None:
    """The active rental of that name, of any owner."""
    return session.scalar(_LIVE_BY_NAME, {"named": name})


def rentals_of(session: Session, owner: str) -> Sequence[Rental]:
    """A person's rentals that have not ended, by end date; one that is being moved is listed once."""
    return session.scalars(_OF_OWNER, {"person": owner}).unique().all()


def copy_of(session: Session, owner: str, copy_id: str) -> Copy:
    """Return one of the person's copies, all of which is kept.

    Raises:
        UserError: If there is none with that ID, or it is another person's; the same error for both.
    """
    copy = session.get(Copy, copy_id)
    if copy is None or copy.owner != owner or copy.for_move or copy.state is not CopyState.KEPT:
        raise UserError(ErrorCode.COPY_GONE)
    return copy


def kept_copies(session: Session, owner: str) -> Sequence[Copy]:
    """A person's copies from which a server can be made, the newest first."""
    kept = select(Copy).where(Copy.owner == owner, Copy.state == CopyState.KEPT, Copy.for_move.is_(False))
    return session.scalars(kept.order_by(Copy.kept_at.desc(), Copy.id)).unique().all()


def all_rentals(session: Session) -> Sequence[Rental]:
    """Everybody's rentals that have not ended."""
    return session.scalars(_NOT_OVER).unique().all()


def held_capacity(session: Session, since: datetime | None = None) -> list[HeldCapacity]:
    """Everything that holds capacity somewhere, summed by node and state.

    What was asked for after ``since``, or not yet, comes one by one; ``server_at`` of a sum is the newest in it. A
    machine that gets another size holds that one too, and counts as no other rental.
    """
    dialect = session.get_bind().dialect.name
    rows = session.execute(_held(dialect, since=since is not None), {"since": since} if since else {})
    return [HeldCapacity(*row) for row in rows] + [
        HeldCapacity(node, size["vcpus"], size["ram_mb"], size["disk_gb"], at, status, state, rentals=0)
        for node, size, at, status, state in session.execute(_resizing(dialect))
    ]


def lock_build_slots(session: Session, node: str) -> None:
    """Make builds on one node take turns from here to the commit, and nobody else (PostgreSQL; SQLite as above)."""
    if _locks_rows(session):
        session.execute(_LOCK_SLOTS, {"key": crc32(node.encode()) - 2**31})


@contextmanager
def capacity_turn(store: Store, *, first: bool = False) -> Iterator[Session]:
    """One transaction that gives or takes room: of those there is one at a time. ``first``: people wait for it.

    Room is locked before anything else, by everybody: two who had locked a rental and room the other way round would
    wait for each other (PostgreSQL; SQLite's writers are alone anyway).
    """
    with store.write(alone=True, first=first) as session:
        if _locks_rows(session):
            session.execute(_LOCK_NODES)
        yield session


def networks_of(session: Session, owner: str) -> Sequence[Network]:
    """A person's own networks, by name."""
    return session.scalars(select(Network).where(Network.owner == owner).order_by(Network.name)).all()


def cidrs_in_use(session: Session) -> list[str]:
    """Every CIDR that some node or some person uses."""
    ours = session.scalars(select(Network.cidr)).all()
    theirs = [cidr for record in node_records(session) for cidr in record.cidrs or ()]
    return sorted({*ours, *theirs})


def others_in_network(session: Session, network: str, placement: Placement) -> bool:
    """Whether another rental may still have something in that network on the placement's node."""
    query = select(func.count()).select_from(Placement).join(Rental)
    query = query.where(
        Rental.network_id == network,
        Placement.node == placement.node,
        Placement.state.in_(HOLDING),
        Placement.id != placement.id,
    )
    return bool(session.scalar(query))


def drop_unused_network(session: Session, over: Rental) -> None:
    """Forget the network of a rental that has ended when no other rental uses it."""
    if over.network_id is None:
        return
    query = select(func.count()).select_from(Rental)
    used = query.where(Rental.network_id == over.network_id, Rental.status.in_(NOT_OVER))
    if not session.scalar(used):
        network = over.network_id
        session.execute(update(Rental).where(Rental.network_id == network).values(network_id=None))
        session.execute(delete(Network).where(Network.id == network))
        session.expire(over, ["network_id", "network"])


def history(session: Session, rental_id: str) -> Sequence[Event]:
    """A rental's events, oldest first."""
    return session.scalars(_HISTORY, {"rental": rental_id}).all()


def insert_once(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with its key is there; whether it did. The same on SQLite and PostgreSQL."""
    made = _once(session.get_bind().dialect.name, table)
    return session.execute(made, values).first() is not None


@cache
def _once(dialect: str, table: type[Base]) -> Insert:
    made = insert_into(table_of(table), dialect)
    once: Insert = made.on_conflict_do_nothing().returning(*table_of(table).primary_key)
    return once


def record_once(
    session: Session, rental_id: str, details: EventDetails, key: str, now: datetime, actor: str = SYSTEM
) -> bool:
    """Add a line to a rental's history unless it has one with that key; whether it did."""
    values = {
        "rental_id": rental_id,
        "at": now,
        "kind": details.kind,
        "actor": actor,
        "data": details.to_json(),
        "key": key,
        "tries": 0,
        "undeliverable": False,
    }
    return insert_once(session, Event, values)


def person(database: Session | Connection, user_id: str) -> Person | None:
    """What is remembered of a person, to be read alone; asked with every request, which needs no session for it."""
    row = database.execute(_PERSON, {"person": user_id}).mappings().first()
    return Person(**row) if row else None


def node_records(session: Session, *, lock: bool = False) -> Sequence[NodeRecord]:
    """What every node said last, by name; ``lock`` is the lock of capacity_turn() in the same statement."""
    return session.scalars(_LOCKED_NODES if lock and _locks_rows(session) else _NODES).all()


def first_delivery(store: Store, key: str, now: datetime) -> bool:
    """Whether this delivery is seen for the first time; the second of two at once is told no.

    It has been acknowledged, so after a power cut nobody delivers it again; rentals know their form besides.
    """
    return add_deliveries(store, {key: now}) == 1


def add_deliveries(store: Store, noted: Mapping[str, datetime]) -> int:
    """Write deliveries that were acted on, by key; returns how many of them weren't there yet."""
    with store.note() as connection:
        rows = [{"key": key, "at": at} for key, at in noted.items()]
        return len(connection.execute(_once(connection.dialect.name, Delivery), rows).all())


def forget_deliveries(session: Session, before: datetime) -> None:
    """Slack never redelivers what is that old."""
    session.execute(delete(Delivery).where(Delivery.at < before))
