"""The ledger of jobs that run once per date of the lab, and the queries of the nightly cleanup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from kws_core.database import queries
from kws_core.tables.base import table_of
from kws_core.tables.event import Event
from kws_core.tables.job_run import JobRun
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

TAKE_OVER = timedelta(minutes=10)  # a run that long under way has lost its process
NOBODY = ""  # runs it: its process was seen dead

# asked every minute, or for every rental: put together once
_TABLE = table_of(JobRun)
_RELEASE = update(_TABLE).where(_TABLE.c.finished_at.is_(None)).values(who=NOBODY)
_RUN = select(JobRun).where(JobRun.job == bindparam("job"), JobRun.day == bindparam("day"))
_UNTOLD = (
    select(JobRun)
    .where(JobRun.job == bindparam("job"), JobRun.finished_at.is_not(None), JobRun.told_at.is_(None))
    .order_by(JobRun.day)
)
_READY_UNTIL = queries.RENTALS.where(
    Rental.status == Status.READY, Rental.ends_on <= bindparam("day"), Rental.replaces.is_(None)
).order_by(Rental.ends_on, Rental.id)
_STOPPED = queries.RENTALS.where(Rental.status == Status.STOPPED)
_TOLD = select(Event.rental_id, Event.key).where(
    Event.rental_id.in_(bindparam("rentals", expanding=True)), Event.key.is_not(None)
)


def claim(session: Session, job: str, day: date, who: str, now: datetime, *, alone: bool) -> bool:
    """Whether ``who`` is to run the job of that date: nobody has, or the one that did died meanwhile.

    ``alone`` says that no other process can be at it, so an unfinished run is a dead one.
    """
    values = {"job": job, "day": day, "who": who, "claimed_at": now, "marked": [], "failed": []}
    if queries.insert_once(session, JobRun, values):
        return True
    run = session.get_one(JobRun, (job, day), with_for_update=True)
    dead = run.who == NOBODY or now - run.claimed_at > TAKE_OVER
    if run.finished_at is not None or not (alone or dead):
        return False
    run.who, run.claimed_at = who, now
    return True


def is_finished(session: Session, job: str, day: date) -> bool:
    """Whether the job of that date was run to its end."""
    run = session.scalar(_RUN, {"job": job, "day": day})
    return run is not None and run.finished_at is not None


def release_runs(session: Session, who: str | None = None) -> None:
    """Let the next process run what ``who``, or any, has begun and not finished."""
    if who is None:
        session.execute(_RELEASE)
    else:
        session.execute(_RELEASE.where(_TABLE.c.who == bindparam("holder")), {"holder": who})


def finish(
    session: Session,
    job: str,
    day: date,
    who: str,
    now: datetime,
    marked: Sequence[str],
    failed: Sequence[str],
) -> None:
    """The job of that date is done; what an earlier, cut-off run of it marked stays listed.

    If another took it over from ``who`` meanwhile, that one says when it is done.
    """
    run = session.get_one(JobRun, (job, day), with_for_update=True)
    if run.finished_at is None and run.who != who:
        return
    news = bool(marked or failed) or (run.finished_at is None and bool(run.marked))
    run.finished_at = now
    run.marked = [*run.marked, *(name for name in marked if name not in run.marked)]
    run.failed = list(failed)
    run.told_at = None if news else run.told_at or now


def note_marked(session: Session, job: str, day: date, rental_id: str) -> None:
    """Keeps that the run set this rental on its way, in the transaction that does so."""
    run = session.get(JobRun, (job, day), with_for_update=True)
    if run is not None:
        run.marked = [*run.marked, rental_id]


def untold(session: Session, job: str) -> Sequence[JobRun]:
    """Finished runs whose summary is still to be written."""
    return session.scalars(_UNTOLD, {"job": job}).all()


def maybe_overdue(session: Session, today: date) -> Sequence[str]:
    """Ids of rentals whose end date is past; deletion freezes may give them longer."""
    running = (Status.REQUESTED, Status.BUILDING, Status.READY)
    query = select(Rental.id).where(
        Rental.status.in_(running), Rental.ends_on < today, Rental.replaces.is_(None)
    )
    return session.scalars(query.order_by(Rental.ends_on, Rental.id)).all()


def ready_until(session: Session, day: date) -> Sequence[Rental]:
    """Rentals in use whose end date is at most that."""
    return session.scalars(_READY_UNTIL, {"day": day}).unique().all()


def stopped(session: Session) -> Sequence[Rental]:
    """Rentals in their grace period."""
    return session.scalars(_STOPPED).unique().all()


def being_deleted(session: Session) -> Sequence[Rental]:
    """Rentals that the nodes still show something of."""
    return session.scalars(
        select(Rental).where(Rental.status == Status.ENDING).order_by(Rental.ends_on)
    ).all()


def told_once(session: Session, rental_ids: Iterable[str]) -> set[tuple[str, str | None]]:
    """(rental id, key) of everything that these rentals' owners were, or are to be, told once."""
    rows = session.execute(_TOLD, {"rentals": list(rental_ids)})
    return {(row[0], row[1]) for row in rows}
