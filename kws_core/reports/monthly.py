"""The message of the 1st of each month: what a person used in the month before, and what they still have.

``tick`` is called every minute. That it is told once, by one replica, is the ledger's doing; a restart in the middle
tells it to those who are left.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from kws_core.context import Context
from kws_core.database import job_ledger, queries
from kws_core.reports.usage import UsageReport, Used, month_before
from kws_core.tables.details.outage_events import MonthUsed
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental

log = logging.getLogger(__name__)

MONTH = "month"
TELL_AT = time(9)  # in the lab's zone
CATCH_UP = timedelta(days=7)  # later the month is no news any longer: it waits for the next one


class MonthlyUsage:
    """Writes the events; the outbox delivers them."""

    def __init__(self, context: Context, who: str | None = None) -> None:
        self.context = context
        self.ends = context.expiry
        self.who = who or context.who

    def tick(self) -> None:
        """Tell everybody of the last month, if that is due and nobody has."""
        now = self.context.now()
        first = self.ends.day_of(now).replace(day=1)
        at = self.ends.moment(first, TELL_AT)
        if self.context.config.policy.monthly_usage and at <= now < at + CATCH_UP and self._claim(first, now):
            self.run(first)

    def run(self, first: date) -> list[str]:
        """Tell of the month before ``first``, each person by themselves; returns who was told."""
        month, told, failed = month_before(first), [], []
        key = f"{MONTH}:{month:%Y-%m}"
        known = self._known(key)
        for used in UsageReport(self.context).month(month):
            try:
                if used.rental_days and used.person not in known and self._tell(used, month, key):
                    told.append(used.person)
            except Exception:
                log.exception("can't tell %s what they used in %s", used.person, key)
                failed.append(used.person)
        with self.context.store.write() as session:
            job_ledger.finish(session, MONTH, first, self.who, self.context.now(), (), ())
        log.info("usage of %s: %d told, %d failed", key, len(told), len(failed))
        self.context.mail.set()
        return told

    def _claim(self, first: date, now: datetime) -> bool:
        with self.context.store.read() as session:
            if job_ledger.is_finished(session, MONTH, first):
                return False
        with self.context.store.write() as session:
            alone = self.context.store.single_process
            return job_ledger.claim(session, MONTH, first, self.who, now, alone=alone)

    def _known(self, key: str) -> set[str]:
        """Who was told already, whatever has become of the rental since."""
        query = select(Event).where(Event.key == key, Event.kind == EventKind.MONTH_USED)
        with self.context.store.read() as session:
            details = [event.details for event in session.scalars(query)]
        return {one.person for one in details if isinstance(one, MonthUsed)}

    def _tell(self, used: Used, month: date, key: str) -> bool:
        """An event of the person's oldest rental; False when they have none, or have left."""
        with self.context.store.write() as session:
            person = queries.person(session, used.person)
            held = [rental for rental in queries.rentals_of(session, used.person) if rental.live]
            if not held or (person and person.departed_at):
                return False
            oldest = min(held, key=_age)
            details = MonthUsed(
                month,
                used.person,
                rentals=used.rentals,
                rental_days=round(used.rental_days, 1),
                vcpu_hours=round(used.vcpu_hours, 1),
            )
            return queries.record_once(session, oldest.id, details, key, self.context.now())


def _age(rental: Rental) -> tuple[datetime, str]:
    return rental.created_at, rental.id
