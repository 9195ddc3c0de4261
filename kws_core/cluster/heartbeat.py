"""Who is alive: each process notes the time in its own row; what a process held that stopped doing so is free.

The time is the database's, so no two machines' clocks are compared. A process that was away itself expires nobody at
first: maybe it was the database that was. A process that was only stalled learns of its expiry at its next
commit, and starts again without any lease.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, func, select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import job_ledger, leases
from kws_core.errors import StoreDown
from kws_core.scheduling import work_queue
from kws_core.tables.base import table_of
from kws_core.tables.replica import Replica

log = logging.getLogger(__name__)

BEAT = timedelta(seconds=5)
DEAD_AFTER = timedelta(seconds=30)
WRONG_CLOCK = timedelta(seconds=30)  # dates and deadlines bear seconds, not more

_TABLE = table_of(Replica)
_FORGET = delete(_TABLE).where(_TABLE.c.who == bindparam("who"))


class Heartbeat:
    """``tick()`` once per BEAT, on a thread of its own: nothing that is slow elsewhere may delay it.

    ``time`` is the expression that asks the database for its time.
    """

    def __init__(
        self, context: Context, time: Callable[[], ColumnElement[datetime]] = func.clock_timestamp
    ) -> None:
        self.context = context
        self._time = time

    def start(self) -> None:
        """Register this process; call it before any work.

        Raises:
            StoreDown: If this machine's clock is more than ``WRONG_CLOCK`` off the database's.
        """
        if self.context.store.single_process:
            return
        skew = self.skew()
        if abs(skew) > WRONG_CLOCK:
            seconds = f"{skew.total_seconds():+.0f}"
            raise StoreDown(
                f"this machine's clock and the database's clock differ by {seconds} s; last days would be wrong"
            )
        self._beat()

    def skew(self) -> timedelta:
        """By how much this process's clock is ahead of the database's (PostgreSQL)."""
        with self.context.store.read() as session:
            return self.context.now() - self._now(session)

    def tick(self) -> timedelta:
        """Note that this process lives, and check the others."""
        if self._beat():
            for who in self._silent():
                self._expire_replica(who)
        return BEAT

    def stop(self) -> None:
        """Release what this process held, for another to take over at once."""
        with self.context.store.write() as session:
            session.execute(_FORGET, {"who": self.context.who})
            release_everything(session, self.context.who)

    def _now(self, session: Session) -> datetime:
        return session.execute(select(self._time())).scalar_one()

    def _beat(self) -> bool:
        """Whether the beat before this one was in time."""
        with self.context.store.write(first=True) as session:
            row, now = session.get(Replica, self.context.who, with_for_update=True), self._now(session)
            if row is None:
                session.add(Replica(who=self.context.who, started_at=now, seen_at=now))
                return False
            steady = now - row.seen_at <= 2 * BEAT
            row.seen_at = now
        return steady

    def _silent(self) -> list[str]:
        with self.context.store.read() as session:
            silent = select(Replica.who).where(Replica.seen_at < self._now(session) - DEAD_AFTER)
            return list(session.scalars(silent))

    def _expire_replica(self, who: str) -> None:
        with self.context.store.write() as session:
            dead = delete(Replica).where(
                Replica.who == who, Replica.seen_at < self._now(session) - DEAD_AFTER
            )
            if session.execute(dead.returning(Replica.who)).first() is None:
                return  # it lives after all, or another was faster
            freed = release_everything(session, who)
        log.warning("replica %s isn't responding: released %d leases", who, freed)
        self.context.work.set()
        self.context.mail.set()


def release_everything(session: Session, who: str | None = None) -> int:
    """Free whatever ``who`` was at, or everybody; returns how much that was."""
    freed = leases.release_leases(session, who) + work_queue.drop_leases(session, who)
    job_ledger.release_runs(session, who)
    return freed
