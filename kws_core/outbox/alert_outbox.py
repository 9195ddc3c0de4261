"""The deliverer's side of what the admins are told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from sqlalchemy import String, bindparam, cast, or_, select

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.leases import free
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import DepartedAlert, UnreachableAlert
from kws_core.tables.rental import Rental

NOTICE = "notice:"  # the lease on delivering a notice, by its id
RETRY_FIRST = timedelta(seconds=5)
RETRY_MOST = timedelta(minutes=10)

_DUE = (  # asked every second: put together once
    select(AdminAlert)
    .where(
        AdminAlert.delivered_at.is_(None),
        or_(AdminAlert.next_try_at.is_(None), AdminAlert.next_try_at <= bindparam("now")),
        free(NOTICE + cast(AdminAlert.id, String)),
    )
    .order_by(AdminAlert.id)
)


class AlertOutbox:
    """The deliverer's side."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def due(self) -> Sequence[AdminAlert]:
        """Alerts to be delivered now, oldest first."""
        with self.context.store.read() as session:
            return session.scalars(_DUE, {"now": self.context.now(), "who": self.context.who}).all()

    def acquire(self, notice: AdminAlert) -> AbstractContextManager[bool]:
        """For the length of the block nobody else delivers it; False: somebody does already."""
        return self.context.leases.acquire(f"{NOTICE}{notice.id}")

    def notice(self, notice_id: int) -> AdminAlert | None:
        """One notice."""
        with self.context.store.read() as session:
            return session.get(AdminAlert, notice_id)

    def concerned(self, notice: AdminAlert) -> Sequence[Rental]:
        """The live rentals that a notice asks a decision for."""
        with self.context.store.read() as session:
            match notice.details:
                case DepartedAlert(person=person):
                    mine = queries.rentals_of(session, person)
                case UnreachableAlert(rental=rental_id, owner=owner):
                    one = queries.rental(session, rental_id)
                    mine = [one] if one and one.owner == owner else []
                case _:
                    mine = []
            return [rental for rental in mine if rental.live]

    def note(self, notice_id: int, target: str, reached: str) -> None:
        """How far it has got with one channel or person: about to be posted, or its ts.

        LeaseLost when this process was taken for dead meanwhile, and another delivers it.
        """
        with self.context.store.write() as session:
            self.context.leases.check(session, f"{NOTICE}{notice_id}")
            notice = session.get_one(AdminAlert, notice_id, with_for_update=True)
            notice.reached = {**notice.reached, target: reached}

    def delivered(self, notice: AdminAlert) -> None:
        """Everybody has it as it was read; if it says something else by now, it is delivered again."""
        with self.context.store.write() as session:
            now = session.get_one(AdminAlert, notice.id, with_for_update=True)
            if now.details == notice.details:
                now.delivered_at = self.context.now()

    def postpone(self, notice_id: int, wait: timedelta | None = None) -> None:
        """Slack did not take it: again after ``wait``, otherwise after ever longer pauses."""
        with self.context.store.write() as session:
            notice = session.get_one(AdminAlert, notice_id)
            notice.tries += 1
            pause = wait or min(RETRY_MOST, RETRY_FIRST * 2 ** min(notice.tries - 1, 10))
            notice.next_try_at = self.context.now() + pause
