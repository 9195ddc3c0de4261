"""Moves of servers: the use cases. One method is one transaction; asks no node and no Slack."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.copies.service import free_gb
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.moves import lifecycle
from kws_core.people import Actor
from kws_core.rentals.access import allowed, check_settled
from kws_core.rentals.quota import check_quota
from kws_core.scheduling.node_maintenance import night_hour
from kws_core.scheduling.placement import PlacementRequest
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import MoveFailed, MovePlanned
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import LIVE, Access, PlacementState, Status
from kws_core.values import Kind, Size

log = logging.getLogger(__name__)

KWS = Actor(SYSTEM, admin=True)  # whom nobody asks
VIA_PLAN = "plan"  # where a move comes from whose time has come


@dataclass(frozen=True, slots=True)
class MoveTerms:
    """What a move would do now."""

    rental: Rental
    source: str  # nodes
    target: str
    size: Size


@dataclass(frozen=True, slots=True)
class Recovery:
    """What becomes of the servers of a node that isn't responding, by name."""

    started: list[str] = field(default_factory=list)
    failed: list[tuple[str, UserError]] = field(default_factory=list)


class Moves:
    """Move a server to another node, or to another size."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def terms(
        self, who: Actor, rental_id: str, size: Size | None = None, *, beyond_policy: bool = False
    ) -> MoveTerms:
        """Return what a move would do now; ``size``: to that size, on any node.

        ``beyond_policy``: if an admin allowed what the policy doesn't.

        Raises:
            UserError: If it can't be moved now, with why.
        """
        with self.context.store.read() as session:
            rental = allowed(queries.rental(session, rental_id), who)
            return self._terms(session, rental, size, beyond_policy=beyond_policy)

    def start(
        self,
        who: Actor,
        rental_id: str,
        *,
        size: Size | None = None,
        via: str | None = None,
        beyond_policy: bool = False,
    ) -> Rental:
        """Start the move. Done twice it is done once. Admins may go ``beyond_policy``.

        Raises:
            UserError: If it can't be moved now, with why.
        """
        if beyond_policy and not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with self.context.store.write() as session:
            queries.lock_capacity(session)
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if not rental.moving:
                terms = self._terms(session, rental, size, beyond_policy=beyond_policy)
                lifecycle.begin(session, rental, terms.target, terms.size, self.context.now(), who.id, via)
        self._changed()
        return rental

    def recover(self, who: Actor, rental_id: str, *, via: str | None = None) -> Rental:
        """Make a server again, from its newest copy on another node, while its own node isn't responding.

        What was written since the copy is lost if the node doesn't come back.

        Raises:
            UserError: If it can't be done, with why.
        """
        with self.context.store.write() as session:
            queries.lock_capacity(session)
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if not rental.moving:
                held = self._check(session, rental)
                record = session.get(NodeRecord, held.node)
                if record is None or record.failing_since is None:
                    raise UserError(ErrorCode.NODE_RESPONDS, node=held.node)
                copy = copies.newest_of(session, rental.id, held.node)
                if copy is None:
                    raise UserError(ErrorCode.COPY_GONE)
                target = self._room(session, rental, rental.wanted_size, frozenset({held.node}))
                now, size = self.context.now(), rental.wanted_size
                lifecycle.begin(session, rental, target, size, now, who.id, via, copy)
        self._changed()
        return rental

    def recover_node(self, who: Actor, node: str, *, via: str) -> Recovery:
        """Do so with every server of that node.

        Raises:
            UserError: If the actor isn't an admin.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        query = select(Rental).join(Placement, Placement.rental_id == Rental.id)
        query = query.where(
            Placement.node == node,
            Placement.state == PlacementState.ACTIVE,
            Rental.status == Status.READY,
            Rental.replaces.is_(None),
        )
        done = Recovery()
        with self.context.store.read() as session:
            there = session.scalars(query.order_by(Rental.name)).all()
        for rental in there:
            try:
                self.recover(who, rental.id, via=via)
            except UserError as error:
                done.failed.append((rental.name, error))
            else:
                done.started.append(rental.name)
        return done

    def plan(self, who: Actor, rental_id: str, at: datetime | None, *, via: str | None = None) -> Rental:
        """Choose when it is moved; None: its owner sees to it.

        Raises:
            UserError: If it can't be moved at all, with why.
        """
        with self.context.store.write() as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if at is not None:
                self._check(session, rental)
            if rental.move_at != at:
                rental.move_at = at
                rental.record(MovePlanned(at, via=via), self.context.now(), actor=who.id)
        self._changed()
        return rental

    def movable(self, who: Actor, rental_id: str) -> Rental:
        """Return the server, if it can be moved somewhere at all.

        Raises:
            UserError: If it can't, with why.
        """
        with self.context.store.read() as session:
            rental = allowed(queries.rental(session, rental_id), who)
            self._check(session, rental)
        return rental

    def tonight(self) -> datetime:
        """The next hour at which servers are moved (03:00 in the lab's zone)."""
        zone, today = self.context.config.kws.zone, self.context.today()
        at = night_hour(today, zone)
        return at if at > self.context.now() else night_hour(today + timedelta(days=1), zone)

    def start_due(self, now: datetime) -> None:
        """Start the moves whose time has come; one that can't be started is told of and is not tried again."""
        query = select(Rental.id).where(Rental.move_at <= now, Rental.status.in_(LIVE))
        with self.context.store.read() as session:
            due = session.scalars(query.order_by(Rental.move_at, Rental.id)).all()
        for rental_id in due:
            try:
                self.start(KWS, rental_id, via=VIA_PLAN)
            except UserError as error:
                log.info("rental %s: can't move it: %s", rental_id, error.code)
                self._not_started(rental_id, error)

    def _not_started(self, rental_id: str, error: UserError) -> None:
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is not None and rental.live and rental.move_at is not None:
                rental.move_at = None
                rental.record(MoveFailed(error.code, started=False), self.context.now())

    def _terms(
        self, session: Session, rental: Rental, size: Size | None, *, beyond_policy: bool
    ) -> MoveTerms:
        held = self._check(session, rental)
        turning = held.act_at is not None or held.resume_at is not None
        if turning or rental.rekey is not None:
            raise UserError(ErrorCode.BUSY, name=rental.name)
        if copies.under_way(session, rental.id):
            raise UserError(ErrorCode.COPY_UNDER_WAY, name=rental.name)
        record = session.get(NodeRecord, held.node)
        if record is None or record.failing_since is not None:
            raise UserError(ErrorCode.NODE_SILENT, node=held.node)
        wanted = self._size(session, rental, size, beyond_policy=beyond_policy)
        free = free_gb(session, held.node, self.context.config.policy.copy_floor_gb)
        if free is not None and rental.disk_gb > free:
            raise UserError(ErrorCode.COPY_NO_ROOM, node=held.node, disk_gb=rental.disk_gb, free_gb=free)
        tried = frozenset() if size else frozenset({held.node})
        return MoveTerms(rental, held.node, self._room(session, rental, wanted, tried), wanted)

    def _room(self, session: Session, rental: Rental, size: Size, tried: frozenset[str]) -> str:
        """The node that is to have the successor.

        Raises:
            UserError: If none has room.
        """
        book = WaitingList(session, self.context.config, self.context.expiry, self.context.now())
        node = book.room_for(PlacementRequest(Kind.SERVER, "", size, tried), rental.ends_on)
        if node is None:
            raise UserError(ErrorCode.MOVE_NO_ROOM, name=rental.name, size=size.name)
        return node

    def _check(self, session: Session, rental: Rental) -> Placement:
        """What no waiting changes.

        Raises:
            UserError: If it can't be moved.
        """
        held = rental.placement
        if rental.kind is Kind.CONTAINER:
            raise UserError(ErrorCode.MOVE_CONTAINER, name=rental.name)
        if (
            rental.access is Access.NONE
        ):  # nobody knows how its owner gets in: whether it answers can't be seen
            raise UserError(ErrorCode.MOVE_FOREIGN, name=rental.name)
        check_settled(rental)
        if rental.status is not Status.READY or held is None or held.server_id is None:
            raise UserError(ErrorCode.NOT_READY, name=rental.name)
        if rental.network_id and (others := _neighbors(session, rental, held.node)):
            raise UserError(ErrorCode.MOVE_NETWORK, name=rental.name, others=others)
        return held

    def _size(self, session: Session, rental: Rental, size: Size | None, *, beyond_policy: bool) -> Size:
        """The size that it is to have.

        Raises:
            UserError: If the disk would shrink, nothing would change, or it is more than the policy allows.
        """
        was = rental.wanted_size
        if size is None:
            return was
        if size.disk_gb < was.disk_gb:
            raise UserError(ErrorCode.DISK_SHRINKS, size=size.name, disk_gb=was.disk_gb)
        if (size.vcpus, size.ram_mb, size.disk_gb) == (was.vcpus, was.ram_mb, was.disk_gb):
            raise UserError(ErrorCode.SIZE_SAME, name=rental.name, size=size.name)
        if not beyond_policy:
            check_quota(session, self.context.config.policy, rental.owner, size, instead_of=rental.id)
        return size

    def _changed(self) -> None:
        self.context.work.set()
        self.context.mail.set()


def _neighbors(session: Session, rental: Rental, node: str) -> list[str]:
    """Names of the other servers in its own network there."""
    query = select(Rental.name).join(Placement, Placement.rental_id == Rental.id)
    query = query.where(
        Rental.network_id == rental.network_id,
        Rental.id != rental.id,
        Rental.status.in_(LIVE),
        Placement.node == node,
        Placement.state == PlacementState.ACTIVE,
    )
    return sorted(session.scalars(query))
