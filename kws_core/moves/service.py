"""Moves of servers: the use cases. One method is one transaction; asks no node and no Slack."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.moves import in_place, lifecycle
from kws_core.moves.target import check_copyable, copy_target, roomy_node
from kws_core.people import Actor
from kws_core.rentals.access import allowed, check_settled
from kws_core.rentals.quota import check_quota
from kws_core.scheduling.node_maintenance import night_hour
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import MoveFailed, MovePlanned
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import LIVE, PlacementState, Status
from kws_core.values import Kind, Size

log = logging.getLogger(__name__)

KWS = Actor(SYSTEM, admin=True)  # whom nobody asks
VIA_PLAN = "plan"  # where a move comes from whose time has come


@dataclass(frozen=True, slots=True)
class MoveTerms:
    """What a move would do now; ``in_place``: it only gets another size, and keeps its address."""

    rental: Rental
    source: str  # nodes
    target: str
    size: Size
    in_place: bool = False


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """Sizes that a server can be asked to get; ``in_place``: names of those for which it needn't be moved."""

    rental: Rental
    sizes: list[Size]
    in_place: frozenset[str]


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
        """Return what a move would do now; ``size``: to that size, where it is if its node can do that.

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
        with queries.capacity_turn(self.context.store) as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if not rental.moving and not (rental.resizing and size):
                now, terms = (
                    self.context.now(),
                    self._terms(session, rental, size, beyond_policy=beyond_policy),
                )
                if terms.in_place:
                    in_place.begin(rental, terms.size, now, who.id, via)
                else:
                    lifecycle.begin(session, rental, terms.target, terms.size, now, who.id, via)
        self._changed()
        return rental

    def recover(self, who: Actor, rental_id: str, *, via: str | None = None) -> Rental:
        """Make a server again, from its newest copy on another node, while its own node isn't responding.

        What was written since the copy is lost if the node doesn't come back.

        Raises:
            UserError: If it can't be done, with why.
        """
        with queries.capacity_turn(self.context.store) as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if not rental.moving:
                held = self._check(rental)
                check_copyable(session, rental)
                record = session.get(NodeRecord, held.node)
                if record is None or record.failing_since is None:
                    raise UserError(ErrorCode.NODE_RESPONDS, node=held.node)
                copy = copies.newest_of(session, rental.id, held.node)
                if copy is None:
                    raise UserError(ErrorCode.COPY_GONE)
                now, size = self.context.now(), rental.wanted_size
                target = roomy_node(session, self.context.config, rental, size, now, frozenset({held.node}))
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
                self._check(rental)
                check_copyable(session, rental)
            if rental.move_at != at:
                rental.move_at = at
                rental.record(MovePlanned(at, via=via), self.context.now(), actor=who.id)
        self._changed()
        return rental

    def sizes(self, who: Actor, rental_id: str) -> SizeChoice:
        """Return the sizes to choose from; whether there is room for a copy is checked when one is chosen.

        Raises:
            UserError: If it can't get another size at all, with why.
        """
        config, now = self.context.config, self.context.now()
        with self.context.store.read() as session:
            rental = allowed(queries.rental(session, rental_id), who)
            self._check(rental)
            sizes = [
                size
                for size in config.all_sizes()
                if size.disk_gb >= rental.disk_gb and size.name != rental.size
            ]
            here = [size for size in sizes if in_place.fits(session, config, rental, size, now)]
            if not here:
                check_copyable(session, rental)
        return SizeChoice(rental, sizes, frozenset(size.name for size in here))

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
        config, now, held = self.context.config, self.context.now(), self._check(rental)
        if size is None:
            check_copyable(session, rental)
        turning = held.act_at is not None or held.resume_at is not None
        if turning or rental.rekey is not None:
            raise UserError(ErrorCode.BUSY, name=rental.name)
        if copies.under_way(session, rental.id):
            raise UserError(ErrorCode.COPY_UNDER_WAY, name=rental.name)
        record = session.get(NodeRecord, held.node)
        if record is None or record.failing_since is not None:
            raise UserError(ErrorCode.NODE_SILENT, node=held.node)
        if size is None:
            target = copy_target(session, config, rental, rental.wanted_size, now, frozenset({held.node}))
            return MoveTerms(rental, held.node, target, rental.wanted_size)
        self._check_size(session, rental, size, beyond_policy=beyond_policy)
        if in_place.fits(session, config, rental, size, now):
            return MoveTerms(rental, held.node, held.node, size, in_place=True)
        return MoveTerms(rental, held.node, copy_target(session, config, rental, size, now), size)

    def _check(self, rental: Rental) -> Placement:
        """What no waiting changes.

        Raises:
            UserError: If KWS must leave its machine alone.
        """
        held = rental.placement
        if rental.kind is Kind.CONTAINER:
            raise UserError(ErrorCode.MOVE_CONTAINER, name=rental.name)
        check_settled(rental)
        if rental.status is not Status.READY or held is None or held.server_id is None:
            raise UserError(ErrorCode.NOT_READY, name=rental.name)
        return held

    def _check_size(self, session: Session, rental: Rental, size: Size, *, beyond_policy: bool) -> None:
        """Check that it may get that size.

        Raises:
            UserError: If the disk would shrink, nothing would change, or it is more than the policy allows.
        """
        was = rental.wanted_size
        if size.disk_gb < was.disk_gb:
            raise UserError(ErrorCode.DISK_SHRINKS, size=size.name, disk_gb=was.disk_gb)
        if (size.vcpus, size.ram_mb, size.disk_gb) == (was.vcpus, was.ram_mb, was.disk_gb):
            raise UserError(ErrorCode.SIZE_SAME, name=rental.name, size=size.name)
        if not beyond_policy:
            check_quota(session, self.context.config.policy, rental.owner, size, instead_of=rental.id)

    def _changed(self) -> None:
        self.context.work.set()
        self.context.mail.set()
