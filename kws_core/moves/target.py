"""Where the successor of a server can be made from a copy of its disk, or why nowhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.copies import queries as copies
from kws_core.copies.service import free_gb
from kws_core.errors import ErrorCode, UserError
from kws_core.expiry import ExpiryPolicy
from kws_core.scheduling.placement import PlacementRequest
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import LIVE, Access, PlacementState
from kws_core.values import Kind, Size


def copy_target(
    session: Session,
    config: Config,
    rental: Rental,
    size: Size,
    now: datetime,
    tried: frozenset[str] = frozenset(),
) -> str:
    """The node that is to have the successor; its own node first has room for the copy.

    Raises:
        UserError: If it can't be made from a copy, or nowhere.
    """
    held = rental.placement
    assert held
    check_copyable(session, rental)
    if copies.under_way(session, rental.id):
        raise UserError(ErrorCode.COPY_UNDER_WAY, name=rental.name)
    free = free_gb(session, held.node, config.policy.copy_floor_gb)
    if free is not None and rental.disk_gb > free:
        raise UserError(ErrorCode.COPY_NO_ROOM, node=held.node, disk_gb=rental.disk_gb, free_gb=free)
    return roomy_node(session, config, rental, size, now, tried)


def roomy_node(
    session: Session, config: Config, rental: Rental, size: Size, now: datetime, tried: frozenset[str]
) -> str:
    """The node with the most room for that size, besides those; what is promised to others is no room.

    Raises:
        UserError: If none has room.
    """
    book = WaitingList(session, config, ExpiryPolicy(config), now)
    node = book.room_for(PlacementRequest(Kind.SERVER, "", size, tried), rental.ends_on)
    if node is None:
        raise UserError(ErrorCode.MOVE_NO_ROOM, name=rental.name, size=size.name)
    return node


def check_copyable(session: Session, rental: Rental) -> None:
    """What no waiting changes.

    Raises:
        UserError: If nobody could say whether its owner gets in to the other one, or neighbors would be left behind.
    """
    if rental.access is Access.NONE:
        raise UserError(ErrorCode.MOVE_FOREIGN, name=rental.name)
    if rental.network_id and (others := _neighbors(session, rental)):
        raise UserError(ErrorCode.MOVE_NETWORK, name=rental.name, others=others)


def _neighbors(session: Session, rental: Rental) -> list[str]:
    """Names of the other servers in its own network there."""
    assert rental.placement
    query = select(Rental.name).join(Placement, Placement.rental_id == Rental.id)
    query = query.where(
        Rental.network_id == rental.network_id,
        Rental.id != rental.id,
        Rental.status.in_(LIVE),
        Placement.node == rental.placement.node,
        Placement.state == PlacementState.ACTIVE,
    )
    return sorted(session.scalars(query))
