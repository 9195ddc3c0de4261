"""Leases: what one process does is done by no other meanwhile.

A placement has its lease in its own row (scheduling/work_queue.py); everything else that is done outside of a transaction
has one here, by name. A process that may have lost a lease learns it at its next commit: see ``check``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Insert, bindparam, delete, exists, or_, select
from sqlalchemy.orm import Session

from kws_core.database.engine import insert_into
from kws_core.database.store import Store
from kws_core.errors import KwsError
from kws_core.tables.base import table_of
from kws_core.tables.lease import Lease

LENGTH = timedelta(
    minutes=10
)  # of a process that lives; what a dead one held is free much sooner (cluster/heartbeat.py)


_TABLE = table_of(Lease)
_HOLDER = select(_TABLE.c.who).where(_TABLE.c.what == bindparam("what")).with_for_update()
_ALL = select(Lease).order_by(Lease.what).with_for_update()
_OF_ONE = _ALL.where(Lease.who == bindparam("who"))
_RELEASE = delete(_TABLE).where(_TABLE.c.what == bindparam("what"), _TABLE.c.who == bindparam("who"))


@cache
def _turn(dialect: str) -> Insert:
    made = insert_into(_TABLE, dialect)
    turn: Insert = made.on_conflict_do_update(
        index_elements=[_TABLE.c.what],
        set_={"who": made.excluded.who, "until": made.excluded.until},
        where=or_(_TABLE.c.until <= bindparam("now"), _TABLE.c.who == made.excluded.who),
    ).returning(_TABLE.c.what)
    return turn


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
        wanted = {"what": what, "who": self.who, "until": now + length, "now": now}
        with self._store.note() as connection:
            return connection.execute(_turn(connection.dialect.name), wanted).first() is not None

    def check(self, session: Session, what: str) -> None:
        """Check, and keep until the commit, a lease that this process believes to hold.

        Raises:
            LeaseLost: If another process holds it.
        """
        with self._guard:
            believed = what in self._held
        if believed and session.scalar(_HOLDER, {"what": what}) != self.who:
            raise LeaseLost(what)

    def _release(self, what: str) -> None:
        with self._store.note() as connection:
            connection.execute(_RELEASE, {"what": what, "who": self.who})


def free(what: ColumnElement[str]) -> ColumnElement[bool]:
    """A condition with the parameters ``who`` and ``now``: nobody but ``who`` holds it."""
    holder = _TABLE.c
    others = exists().where(
        holder.what == what, holder.who != bindparam("who"), holder.until > bindparam("now")
    )
    return ~others


def release_leases(session: Session, who: str | None = None) -> int:
    """Free the leases of ``who``, or all of them; returns how many."""
    rows = session.scalars(_ALL if who is None else _OF_ONE, {"who": who}).all()
    for row in rows:
        session.delete(row)
    return len(rows)
