"""Requests to the admins for more than the policy allows: their rows, and what the admins are told of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kws_core.config import AutoApprove
from kws_core.database.alerts import alert_admins
from kws_core.errors import ErrorCode, UserError
from kws_core.scheduling.placement import NodeCapacity
from kws_core.tables.alert import AdminAlert
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.alerts import AlertKind, AskAlert
from kws_core.tables.details.ask_events import AskApproved, AskMade
from kws_core.tables.details.asks import Allowance, AskedFor, BeyondPolicy, FreeOnNode
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import AskDecision, AskKind

MOST_OPEN = 3  # of one person
LONGEST_REASON = 300
FIGURES = {  # of [policy.auto_approve], by what they widen
    ErrorCode.END_LATE: "days",
    ErrorCode.QUOTA_RENTALS: "rentals",
    ErrorCode.QUOTA_VCPUS: "vcpus",
    ErrorCode.QUOTA_RAM_MB: "ram_mb",
}


def beyond_policy(error: UserError, until: date | None, today: date) -> BeyondPolicy:
    """What an error of the policy says, in the form in which it is kept; ``until`` is the last day that was wanted."""
    data = error.data
    if error.code is ErrorCode.END_LATE:
        days = (until - today).days if until else None
        return BeyondPolicy(error.code, days, cast(int, data["days"]), cast(date, data["last"]))
    if error.code is ErrorCode.PORTS_FORBIDDEN:
        return BeyondPolicy(error.code, cast(int, data["port"]))
    return BeyondPolicy(
        error.code, cast("int | None", data.get("wanted")), cast("int | None", data.get("limit"))
    )


def check_reason(session: Session, person: str, reason: str | None) -> str:
    """Return the reason, if this person may ask once more.

    Raises:
        UserError: If there is none, it is too long, or the person waits for too many answers.
    """
    reason = (reason or "").strip()
    if not reason:
        raise UserError(ErrorCode.ASK_REASON)
    check_length(reason)
    open_ones = select(func.count()).select_from(Ask).where(Ask.asked_by == person, _UNDECIDED)
    if (session.scalar(open_ones) or 0) >= MOST_OPEN:
        raise UserError(ErrorCode.ASKS_FULL, maximum=MOST_OPEN)
    return reason


def check_length(text: str | None) -> None:
    """Check what a person wrote.

    Raises:
        UserError: If it is too long.
    """
    if text and len(text) > LONGEST_REASON:
        raise UserError(ErrorCode.ASK_LONG, maximum=LONGEST_REASON)


def within(limits: AutoApprove | None, beyond: Sequence[BeyondPolicy]) -> bool:
    """Whether the policy says that nobody need be asked for so little."""
    if limits is None:
        return False
    return all(
        one.code in FIGURES
        and one.wanted is not None
        and one.limit is not None
        and one.wanted - one.limit <= getattr(limits, FIGURES[ErrorCode(one.code)])
        for one in beyond
    )


def open_ask(
    session: Session,
    rental: Rental,
    what: AskKind,
    asked: AskedFor,
    reason: str,
    who: str,
    rooms: Sequence[NodeCapacity],
    now: datetime,
    *,
    via: str | None,
    auto: bool = False,
) -> Ask:
    """Write it down and tell the admins; ``auto``: it is approved, and they only read of it."""
    ask = Ask(
        rental=rental,
        what=what,
        wanted=asked.to_json(),
        reason=reason,
        asked_by=who,
        asked_at=now,
        reminders=0,
        reminded_at=now,
    )
    session.add(ask)
    wanted = asked.wanted
    if auto:
        ask.decision, ask.decided_by = AskDecision.APPROVED, SYSTEM
        ask.granted = wanted.to_json()
        rental.record(AskApproved(what, wanted.until, wanted.size, via=via), now)
    else:
        rental.record(AskMade(what, reason, wanted.until, wanted.size, via=via), now, actor=who)
    session.flush()
    tell_admins(session, ask, rooms, now)
    return ask


def tell_admins(session: Session, ask: Ask, rooms: Sequence[NodeCapacity], now: datetime) -> None:
    """A new message to the admins: the first one, or a reminder."""
    free = tuple(
        FreeOnNode(r.node, r.free_vcpus, r.free_ram_mb, r.free_disk_gb, r.up and not r.drained) for r in rooms
    )
    alert_admins(session, alert_of(ask, free, again=ask.reminders > 0), _key(ask, ask.reminders), now)


def retell_admins(session: Session, ask: Ask) -> None:
    """Have its messages edited to what has become of it."""
    keys = [f"{AlertKind.ASK}:{_key(ask, number)}" for number in range(ask.reminders + 1)]
    for alert in session.scalars(select(AdminAlert).where(AdminAlert.key.in_(keys)).with_for_update()):
        was = alert.details
        if isinstance(was, AskAlert):
            alert.data = alert_of(ask, was.free, again=was.again).to_json()
            alert.delivered_at, alert.next_try_at, alert.tries = None, None, 0


def undecided(session: Session, rental_id: str | None = None) -> Sequence[Ask]:
    """Those that wait for an answer, the oldest first; of one rental, or all."""
    query = select(Ask).where(_UNDECIDED)
    if rental_id is not None:
        query = query.where(Ask.rental_id == rental_id)
    return session.scalars(query.order_by(Ask.asked_at, Ask.id)).unique().all()


def _key(ask: Ask, reminder: int) -> str:
    return f"{ask.id}:{reminder}"


def alert_of(ask: Ask, free: tuple[FreeOnNode, ...] = (), *, again: bool = False) -> AskAlert:
    """What the admins read of it."""
    rental = ask.rental
    return AskAlert(
        ask=ask.id,
        name=rental.name,
        owner=ask.asked_by,
        machine=rental.kind,
        what=ask.what,
        image=rental.image,
        asked=ask.asked,
        reason=ask.reason,
        free=free,
        again=again,
        decision=ask.decision,
        by=ask.decided_by,
        granted=None if ask.granted is None else Allowance.from_json(ask.granted),
        note=ask.note,
    )


_UNDECIDED = Ask.decision.is_(None) & Ask.done_at.is_(None)
