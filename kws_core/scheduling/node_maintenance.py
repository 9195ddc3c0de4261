"""What admins do with a node: take it in maintenance, put it back. What runs there is left as it is."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.database.audit_log import LONGEST_ACTOR, note_act
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.people import Actor
from kws_core.scheduling import capacity
from kws_core.tables.details.alerts import NodeEmptyingAlert
from kws_core.tables.details.events import NodeDrained
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import LIVE, PlacementState

LONGEST_REASON = 200
NIGHT_HOUR = time(3)  # when few people work


class NodeMaintenance:
    """One method is one use case is one transaction; every act is in the audit trail."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def drain(
        self,
        who: Actor,
        node: str,
        *,
        where: str,
        tell: bool = False,
        move: bool = False,
        until: date | None = None,
        reason: str = "",
    ) -> int:
        """Start maintenance: the node gets no new rentals. Return how many rentals' owners are told.

        ``tell`` needs a date. Each owner is told once per drain and date, however often it is asked. With ``move``
        they are told too that KWS moves what is still there at 03:00 of that day.

        Raises:
            UserError: If the actor isn't an admin.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        tell = tell or move
        self.check(until, reason, tell=tell)
        with self.context.store.write() as session:
            now, record = self.context.now(), self._record(session, node)
            if not record.drained:
                record.drained, record.drained_at = True, now
            at = night_hour(until, self.context.config.kws.zone) if move and until else None
            drained = NodeDrained(node, until, reason.strip(), via=where)
            told = _tell_owners(session, record, who, now, drained, at) if tell else 0
            day = until.isoformat() if until else None
            facts = {"node": node, "until": day, "reason": drained.reason, "told": told, "move": move or None}
            note_act(session, who.id, "drain", where, now, **facts)
        self.context.mail.set()
        return told

    def undrain(self, who: Actor, node: str, *, where: str) -> bool:
        """End maintenance; False if there was none.

        Raises:
            UserError: If the actor isn't an admin.
        """
        if not who.admin:
            raise UserError(ErrorCode.ADMINS_ONLY)
        with self.context.store.write() as session:
            record = self._record(session, node)
            if not record.drained:
                return False
            record.drained, record.drained_at = False, None
            for rental in _live_on(session, node):
                rental.move_at = None
            note_act(session, who.id, "undrain", where, self.context.now(), node=node)
        self.context.work.set()
        return True

    def check_name(self, node: str) -> None:
        """Check that nodes.toml has the node.

        Raises:
            UserError: If it doesn't, with the name that may be meant.
        """
        if self.context.config.node(node) is None:
            with self.context.store.read() as session:
                raise self._unknown(session, node)

    def check(self, until: date | None, reason: str, *, tell: bool) -> None:
        """Check the fields of the form.

        Raises:
            FormError: With what is wrong, by field.
        """
        problems: dict[str, UserError] = {}
        if tell and until is None:
            problems["until"] = UserError(ErrorCode.DRAIN_DAY_MISSING)
        if until is not None and until < self.context.today():
            problems["until"] = UserError(ErrorCode.END_PAST, today=self.context.today())
        if len(reason) > LONGEST_REASON:
            problems["reason"] = UserError(ErrorCode.KEY_NAME_LONG, maximum=LONGEST_REASON)
        if problems:
            raise FormError(problems)

    def _record(self, session: Session, node: str) -> NodeRecord:
        """The node's row, locked: requests that are being placed come before or after this."""
        if self.context.config.node(node) is None:
            raise self._unknown(session, node)
        capacity.record_of(session, node)
        session.flush()
        return session.get_one(NodeRecord, node, with_for_update=True, populate_existing=True)

    def _unknown(self, session: Session, node: str) -> UserError:
        if node in capacity.missed(session, self.context.config):
            return UserError(ErrorCode.NODE_MISSED, node=node)
        known = [section.name for section in self.context.config.nodes]
        near = difflib.get_close_matches(node, known, n=1)
        return (
            UserError(ErrorCode.WORD_NEAR, word=node, near=near[0])
            if near
            else UserError(ErrorCode.WORD_UNKNOWN, word=node, known=known)
        )


def night_hour(day: date, zone: tzinfo) -> datetime:
    """The moment of that day at which servers are moved."""
    return datetime.combine(day, NIGHT_HOUR, tzinfo=zone).astimezone(UTC)


def _live_on(session: Session, node: str) -> Sequence[Rental]:
    query = select(Rental).join(Placement, Placement.rental_id == Rental.id)
    here = query.where(
        Placement.node == node, Placement.state == PlacementState.ACTIVE, Rental.status.in_(LIVE)
    )
    return session.scalars(here.order_by(Rental.created_at)).all()


def _tell_owners(
    session: Session,
    record: NodeRecord,
    who: Actor,
    now: datetime,
    drained: NodeDrained,
    move_at: datetime | None,
) -> int:
    """Tell the owners of what is there, and let the admins see what becomes of it; how many are told."""
    since, day = record.drained_at or now, drained.until.isoformat() if drained.until else None
    key = f"drained:{int(since.timestamp())}:{day}"
    there = _live_on(session, record.name)
    told = sum(_tell(session, rental, who, key, now, drained, move_at) for rental in there)
    if told:
        ids = tuple(rental.id for rental in there)
        emptying = NodeEmptyingAlert(record.name, drained.until, ids, 0, 0, (), finished=False)
        alert_admins(session, emptying, f"{record.name}:{key}", now)
    return told


def _tell(
    session: Session,
    rental: Rental,
    who: Actor,
    key: str,
    now: datetime,
    drained: NodeDrained,
    move_at: datetime | None,
) -> bool:
    """An event for the outbox, and the plan to move it; False when this rental has the event already."""
    if move_at is not None and rental.movable:
        drained = replace(drained, move_at=move_at)
    told = queries.record_once(session, rental.id, drained, key, now, who.id[:LONGEST_ACTOR])
    if told and drained.move_at is not None:
        rental.move_at = drained.move_at
    return told
