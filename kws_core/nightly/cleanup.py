"""The nightly cleanup and what leads up to it. Everything here only marks rows: the reconciler deletes.

``tick`` is called every minute or so by whatever scheduler there is. That the pass runs once per date, by
one replica, after a midnight that was missed as well, is the ledger's doing, not the scheduler's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.asks.service import Asks
from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.copies.lifecycle import EXPIRED, lasts_until
from kws_core.copies.lifecycle import begin as begin_copy
from kws_core.database import job_ledger, queries
from kws_core.database.alerts import alert_admins
from kws_core.expiry import CopyEnds, copy_key
from kws_core.moves.emptying import Emptying
from kws_core.moves.service import Moves
from kws_core.rentals.lifecycle import end
from kws_core.tables.copy import Copy
from kws_core.tables.details.alerts import NightAlert, NightRental
from kws_core.tables.details.events import CopyWarned, Expired, Extended, Stopped, Warned
from kws_core.tables.job_run import JobRun
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, PlacementState, Status

log = logging.getLogger(__name__)

NIGHT = "night"
VIA_NIGHT = "night"  # where an extension comes from that nobody asked for
SUMMARY_WAITS = timedelta(minutes=30)  # for the nodes to show that everything is gone
STUCK = timedelta(hours=1)  # of deletion


@dataclass
class Pass:
    """What one nightly cleanup did, by rental id."""

    day: date
    marked: list[str] = field(default_factory=list)  # set on their way
    waiting: list[str] = field(default_factory=list)  # due, but not warned in time, or in a deletion freeze
    unbuilt: list[str] = field(default_factory=list)  # due, but still being created: they get a day more
    failed: list[str] = field(default_factory=list)


class Nightly:
    """Warns, ends and sums up."""

    def __init__(self, context: Context, who: str | None = None) -> None:
        self.context = context
        self.ends = context.expiry
        self.copy_ends = CopyEnds(context.expiry)
        self.moves = Moves(context)
        self.emptying = Emptying(context)
        self.asks = Asks(context)
        self.who = who or context.who

    def tick(self) -> None:
        """Everything that is due now; each part by itself, so that one failing part stops no other."""
        now = self.context.now()
        parts = (
            self.remind,
            self.run_if_due,
            self.end_grace,
            self.moves.start_due,
            self.emptying.note,
            self.asks.follow_up,
            self.remind_of_copies,
            self.drop_copies,
            self.sum_up,
        )
        for part in parts:
            try:
                part(now)
            except Exception:
                log.exception("%s failed", part.__name__)
        self.context.mail.set()
        self.context.work.set()

    # -- before the end

    def remind(self, now: datetime) -> list[str]:
        """Write the warnings that are due, each once for an end date; returns the rentals' ids."""
        with self.context.store.read() as session:
            rentals = job_ledger.ready_until(session, self.ends.warns_until(now))
            told = job_ledger.told_once(session, [rental.id for rental in rentals])

        def warn(rental: Rental) -> bool:
            reminder = self.ends.due_reminder(rental, now)
            return bool(reminder and (rental.id, reminder.key) not in told and self._remind(rental.id, now))

        return _each(rentals, warn)

    def _remind(self, rental_id: str, now: datetime) -> bool:
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            reminder = self.ends.due_reminder(rental, now) if rental else None
            if rental is None or rental.status is not Status.READY or reminder is None:
                return False
            if (rental.id, reminder.key) in job_ledger.told_once(session, [rental.id]):
                return False
            rental.record(Warned(days=reminder.days, last_day=reminder.last_day), now, key=reminder.key)
        return True

    # -- the end

    def run_if_due(self, now: datetime) -> Pass | None:
        """The pass of today's date, unless it was run."""
        day = self.ends.day_of(now)
        with self.context.store.read() as session:
            if job_ledger.is_finished(session, NIGHT, day):
                return None
        with self.context.store.write() as session:
            if not job_ledger.claim(
                session, NIGHT, day, self.who, now, alone=self.context.store.single_process
            ):
                return None
        return self.run(now)

    def run(self, now: datetime) -> Pass:
        """One pass as of ``now``: every overdue rental by itself, whatever becomes of the others.

        A date that is still to come keeps its own pass.
        """
        done = Pass(self.ends.day_of(now))
        in_ledger = done.day <= self.context.today()
        if in_ledger:
            with self.context.store.write() as session:
                job_ledger.claim(
                    session, NIGHT, done.day, self.who, now, alone=True
                )  # a pass that was asked for
        with self.context.store.read() as session:
            due = job_ledger.maybe_overdue(session, done.day)
        for rental_id in due:
            try:
                self._expire(rental_id, done, now)
            except Exception:
                log.exception("rental %s: can't end it", rental_id)
                done.failed.append(rental_id)
        if in_ledger:
            with self.context.store.write() as session:
                job_ledger.finish(
                    session, NIGHT, done.day, self.who, self.context.now(), done.marked, done.failed
                )
        log.info("nightly cleanup of %s: %d ended, %d waiting, %d failed", done.day, *_counts(done))
        self.context.work.set()
        self.context.mail.set()
        return done

    def would_end(self, now: datetime) -> list[Rental]:
        """What a pass as of ``now`` would set on its way; writes nothing."""
        with self.context.store.read() as session:
            due = [
                queries.rental(session, rental_id)
                for rental_id in job_ledger.maybe_overdue(session, self.ends.day_of(now))
            ]
            overdue = [rental for rental in due if rental and self.ends.overdue(rental, now)]
            return [rental for rental in overdue if not self._waits(session, rental, now)]

    def rentals(self, ids: Iterable[str]) -> dict[str, Rental]:
        """By id, as they are now; for who tells what a pass did."""
        with self.context.store.read() as session:
            return {one: found for one in ids if (found := queries.rental(session, one))}

    def _waits(self, session: Session, rental: Rental, now: datetime) -> bool:
        if rental.status is not Status.READY:
            return True
        return not self.ends.may_delete(rental, queries.history(session, rental.id), now)

    def _expire(self, rental_id: str, done: Pass, now: datetime) -> None:
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None or not rental.live or rental.status is Status.STOPPED:
                return
            if not self.ends.overdue(rental, now):
                return
            if rental.status is not Status.READY:
                self._lengthen(rental, done)
                return
            if self._waits(session, rental, now):
                done.waiting.append(rental_id)
                return
            if self.ends.stops_first:
                self._stop(rental, self.context.now())
            elif self._copies_first(session, rental, self.ends.over_at(rental)):
                done.waiting.append(rental_id)
                return
            else:
                end(rental, Expired(), self.context.now())
            job_ledger.note_marked(session, NIGHT, done.day, rental_id)
        done.marked.append(rental_id)

    def _lengthen(self, rental: Rental, done: Pass) -> None:
        """Nobody has had it yet, nor been warned of its end: it lasts until the end of the day that begins.

        A pass of a date that is still to come only says so.
        """
        done.unbuilt.append(rental.id)
        if done.day > self.context.today():
            return
        now, was = self.context.now(), rental.ends_on
        rental.ends_on, rental.end_set_at = done.day, now
        rental.record(Extended(until=done.day, was=was, via=VIA_NIGHT), now)

    def _stop(self, rental: Rental, now: datetime) -> None:
        rental.stopped_at, rental.to_start = now, False
        until = self.ends.grace_over(rental)
        rental.move_to(Status.STOPPED, now, event=Stopped(until))
        if rental.placement:
            rental.placement.next_check_at = now

    def end_grace(self, now: datetime) -> list[str]:
        """End what was stopped and nobody restored in time, but not on a day of a deletion freeze; returns the ids."""
        if self.ends.quiet(self.ends.day_of(now)):
            return []
        with self.context.store.read() as session:
            stopped = job_ledger.stopped(session)
        return _each(stopped, lambda rental: self._end_stopped(rental.id, now))

    def _end_stopped(self, rental_id: str, now: datetime) -> bool:
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None or rental.status is not Status.STOPPED or self.ends.grace_over(rental) > now:
                return False
            if self._copies_first(session, rental, self.ends.grace_over(rental)):
                return False
            end(rental, Expired(), now)
        return True

    def _copies_first(self, session: Session, rental: Rental, over: datetime) -> bool:
        """Whether the end waits for a copy that its owner wants before it: one try a night; CopyKeeper ends it."""
        if not rental.copy_at_end or rental.placement is None or rental.placement.server_id is None:
            return False
        tonight = self.ends.midnight(self.context.today())
        failed = copies.failed_at_end(session, rental.id, over)
        if copies.under_way(session, rental.id) or (failed and failed[-1].requested_at >= tonight):
            return True
        until = lasts_until(self.context.today(), self.context.config.policy.copy_days)
        session.add(begin_copy(rental, self.context.now(), until, at_end=True))
        return True

    # -- copies

    def remind_of_copies(self, now: datetime) -> None:
        """Tell owners of copies that are deleted soon, each once for a last day."""
        with self.context.store.read() as session:
            due = [copy for copy in copies.kept(session) if self.copy_ends.due(copy, now)]
            told = job_ledger.told_once(session, [copy.rental_id for copy in due])
        for copy in due:
            if (copy.rental_id, copy_key(copy)) not in told:
                with self.context.store.write() as session:
                    self._warn_of_copy(session, copy.id, now)

    def _warn_of_copy(self, session: Session, copy_id: str, now: datetime) -> None:
        copy = copies.copy(session, copy_id, lock=True)
        if copy is None or copy.state is not CopyState.KEPT or not self.copy_ends.due(copy, now):
            return
        rental, key = queries.rental(session, copy.rental_id, lock=True), copy_key(copy)
        if rental and (rental.id, key) not in job_ledger.told_once(session, [rental.id]):
            rental.record(CopyWarned(copy.id, copy.keep_until), now, key=key)

    def drop_copies(self, now: datetime) -> None:
        """Delete copies past their last day, of which their owner was told in time."""
        with self.context.store.read() as session:
            over = [copy.id for copy in copies.kept(session) if self._is_over(session, copy, now)]
        for copy_id in over:
            with self.context.store.write() as session:
                copy = copies.copy(session, copy_id, lock=True)
                if copy and copy.state is CopyState.KEPT and self._is_over(session, copy, now):
                    copy.failure = EXPIRED
                    copy.move_to(CopyState.DELETING, now)

    def _is_over(self, session: Session, copy: Copy, now: datetime) -> bool:
        if not self.copy_ends.has_ended(copy, now) or copies.in_use(session, copy.id):
            return False
        return self.copy_ends.may_delete(copy, queries.history(session, copy.rental_id), now)

    # -- afterwards

    def sum_up(self, now: datetime) -> None:
        """One summary for the admins per pass: when everything is seen gone, or after a while."""
        with self.context.store.read() as session:
            if not job_ledger.untold(session, NIGHT):
                return
        with self.context.store.write() as session:
            for run in job_ledger.untold(session, NIGHT):
                rentals = [found for i in run.marked if (found := queries.rental(session, i))]
                pending = any(rental.status is Status.ENDING for rental in rentals)
                assert run.finished_at
                if pending and now - run.finished_at < SUMMARY_WAITS:
                    continue
                key = f"{run.day.isoformat()}:{run.finished_at.isoformat()}"
                alert_admins(session, self._summary(session, run, now), key, now)
                run.told_at = now

    def _summary(self, session: Session, run: JobRun, now: datetime) -> NightAlert:
        rentals = [found for i in run.marked if (found := queries.rental(session, i))]
        stuck = [r for r in job_ledger.being_deleted(session) if r.id in run.marked or _long(r, now)]
        return NightAlert(
            day=run.day,
            ended=tuple(_brief(r) for r in rentals if r.status is Status.ENDED),
            stopped=tuple(_brief(r) for r in rentals if r.status is Status.STOPPED),
            stuck=tuple(_stuck(session, r) for r in stuck),
            failed=tuple(run.failed),
        )


def _each(rentals: Iterable[Rental], act: Callable[[Rental], bool]) -> list[str]:
    """Ids of those for which ``act`` did something; one that fails stops no other."""
    acted = []
    for rental in rentals:
        try:
            if act(rental):
                acted.append(rental.id)
        except Exception:
            log.exception("rental %s failed", rental.id)
    return acted


def _counts(done: Pass) -> tuple[int, int, int]:
    return len(done.marked), len(done.waiting), len(done.failed)


def _long(rental: Rental, now: datetime) -> bool:
    return any(p.left_at is not None and now - p.left_at > STUCK for p in rental.placements)


def _brief(rental: Rental) -> NightRental:
    return NightRental(rental.id, rental.name, rental.owner)


def _stuck(session: Session, rental: Rental) -> NightRental:
    """On which node it is stuck, and what is known of the reason."""
    left = next((p for p in rental.placements if p.state is PlacementState.DELETING), None)
    if left is None:
        return replace(_brief(rental), node="", why="")
    record = session.get(NodeRecord, left.node)
    silent = record is not None and record.failing_since is not None
    return replace(_brief(rental), node=left.node, why="silent" if silent else left.remains or "")
