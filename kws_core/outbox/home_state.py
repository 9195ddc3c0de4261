"""Who has an App Home open, what an admin searches for in it, and whose is to be drawn again.

Two triggers: an event that concerns the person (for an admin: any), and the clock, since what is free and
which nodes answer are no events. The deliverer compares digests, so a check that finds nothing new costs no call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, or_, select

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.leases import free
from kws_core.outbox.admin_queries import Search
from kws_core.tables.event import Event
from kws_core.tables.person import Home
from kws_core.tables.rental import Rental

HOME = "home:"  # the lease on drawing a Home, by person
KEPT_FRESH = timedelta(days=1)  # after the person has looked at it
PAUSE = timedelta(seconds=4)  # at most one publication per person
LOOK = timedelta(seconds=60)
RETRY_FIRST = timedelta(seconds=5)
RETRY_MOST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a Home is to be drawn from, as of now."""

    person: str
    search: Search
    version: int
    event: int  # the newest one
    digest: str  # of what is shown


class HomeStates:
    """One method is one transaction."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def opened(self, person: str) -> None:
        """The person looks at it: from now on it is kept fresh for a day. It is shown again whatever it shows."""
        self._change(person, lambda home: None)

    def searched(self, person: str, change: Callable[[Search], Search]) -> None:
        """An admin searches for something else."""

        def apply(home: Home) -> None:
            home.desk = change(Search.from_json(home.desk)).to_json()

        self._change(person, apply)

    def sheet(self, person: str) -> Sheet | None:
        """What to draw it from; None when the person has never opened it."""
        with self.context.store.read() as session:
            home = session.get(Home, person)
            if home is None:
                return None
            newest = session.scalar(select(func.max(Event.id))) or 0
            return Sheet(person, Search.from_json(home.desk), home.version, newest, home.digest)

    def due(self, most: int = 20) -> Sequence[str]:
        """Whose may have to be drawn again now, the longest waiting first."""
        now = self.context.now()
        known = {"now": now, "who": self.context.who, "opened": now - KEPT_FRESH, "most": most}
        with self.context.store.look() as connection:
            return connection.scalars(_DUE, known).all()

    def acquire(self, person: str) -> AbstractContextManager[bool]:
        """For the length of the block nobody else draws it: what was drawn last is then what Slack shows."""
        return self.context.leases.acquire(f"{HOME}{person}")

    def shown(self, sheet: Sheet, digest: str, *, admin: bool) -> None:
        """It was drawn from that sheet, and this is what Slack has.

        If the person has clicked on meanwhile, nobody knows whose publication came last: it is drawn again.
        """
        with self.context.store.write() as session:
            home = session.get(Home, sheet.person, with_for_update=True)
            if home is None:
                return
            now = self.context.now()
            if home.version == sheet.version:
                home.digest, home.event, home.admin, home.tries = digest, sheet.event, admin, 0
                home.next_at, home.look_at = now + PAUSE, now + LOOK
            else:
                home.digest, home.next_at, home.look_at = "", now, now

    def later(self, person: str, wait: timedelta | None = None) -> None:
        """Slack did not take it: again after ``wait``, otherwise after ever longer pauses."""
        with self.context.store.write() as session:
            home = session.get(Home, person, with_for_update=True)
            if home is not None:
                home.tries += 1
                pause = wait or min(RETRY_MOST, RETRY_FIRST * 2 ** min(home.tries - 1, 10))
                home.digest, home.next_at = "", self.context.now() + pause
                home.look_at = home.next_at

    def unsure(self, person: str) -> None:
        """Two have published at once: nobody knows whose came last."""
        with self.context.store.write() as session:
            home = session.get(Home, person, with_for_update=True)
            if home is not None:
                home.digest, home.next_at = "", self.context.now()
                home.look_at = home.next_at
                home.version += 1

    def forget(self, person: str) -> None:
        """Slack says that this person has no Home."""
        with self.context.store.write() as session:
            session.execute(delete(Home).where(Home.person == person))

    def _change(self, person: str, change: Callable[[Home], None]) -> None:
        now = self.context.now()
        with self.context.store.write() as session:
            queries.insert_once(session, Home, _blank(person, now))
            home = session.get_one(Home, person, with_for_update=True)
            home.opened_at = home.next_at = home.look_at = now
            home.digest = ""
            home.version += 1
            change(home)


def _blank(person: str, now: datetime) -> dict[str, Any]:
    """A row before the first opening; two processes may want to make it at once."""
    times = {"opened_at": now, "next_at": now, "look_at": now}
    zeros = {"version": 0, "event": 0, "tries": 0, "admin": False, "digest": "", "desk": {}}
    return {"person": person, **times, **zeros}


def _anything() -> ColumnElement[bool]:
    return exists().where(Event.id > Home.event)


def _concerns() -> ColumnElement[bool]:
    """Whether something happened to what the person has, or had until it was transferred."""
    mine = or_(Rental.owner == Home.person, Event.was_of(Home.person))
    return exists().where(Event.id > Home.event, Rental.id == Event.rental_id, mine)


_DUE = (  # asked every second: put together once
    select(Home.person)
    .where(
        Home.opened_at > bindparam("opened"),
        Home.next_at <= bindparam("now"),
        or_(Home.look_at <= bindparam("now"), and_(Home.admin, _anything()), _concerns()),
        free(HOME + Home.person),
    )
    .order_by(Home.next_at)
    .limit(bindparam("most"))
)
