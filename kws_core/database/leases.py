"""Leases: what one process does is done by no other meanwhile.

A placement has its lease in its own row (scheduling/work_queue.py); everything else that is done outside of a transaction
has one here, by name. A process that may have lost a lease learns it at its next commit: see ``check``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kws_core.database.store import Store
from kws_core.errors import KwsError
from kws_core.tables.lease import Lease

LENGTH = timedelta(
    minutes=10
)  # of a process that lives; what a dead one held is free much sooner (cluster/heartbeat.py)


class LeaseLost(KwsError):
    """This process was taken for dead, and another does now what it was doing."""


class Leases:
    """The leases of this process, ``who``."""

    def __init__(self, store: Store, who: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self.who = who
        self._now = now
        self._guard = threading.Lock()
        self._held: set[str] = set()

    @contextmanager
    def acquire(self, what: str) -> Iterator[bool]:
        """Hold it for the length of the block. False: it is being done already, here or elsewhere."""
        if not self._begin(what):
            yield False
            return
        try:
            if not self.turn(what):
                yield False
                return
            try:
                yield True
            finally:
                self._release(what)
        finally:
            with self._guard:
                self._held.discard(what)

    def _begin(self, what: str) -> bool:
        with self._guard:
            under_way = what in self._held
            self._held.add(what)
        return not under_way

    def turn(self, what: str, length: timedelta = LENGTH) -> bool:
        """Whether it is this process's turn, for that long: so no other has one before that."""
        now = self._now()
        with self._store.write() as session:
            dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
            made = dialect.insert(Lease).values(what=what, who=self.who, until=now + length)
            made = made.on_conflict_do_update(
                index_elements=[Lease.what],
                set_={"who": made.excluded.who, "until": made.excluded.until},
                where=or_(Lease.until <= now, Lease.who == self.who),
            )
            return session.execute(made.returning(Lease.what)).first() is not None

    def check(self, session: Session, what: str) -> None:
        """Check, and keep until the commit, a lease that this process believes to hold.

        Raises:
            LeaseLost: If another process holds it.
        """
        with self._guard:
            believed = what in self._held
        if believed:
            row = session.get(Lease, what, with_for_update=True)
            if row is None or row.who != self.who:
                raise LeaseLost(what)

    def free(self, what: ColumnElement[str]) -> ColumnElement[bool]:
        """A condition: no other process holds it."""
        others = exists().where(Lease.what == what, Lease.who != self.who, Lease.until > self._now())
        return ~others

    def _release(self, what: str) -> None:
        with self._store.write() as session:
            session.execute(delete(Lease).where(Lease.what == what, Lease.who == self.who))


def release_leases(session: Session, who: str | None = None) -> int:
    """Free the leases of ``who``, or all of them; returns how many."""
    query = select(Lease).order_by(Lease.what).with_for_update()
    rows = session.scalars(query if who is None else query.where(Lease.who == who)).all()
    for row in rows:
        session.delete(row)
    return len(rows)
