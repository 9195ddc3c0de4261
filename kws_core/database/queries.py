"""The named queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    case,
    delete,
    func,
    insert,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.database.store import Store
from kws_core.errors import ErrorCode, UserError
from kws_core.tables.base import Base
from kws_core.tables.delivery import Delivery
from kws_core.tables.event import Event
from kws_core.tables.network import Network
from kws_core.tables.node import NodeRecord
from kws_core.tables.person import Person
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.saved_key import SavedKey
from kws_core.tables.states import HOLDING, LIVE, NOT_OVER, PlacementState, Status


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
    """Capacity that placements hold on a node."""

    node: str
    vcpus: int
    ram_mb: int
    disk_gb: int
    server_at: datetime | None
    status: Status
    state: PlacementState
    rentals: int = 1


def rental(session: Session, rental_id: str, *, lock: bool = False) -> Rental | None:
    """One rental with its placements; ``lock`` makes other writers of this rental wait (PostgreSQL)."""
    return session.get(Rental, rental_id, with_for_update=lock or None)


def rental_by_request(session: Session, request_key: str) -> Rental | None:
    """The rental that this form already made."""
    return session.scalar(select(Rental).where(Rental.request_key == request_key))


def live_by_name(session: Session, name: str) -> Rental | None:
    """The active rental of that name, of any owner."""
    return session.scalar(select(Rental).where(Rental.name == name, Rental.status.in_(LIVE)))


def rentals_of(session: Session, owner: str) -> Sequence[Rental]:
    """A person's rentals that have not ended, by end date."""
    query = select(Rental).where(Rental.owner == owner, Rental.status.in_(NOT_OVER))
    return session.scalars(query.order_by(Rental.ends_on, Rental.created_at)).all()


def all_rentals(session: Session) -> Sequence[Rental]:
    """Everybody's rentals that have not ended."""
    query = select(Rental).where(Rental.status.in_(NOT_OVER))
    return session.scalars(query.order_by(Rental.ends_on, Rental.created_at)).all()


def earliest_end(session: Session) -> Rental | None:
    """The live rental that ends first."""
    query = select(Rental).where(Rental.status.in_(LIVE))
    return session.scalar(query.order_by(Rental.ends_on).limit(1))


def held_capacity(session: Session, since: datetime | None = None) -> list[HeldCapacity]:
    """Everything that holds capacity somewhere, summed by node and state.

    What was asked for after ``since``, or not yet, comes one by one; ``server_at`` of a sum is the newest in it.
    """
    old_or_id = [case((Placement.server_at <= since, 0), else_=Placement.id)] if since else []
    query = (
        select(
            Placement.node,
            func.sum(Rental.vcpus),
            func.sum(Rental.ram_mb),
            func.sum(Rental.disk_gb),
            func.max(Placement.server_at),
            Rental.status,
            Placement.state,
            func.count(),
        )
        .join(Rental)
        .group_by(Placement.node, Rental.status, Placement.state, *old_or_id)
        .where(Placement.state.in_(HOLDING))
    )
    return [HeldCapacity(*row) for row in session.execute(query)]


def lock_capacity(session: Session) -> None:
    """Make requests take turns from here to the commit (PostgreSQL; SQLite writers do anyway)."""
    session.execute(select(NodeRecord.name).order_by(NodeRecord.name).with_for_update())


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


def undelivered(
    session: Session, now: datetime, free: ColumnElement[bool], limit: int = 200
) -> Sequence[str]:
    """Ids of rentals with an event that is due for delivery, oldest first; ``free`` sees the event's row."""
    query = (
        select(Event.rental_id, func.min(Event.id))
        .where(Event.delivered_at.is_(None), or_(Event.next_try_at.is_(None), Event.next_try_at <= now), free)
        .group_by(Event.rental_id)
        .order_by(func.min(Event.id))
        .limit(limit)
    )
    return [row[0] for row in session.execute(query)]


def history(session: Session, rental_id: str) -> Sequence[Event]:
    """A rental's events, oldest first."""
    return session.scalars(select(Event).where(Event.rental_id == rental_id).order_by(Event.id)).all()


def insert_once(session: Session, table: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless one with its key is there; whether it did. The same on SQLite and PostgreSQL."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    made = dialect.insert(table).values(**values).on_conflict_do_nothing()
    return session.execute(made.returning(*inspect(table).primary_key)).first() is not None


def person(session: Session, user_id: str) -> Person | None:
    """What is remembered of a person."""
    return session.get(Person, user_id)


def node_records(session: Session) -> Sequence[NodeRecord]:
    """What every node said last, by name."""
    return session.scalars(select(NodeRecord).order_by(NodeRecord.name)).all()


def first_delivery(store: Store, key: str, now: datetime) -> bool:
    """Whether this delivery is seen for the first time; the second of two at once is told no.

    It has been acknowledged, so after a power cut nobody delivers it again; rentals know their form besides.
    """
    try:
        with store.write(hasty=True) as session:
            session.execute(insert(Delivery).values(key=key, at=now))
    except IntegrityError:
        return False
    return True


def forget_deliveries(session: Session, before: datetime) -> None:
    """Slack never redelivers what is that old."""
    session.execute(delete(Delivery).where(Delivery.at < before))
