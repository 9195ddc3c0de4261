"""What the admins are told: one row each, written in the transaction of what it is about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from kws_core.database import queries
from kws_core.tables.alert import AdminAlert, AlertKind


def alert_admins(session: Session, kind: AlertKind, key: str, now: datetime, **data: object) -> bool:
    """Writes a notice unless one with that key was ever written; whether it did."""
    values = {"key": f"{kind}:{key}", "kind": kind.value, "at": now, "data": data, "reached": {}, "tries": 0}
    return queries.insert_once(session, AdminAlert, values)
