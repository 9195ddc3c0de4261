"""What the admins are told: one row each, written in the transaction of what it is about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from kws_core.database import queries
from kws_core.tables.alert import AdminAlert
from kws_core.tables.details.alerts import Alert


def alert_admins(session: Session, details: Alert, key: str, now: datetime) -> bool:
    """Write a notice unless one with that key was ever written; whether it did."""
    kind = details.kind
    said = {"kind": kind.value, "data": details.to_json()}
    values = {"key": f"{kind}:{key}", "at": now, "reached": {}, "tries": 0, **said}
    return queries.insert_once(session, AdminAlert, values)
