"""What the admins are told of nodes: unresponsive, back again, not in nodes.toml any longer. Each once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.errors import NodeError
from kws_core.scheduling import capacity
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import AlertKind, NodeDownAlert, NodeMissedAlert, NodeUpAlert
from kws_core.tables.node import NodeRecord

log = logging.getLogger(__name__)

WORTH_TELLING = timedelta(seconds=60)  # a blink is not


def tell_down(session: Session, name: str, error: NodeError, since: datetime, now: datetime) -> bool:
    """A node does not answer for long; whether the admins are told now."""
    if now - since < WORTH_TELLING or _told_down(session, name, since):
        return False
    return alert_admins(session, NodeDownAlert(name, since, why=error.reason), _key(name, since), now)


def tell_up(session: Session, name: str, since: datetime | None, now: datetime) -> bool:
    """A node answers again; said only to who was told that it does not."""
    if since is None or not _told_down(session, name, since):
        return False
    return alert_admins(session, NodeUpAlert(name, since, at=now), _key(name, since), now)


def tell_missed(session: Session, config: Config, now: datetime) -> None:
    """Nodes that nodes.toml has no more although rentals are on them: once, until they are back in it."""
    missed = capacity.missed(session, config)
    for record in queries.node_records(session):
        if record.name not in missed:
            record.missed_at = None
    for name, lent in missed.items():
        log.warning("node %s isn't in nodes.toml but has rentals; they won't be changed", name)
        capacity.record_of(session, name)
        session.flush()
        record = session.get_one(NodeRecord, name, with_for_update=True, populate_existing=True)
        if record.missed_at is None:  # replicas that start together take turns here
            record.missed_at = now
            key = f"{name}:{int(now.timestamp())}"
            alert_admins(session, NodeMissedAlert(name, lent.rentals), key, now)


def _told_down(session: Session, name: str, since: datetime) -> bool:
    key = f"{AlertKind.NODE_DOWN}:{_key(name, since)}"
    return session.scalar(select(AdminAlert.id).where(AdminAlert.key == key)) is not None


def _key(name: str, since: datetime) -> str:
    return f"{name}:{int(since.timestamp())}"
