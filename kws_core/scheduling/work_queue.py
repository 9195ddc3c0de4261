"""Placements as the reconciler's queue: what is due where, and who works on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from kws_core.database.store import Store
from kws_core.nodes.values import Machine, MachineState
from kws_core.tables.base import table_of
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import HOLDING, PlacementState, Status
from kws_core.values import owner_tag

# asked every second, or at every step: put together once
_TABLE = table_of(Placement)  # the row itself is told of faster than its object
_UNLEASED = or_(_TABLE.c.leased_until.is_(None), _TABLE.c.leased_until < bindparam("now"))
_NEXT_CHECKS = (
    select(_TABLE.c.node, func.min(_TABLE.c.next_look_at))
    .where(_TABLE.c.state.in_(HOLDING), _TABLE.c.next_look_at <= bindparam("until"), _UNLEASED)
    .group_by(_TABLE.c.node)
)
_DUE = (
    select(Placement)
    .where(
        Placement.node == bindparam("node"),
        Placement.state.in_(HOLDING),
        Placement.next_check_at <= bindparam("now"),
        _UNLEASED,
    )
    .order_by(Placement.id)
    .with_for_update(skip_locked=True, of=Placement)
    .options(joinedload(Placement.rental, innerjoin=True).joinedload(Rental.placements))
)
_LEASE = (
    update(_TABLE)
    .where(_TABLE.c.id.in_(bindparam("placements", expanding=True)))
    .values(
        leased_until=bindparam("until"),
        leased_by=bindparam("who"),
        next_look_at=bindparam("until"),  # a requeue meanwhile makes it earlier
    )
)
_POKED = _TABLE.c.next_look_at < _TABLE.c.leased_until  # since it was leased
_RELEASE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("placement"), _TABLE.c.leased_by == bindparam("who"))
    .values(
        next_look_at=case((_POKED, _TABLE.c.next_look_at), else_=bindparam("next")),
        leased_until=None,
        leased_by=None,
    )
    .returning(_TABLE.c.next_look_at)
)
_IN_USE = (
    select(Placement.id, Placement.rental_id, Placement.powered_off)
    .join(Rental)
    .where(
        Placement.node == bindparam("node"),
        Placement.state == PlacementState.ACTIVE,
        Placement.server_id.is_not(None),
        Rental.status == Status.READY,
    )
)
_BUILDING = (
    select(func.count())
    .select_from(Placement)
    .join(Rental)
    .where(
        Placement.node == bindparam("node"),
        Placement.state == PlacementState.ACTIVE,
        Placement.server_at.is_not(None),
        Placement.active_at.is_(None),
        Rental.status == Status.BUILDING,
    )
)


def claim_due(session: Session, node: str, now: datetime, who: str, lease: timedelta) -> Sequence[Placement]:
    """Leases the node's due placements to ``who``; a lease that ran out may be taken over."""
    claimed = session.scalars(_DUE, {"node": node, "now": now}).unique().all()
    if claimed:
        ids = [placement.id for placement in claimed]
        session.execute(_LEASE, {"placements": ids, "who": who, "until": now + lease})
    for placement in claimed:  # they are locked, so this is what their rows have now
        set_committed_value(placement, "leased_until", now + lease)
        set_committed_value(placement, "leased_by", who)
        set_committed_value(placement, "next_check_at", now + lease)
    return claimed


def release_lease(store: Store, placement_id: int, who: str, next_check_at: datetime) -> datetime | None:
    """End a lease; returns when the placement is due, at once where a requeue came meanwhile.

    None if the lease has run out and another has it. A power cut may undo it: nobody has a lease after a start.
    """
    known = {"placement": placement_id, "who": who, "next": next_check_at}
    with store.note() as connection:
        due: datetime | None = connection.scalar(_RELEASE, known)
    return due


def requeue_node(session: Session, node: str, now: datetime) -> None:
    """Make everything on a node due: it has come back."""
    there = select(Placement.id).where(Placement.node == node, Placement.state.in_(HOLDING))
    _make_due(session, there, now)


def requeue_turned(session: Session, node: str, machines: Mapping[str, Machine], now: datetime) -> None:
    """Make due what was turned off or on outside KWS, as its node shows it (by mark)."""
    rows = session.execute(_IN_USE, {"node": node})
    turned = [
        one for one, rental, was_off in rows if _is_off(machines.get(owner_tag(rental))) is (not was_off)
    ]
    if turned:
        _make_due(session, select(Placement.id).where(Placement.id.in_(turned)), now)


def _make_due(session: Session, placements: Select[int], now: datetime) -> None:
    ids = session.scalars(_in_turn(placements)).all()
    session.execute(update(Placement).where(Placement.id.in_(ids)).values(next_check_at=now))


def _is_off(machine: Machine | None) -> bool | None:
    """None where the node shows neither."""
    known = {MachineState.STOPPED: True, MachineState.ACTIVE: False}
    return known.get(machine.state) if machine else None


def resume_all(session: Session, node: str, now: datetime) -> None:
    """Mark what is to run on a node that has been away: it may have lost all of it."""
    runs = select(Placement.id).join(Rental)
    runs = runs.where(
        Placement.node == node,
        Placement.state == PlacementState.ACTIVE,
        Placement.server_id.is_not(None),
        or_(
            Placement.powered_off.is_(False), Placement.act_at.is_not(None), Placement.resume_at.is_not(None)
        ),
        Rental.status == Status.READY,
        Rental.switched_off.is_(False),
    )
    ids = session.scalars(_in_turn(runs)).all()
    session.execute(update(Placement).where(Placement.id.in_(ids)).values(resume_at=now, act_at=None))


def resuming(session: Session, node: str, since: datetime) -> int:
    """How many machines of that node were started after its outage, ``since`` then."""
    begun = (Placement.resume_at.is_not(None), Placement.act_at > since)
    query = select(func.count()).select_from(Placement)
    return session.scalar(query.where(*_held_on(node), *begun)) or 0


def to_resume(session: Session, node: str) -> int:
    """How many machines of that node do not answer again yet, after its outage."""
    query = select(func.count()).select_from(Placement)
    return session.scalar(query.where(*_held_on(node), Placement.resume_at.is_not(None))) or 0


def _held_on(node: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Placement.node == node, Placement.state == PlacementState.ACTIVE


def next_checks(session: Session | Connection, now: datetime, until: datetime) -> dict[str, datetime]:
    """By node, when the first placement there is to be looked at that nobody works on, if that is by ``until``."""
    return {row[0]: row[1] for row in session.execute(_NEXT_CHECKS, {"now": now, "until": until})}


def building_on(session: Session, node: str) -> int:
    """How many servers the node is building now."""
    return session.scalar(_BUILDING, {"node": node}) or 0


def unbuilt_on(session: Session, node: str) -> Sequence[Placement]:
    """What is held on a node and to be built, and has no server there yet."""
    query = select(Placement).join(Rental)
    return session.scalars(
        query.where(
            Placement.node == node,
            Placement.state == PlacementState.ACTIVE,
            Placement.server_id.is_(None),
            Rental.status.in_((Status.REQUESTED, Status.BUILDING)),
        )
    ).all()


def drop_leases(session: Session, who: str | None = None) -> int:
    """Free the leases of ``who``, or all of them (a process that is alone has just started); returns how many."""
    ids = session.scalars(_LEASED if who is None else _LEASED_BY, {"who": who}).all()
    if not ids:
        return 0
    free = {"leased_until": None, "leased_by": None, "next_check_at": Placement.held_at}
    session.execute(update(Placement).where(Placement.id.in_(ids)).values(free))
    return len(ids)


def _in_turn(query: Select[int]) -> Select[int]:
    """Lock many rows in one order everywhere, so that two who do it don't wait for each other (PostgreSQL)."""
    return query.order_by(Placement.id).with_for_update()


_LEASED = _in_turn(select(Placement.id).where(Placement.leased_until.is_not(None)))
_LEASED_BY = _LEASED.where(Placement.leased_by == bindparam("who"))
