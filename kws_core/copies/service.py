"""Copies of servers: the use cases. One method is one transaction; asks no node and no Slack.

A copy is a row first; ``reconcile/copy_keeper.py`` has the node make it and take it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kws_core.config import Config, NodeSection
from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.copies.lifecycle import DELETED, begin, lasts_until
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals.access import allowed, check_settled
from kws_core.scheduling.capacity import load_capacity
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import CopyDeleted, CopyPlanned, CopyProlonged
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Status
from kws_core.values import Kind


@dataclass(frozen=True, slots=True)
class CopyTerms:
    """What a copy would cost now."""

    rental: Rental
    node: str
    disk_gb: int  # at most
    free_gb: int  # what the node has left for copies
    keep_until: date


class Copies:
    """Keep copies, keep them longer, delete them."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def terms(self, who: Actor, rental_id: str) -> CopyTerms:
        """Return what a copy of that server would cost.

        Raises:
            UserError: If it can't be copied now, with why.
        """
        with self.context.store.read() as session:
            return self._terms(session, allowed(queries.rental(session, rental_id), who))

    def request(self, who: Actor, rental_id: str, *, via: str | None = None) -> Copy:
        """Have a copy made of the server as it is now. Done twice while one is under way, it is done once.

        Raises:
            UserError: If it can't be copied now, with why.
        """
        try:
            # two at once must not share the last of the disk
            with queries.capacity_turn(self.context.store, first=True) as session:
                rental = allowed(queries.rental(session, rental_id, lock=True), who)
                terms = self._terms(session, rental)
                copy = begin(rental, self.context.now(), terms.keep_until, actor=who.id, via=via)
                session.add(copy)
        except IntegrityError as error:  # two transactions met (PostgreSQL)
            raise UserError(ErrorCode.COPY_UNDER_WAY, name=rental.name) from error
        self._changed()
        return copy

    def plan(self, who: Actor, rental_id: str, wanted: bool, *, via: str | None = None) -> Rental:
        """Choose whether a copy is made before the rental ends.

        Raises:
            UserError: If it can't be copied now, with why.
        """
        with self.context.store.write() as session:
            rental = allowed(queries.rental(session, rental_id, lock=True), who)
            if wanted:
                self._terms(session, rental)
            if rental.copy_at_end != wanted:
                rental.copy_at_end = wanted
                rental.record(CopyPlanned(wanted, via=via), self.context.now(), actor=who.id)
        self._changed()
        return rental

    def prolong(self, who: Actor, copy_id: str, *, via: str | None = None) -> Copy:
        """Keep the copy for the policy's days, counted from today.

        Raises:
            UserError: If that person has no such copy, or it isn't kept.
        """
        with self.context.store.write() as session:
            copy = self._mine(copies.copy(session, copy_id, lock=True), who)
            if copy.state is not CopyState.KEPT:
                raise UserError(ErrorCode.COPY_NOT_KEPT, name=copy.name)
            now, was = self.context.now(), copy.keep_until
            until = max(was, lasts_until(self.context.today(), self.context.config.policy.copy_days))
            if until > was:
                copy.keep_until, copy.keep_set_at = until, now
                longer = CopyProlonged(copy.id, until=until, was=was, via=via)
                copy.rental.record(longer, now, actor=who.id)
        self._changed()
        return copy

    def delete(self, who: Actor, copy_id: str, *, via: str | None = None) -> Copy:
        """Delete the copy; one that is still being made is not made. Done twice it is done once.

        Raises:
            UserError: If that person has no such copy, or a server is being created from it.
        """
        with self.context.store.write() as session:
            copy = self._mine(copies.copy(session, copy_id, lock=True), who)
            if copies.in_use(session, copy.id):
                raise UserError(ErrorCode.COPY_IN_USE, name=copy.name)
            if copy.state is not CopyState.DELETING:
                now, deleted = self.context.now(), CopyDeleted(copy.id, copy.node, DELETED, via=via)
                copy.failure = DELETED
                copy.move_to(CopyState.DELETING, now)
                copy.rental.record(deleted, now, actor=who.id)
        self._changed()
        return copy

    def get(self, who: Actor, copy_id: str) -> Copy:
        """One copy of that person's."""
        with self.context.store.read() as session:
            return self._mine(copies.copy(session, copy_id), who)

    def of(self, who: Actor) -> Sequence[Copy]:
        """The person's copies, the next to go first."""
        with self.context.store.read() as session:
            return copies.of_owner(session, who.id)

    def everybodys(self) -> Sequence[Copy]:
        """All copies, by node."""
        with self.context.store.read() as session:
            return copies.everybodys(session)

    def _mine(self, copy: Copy | None, who: Actor) -> Copy:
        """The copy, if this person may act on it; the same error for one that is gone and another person's."""
        if copy is None or not copy.on_disk or (copy.owner != who.id and not who.admin):
            raise UserError(ErrorCode.COPY_GONE)
        return copy

    def _terms(self, session: Session, rental: Rental) -> CopyTerms:
        policy = self.context.config.policy
        if rental.kind is Kind.CONTAINER:
            raise UserError(ErrorCode.COPY_CONTAINER, name=rental.name)
        check_settled(rental)
        placement = rental.placement
        ready = rental.status in (Status.READY, Status.STOPPED)
        if not ready or placement is None or placement.server_id is None:
            raise UserError(ErrorCode.NOT_READY, name=rental.name)
        if rental.reset_at is not None:
            raise UserError(ErrorCode.RESET_UNDER_WAY, name=rental.name)
        if copies.under_way(session, rental.id):
            raise UserError(ErrorCode.COPY_UNDER_WAY, name=rental.name)
        node = self.context.config.node(placement.node)
        if not policy.max_copies_per_user or node is None or not node.copy_disk_gb:
            raise UserError(ErrorCode.COPIES_OFF, node=placement.node)
        if len(copies.of_owner(session, rental.owner)) >= policy.max_copies_per_user:
            raise UserError(ErrorCode.COPIES_FULL, maximum=policy.max_copies_per_user)
        free = room_gb(session, self.context.config, node)
        if rental.disk_gb > free:
            raise UserError(ErrorCode.COPY_NO_ROOM, node=node.name, disk_gb=rental.disk_gb, free_gb=free)
        until = lasts_until(self.context.today(), policy.copy_days)
        return CopyTerms(rental, node.name, rental.disk_gb, free, until)

    def _changed(self) -> None:
        self.context.work.set()
        self.context.mail.set()


def room_gb(session: Session, config: Config, node: NodeSection) -> int:
    """What the node has left for copies: of what it lends for them, and above the floor of what it has free at all."""
    lent = node.copy_disk_gb - copies.taken_gb(session, node.name)
    measured = free_gb(session, node.name, config.policy.copy_floor_gb)
    return max(0, lent if measured is None else min(lent, measured))


def free_gb(session: Session, node: str, floor: int) -> int | None:
    """What the node has free above that floor, as it measured last; None if it doesn't say."""
    measured = load_capacity(session.get(NodeRecord, node))
    if measured is None or measured.disk_gb is None:
        return None
    return max(0, int(measured.disk_gb - measured.used_disk_gb - floor))
