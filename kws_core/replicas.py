"""Who is alive: each process counts up its own row; what a process held that stopped counting is free.

No clock is compared with another's: a process is taken for dead by those that saw its number unchanged for
``DEAD_AFTER`` of their own time, in looks that themselves were not far apart. So neither a clock that is wrong
nor a database that was away for a while buries the living. One that was only stalled learns of it at its next
commit, and starts anew with empty hands.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from kws_core import leases, ledger, store, work_queue
from kws_core.core import Core
from kws_core.errors import StoreDown
from kws_core.replica_rows import Replica

log = logging.getLogger(__name__)

BEAT = timedelta(seconds=5)
DEAD_AFTER = timedelta(seconds=30)
WRONG_CLOCK = timedelta(seconds=30)  # dates and deadlines bear seconds, not more
ODD_CLOCK = timedelta(seconds=5)


@dataclass(slots=True)
class _Seen:
    beats: int
    silent: timedelta


class Pulse:
    """``tick()`` once per BEAT, on a thread of its own: nothing that is slow elsewhere may delay it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._seen: dict[str, _Seen] = {}
        self._looked_at: datetime | None = None

    def start(self) -> None:
        """To be called before any work; StoreDown when this machine's clock is too wrong to work with."""
        if self.core.store.single_process:
            return
        skew = self.skew()
        if abs(skew) > WRONG_CLOCK:
            seconds = f"{skew.total_seconds():+.0f}"
            raise StoreDown(
                f"this machine's clock is {seconds} s off the database's: end dates would be wrong"
            )
        self._beat()

    def skew(self) -> timedelta:
        """By how much this process's clock is ahead of the database's (PostgreSQL)."""
        with self.core.store.read() as session:
            theirs: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return self.core.now() - theirs

    def tick(self) -> timedelta:
        """One beat, and a look at the others."""
        self._beat()
        for who, beats in self._silent():
            self._bury(who, beats)
        return BEAT

    def stop(self) -> None:
        """Gives back what this process held, for another to take over at once."""
        with self.core.store.write() as session:
            session.execute(delete(Replica).where(Replica.who == self.core.who))
            let_go(session, self.core.who)

    def _beat(self) -> None:
        me, now = self.core.who, self.core.now()
        values = {"who": me, "started_at": now, "seen_at": now, "beats": 0}
        with self.core.store.write() as session:
            new = store.insert_once(session, Replica, values)
            session.execute(
                update(Replica).where(Replica.who == me).values(beats=Replica.beats + 1, seen_at=now)
            )
        if new and self._looked_at is not None:
            log.warning("this process was silent so long that the others took it for dead")

    def _silent(self) -> list[tuple[str, int]]:
        """Who has not counted on for too long, and what their number is."""
        now = self.core.now()
        gap = min(now - (self._looked_at or now), 2 * BEAT)  # while nobody looked, nobody was silent
        self._looked_at = now
        with self.core.store.read() as session:
            others = select(Replica.who, Replica.beats).where(Replica.who != self.core.who)
            rows = {row.who: row.beats for row in session.execute(others)}
        self._seen = {who: self._look(self._seen.get(who), beats, gap) for who, beats in rows.items()}
        return [(who, seen.beats) for who, seen in self._seen.items() if seen.silent >= DEAD_AFTER]

    @staticmethod
    def _look(seen: _Seen | None, beats: int, gap: timedelta) -> _Seen:
        if seen is None or seen.beats != beats:
            return _Seen(beats, timedelta(0))
        return _Seen(beats, seen.silent + gap)

    def _bury(self, who: str, beats: int) -> None:
        with self.core.store.write() as session:
            dead = delete(Replica).where(Replica.who == who, Replica.beats == beats)
            if session.execute(dead.returning(Replica.who)).first() is None:
                return  # it lives after all, or another was faster
            freed = let_go(session, who)
        log.warning("replica %s is silent: the %d things that it was at are free", who, freed)
        self.core.work.set()
        self.core.mail.set()


def let_go(session: Session, who: str | None = None) -> int:
    """Frees whatever ``who`` was at, or everybody; returns how much that was."""
    freed = leases.let_go(session, who) + work_queue.drop_leases(session, who)
    ledger.let_go(session, who)
    return freed
