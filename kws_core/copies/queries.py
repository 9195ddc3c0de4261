"""Which copies there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.orm import Session, joinedload

from kws_core.copies.lifecycle import takes_gb
from kws_core.tables.base import table_of
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import ON_DISK, UNDER_WAY, UNPLACED, CopyState, PlacementState, Status

# asked every second: put together once
_TABLE = table_of(Copy)
_NEXT = (
    select(_TABLE.c.node, func.min(_TABLE.c.next_check_at))
    .where(_TABLE.c.state.in_(ON_DISK))
    .group_by(_TABLE.c.node)
)
_DUE = (
    select(Copy.id)
    .where(Copy.state.in_(ON_DISK), Copy.node == bindparam("node"), Copy.next_check_at <= bindparam("now"))
    .order_by(Copy.next_check_at)
)
_OF_OWNER = select(Copy).where(
    Copy.owner == bindparam("person"), Copy.state.in_(ON_DISK), Copy.for_move.is_(False)
)
_UNDER_WAY = select(Copy.id).where(Copy.rental_id == bindparam("rental"), Copy.state.in_(UNDER_WAY))
_LOCK = select(Copy.id).where(Copy.id == bindparam("copy")).with_for_update()
_ONE = (
    select(Copy)
    .where(Copy.id == bindparam("copy"))
    .options(joinedload(Copy.rental, innerjoin=True).joinedload(Rental.placements))
)
_FRESH = _ONE.execution_options(populate_existing=True)


def copy(session: Session, copy_id: str, *, lock: bool = False) -> Copy | None:
    """One copy with its rental; ``lock`` makes other writers of it wait (PostgreSQL)."""
    if lock:
        session.execute(_LOCK, {"copy": copy_id})
    return session.scalars(_FRESH if lock else _ONE, {"copy": copy_id}).unique().one_or_none()


def next_checks(session: Session | Connection) -> dict[str, datetime]:
    """By node, when its first copy is due."""
    return {row[0]: row[1] for row in session.execute(_NEXT)}


def due(session: Session, node: str, now: datetime) -> Sequence[str]:
    """Ids of the copies on that node that are due."""
    return session.scalars(_DUE, {"node": node, "now": now}).all()


def of_owner(session: Session, owner: str) -> Sequence[Copy]:
    """A person's copies, the next to go first."""
    return session.scalars(_OF_OWNER.order_by(Copy.keep_until, Copy.id), {"person": owner}).unique().all()


def everybodys(session: Session) -> Sequence[Copy]:
    """Every copy that a node may hold, by node."""
    query = select(Copy).where(Copy.state.in_(ON_DISK)).order_by(Copy.node, Copy.keep_until, Copy.id)
    return session.scalars(query).unique().all()


def kept(session: Session) -> Sequence[Copy]:
    """Every copy that somebody keeps."""
    query = select(Copy).where(Copy.state == CopyState.KEPT, Copy.for_move.is_(False))
    return session.scalars(query.order_by(Copy.id)).unique().all()


def to_place(session: Session) -> Sequence[Copy]:
    """Copies that are still on the node of their server, the oldest first."""
    query = select(Copy).where(
        Copy.state == CopyState.KEPT, Copy.for_move.is_(False), Copy.placed_at.is_(None)
    )
    return session.scalars(query.order_by(Copy.kept_at, Copy.id)).unique().all()


def newest_of(session: Session, rental_id: str, besides: str) -> Copy | None:
    """The newest copy of that rental that is kept on another node than ``besides``."""
    query = select(Copy).where(
        Copy.rental_id == rental_id,
        Copy.state == CopyState.KEPT,
        Copy.for_move.is_(False),
        Copy.node != besides,
    )
    return session.scalars(query.order_by(Copy.kept_at.desc()).limit(1)).unique().one_or_none()


def under_way(session: Session, rental_id: str) -> bool:
    """Whether a copy of that rental is being made, or is to be."""
    return session.scalar(_UNDER_WAY, {"rental": rental_id}) is not None


def wanted_on(session: Session, copy_id: str) -> set[str]:
    """Nodes on which a rental is being created from that copy."""
    unbuilt = (Status.REQUESTED, Status.BUILDING)
    query = select(Placement.node).join(Rental, Placement.rental_id == Rental.id)
    query = query.where(
        Rental.copy_id == copy_id, Rental.status.in_(unbuilt), Placement.state == PlacementState.ACTIVE
    )
    return set(session.scalars(query))


def in_use(session: Session, copy_id: str) -> bool:
    """Whether a rental is being created from that copy, or waits until it can be."""
    waits = select(Rental.id).where(Rental.copy_id == copy_id, Rental.status.in_(UNPLACED)).limit(1)
    return bool(wanted_on(session, copy_id)) or session.scalar(waits) is not None


def failed_at_end(session: Session, rental_id: str, since: datetime) -> Sequence[Copy]:
    """Copies at the rental's end that were asked for since then, and failed; oldest first."""
    query = select(Copy).where(
        Copy.rental_id == rental_id,
        Copy.at_end.is_(True),
        Copy.failure.is_not(None),
        Copy.requested_at >= since,
    )
    return session.scalars(query.order_by(Copy.requested_at)).unique().all()


def taken_gb(session: Session, node: str) -> int:
    """GiB that the copies on a node take, those that are being made included."""
    here = select(Copy).where(Copy.state.in_(ON_DISK), Copy.node == node)
    return sum(map(takes_gb, session.scalars(here).unique()))
