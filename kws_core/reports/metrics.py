"""Figures about the whole lab, for monitoring: read from the database alone, all of one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.nightly.cleanup import NIGHT, STUCK
from kws_core.reports.past import BuildTimes, Past
from kws_core.scheduling import capacity
from kws_core.scheduling.capacity import NodeStatus
from kws_core.tables.alert import AdminAlert
from kws_core.tables.event import Event
from kws_core.tables.job_run import JobRun
from kws_core.tables.network import Site
from kws_core.tables.orphan import OrphanCandidate
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import LIVE, NOT_OVER, PlacementState, Status
from kws_core.values import Kind


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Messages that are due and not delivered; ``oldest`` is since when."""

    number: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Night:
    """The newest finished nightly cleanup; ``due_since``: the midnight whose pass is still to be run, otherwise None."""

    day: date | None
    finished_at: datetime | None
    ended: int
    failed: int
    due_since: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything at ``at``."""

    at: datetime
    rentals: Mapping[tuple[Kind, Status], int]
    nodes: Sequence[NodeStatus]
    builds: Mapping[str, BuildTimes]  # by node, of all rentals
    deleting: Mapping[str, int]  # by node: placements that are being deleted
    stuck: Mapping[str, int]  # by node: those that have been for longer than an hour
    leaks: Mapping[str, int]  # by node: marks that no rental explains
    outbox: Undelivered  # messages to owners
    notices: Undelivered  # messages to the admins
    night: Night
    sites: Mapping[str, int]  # by state: "served", "waiting" for the proxy, "closed"
    waiting_since: datetime | None = None  # of the rental that has waited longest for room


def figures(context: Context, past: Past | None = None) -> Figures:
    """Read them in one transaction; the database's own errors come through.

    ``past`` is kept from one reading to the next, so that each doesn't add up all rentals that there ever were.
    """
    now = context.now()
    with context.store.read() as session:
        over = (past or Past()).read(session, now)
        leaving = _leaving(session)
        stuck = Counter(node for node, since in leaving if since is not None and now - since > STUCK)
        return Figures(
            at=now,
            rentals=_rentals(session) | {(kind, Status.ENDED): number for kind, number in over.ended.items()},
            nodes=capacity.statuses(session, context.config),
            builds=over.builds,
            deleting=Counter(node for node, _ in leaving),
            stuck=stuck,
            leaks=_leaks(session),
            outbox=_outbox(session, now),
            notices=_notices(session, now),
            night=_night(session, context, now),
            sites=_sites(session),
            waiting_since=_waiting_since(session),
        )


def _rentals(session: Session) -> dict[tuple[Kind, Status], int]:
    query = select(Rental.kind, Rental.status, func.count()).where(Rental.status.in_(NOT_OVER))
    query = query.group_by(Rental.kind, Rental.status)
    return {(kind, status): number for kind, status, number in session.execute(query)}


def _sites(session: Session) -> Mapping[str, int]:
    """Of live rentals."""
    live = session.scalars(select(Site).join(Rental).where(Rental.status.in_(LIVE)))
    return Counter("closed" if not one.open else "served" if one.served_at else "waiting" for one in live)


def _waiting_since(session: Session) -> datetime | None:
    """Who has a first day waits for nothing yet."""
    query = select(func.min(Rental.created_at))
    return session.scalar(query.where(Rental.status == Status.WAITING, Rental.starts_on.is_(None)))


def _leaving(session: Session) -> list[tuple[str, datetime | None]]:
    query = select(Placement.node, Placement.left_at).where(Placement.state == PlacementState.DELETING)
    return [(node, since) for node, since in session.execute(query)]


def _leaks(session: Session) -> dict[str, int]:
    query = (
        select(OrphanCandidate.node, func.count())
        .where(OrphanCandidate.gone_at.is_(None))
        .group_by(OrphanCandidate.node)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _outbox(session: Session, now: datetime) -> Undelivered:
    """Of a rental's history only what is not given up; a pause after a refusal does not make it younger."""
    query = select(func.count(), func.min(Event.at)).where(
        Event.delivered_at.is_(None), Event.undeliverable.is_(False), Event.at <= now
    )
    return Undelivered(*session.execute(query).one())


def _notices(session: Session, now: datetime) -> Undelivered:
    query = select(func.count(), func.min(AdminAlert.at)).where(
        AdminAlert.delivered_at.is_(None), AdminAlert.at <= now
    )
    return Undelivered(*session.execute(query).one())


def _night(session: Session, context: Context, now: datetime) -> Night:
    runs = select(JobRun).where(JobRun.job == NIGHT, JobRun.finished_at.is_not(None))
    last = session.scalars(runs.order_by(JobRun.day.desc()).limit(1)).first()
    today = context.expiry.day_of(now)
    due = None if last is not None and last.day >= today else context.expiry.midnight(today)
    if last is None:
        return Night(None, None, 0, 0, due)
    return Night(last.day, last.finished_at, len(last.marked), len(last.failed), due)
