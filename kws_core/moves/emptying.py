"""How far a node in maintenance has been emptied: one alert for the admins, kept up to date."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import AlertKind, NodeEmptyingAlert
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Rental
from kws_core.tables.states import Reason

FORGOTTEN = timedelta(days=60)  # after which nobody reads on
_EMPTYING = text(f"kind = '{AlertKind.NODE_EMPTYING}'")  # as its index says it


class Emptying:
    """``note`` is called every minute or so."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def note(self, now: datetime) -> None:
        """Bring the alerts of nodes that are being emptied up to date; what has changed is delivered again."""
        query = select(AdminAlert).where(_EMPTYING, AdminAlert.at > now - FORGOTTEN)
        with self.context.store.read() as session:
            known = [(alert.id, alert.details) for alert in session.scalars(query)]
            fresh = {
                i: _now(session, d) for i, d in known if isinstance(d, NodeEmptyingAlert) and not d.finished
            }
        changed = {i: details for i, details in fresh.items() if details != dict(known)[i]}
        for alert_id, details in changed.items():
            with self.context.store.write() as session:
                alert = session.get_one(AdminAlert, alert_id, with_for_update=True)
                alert.data, alert.delivered_at, alert.tries = details.to_json(), None, 0
        if changed:
            self.context.mail.set()


def _now(session: Session, was: NodeEmptyingAlert) -> NodeEmptyingAlert:
    found = [one for i in was.rentals if (one := queries.rental(session, i))]
    there = [one for one in found if one.live]
    record = session.get(NodeRecord, was.node)
    return replace(
        was,
        moved=sum(one.reason is Reason.MOVED for one in found),
        ended=sum(not one.live and one.reason is not Reason.MOVED for one in found),
        failed=tuple(one.name for one in there if _failed(session, one)),
        finished=not there or record is None or not record.drained,
    )


def _failed(session: Session, rental: Rental) -> bool:
    told = (EventKind.MOVE_STARTED, EventKind.MOVE_FAILED, EventKind.MOVE_PLANNED)
    last = [event.kind for event in queries.history(session, rental.id) if event.kind in told][-1:]
    return last == [EventKind.MOVE_FAILED]
