"""What the admins are told: one row each, written in the transaction of what it is about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from kws_core.database import queries
from kws_core.tables.alert import AdminAlert


class AlertKind(StrEnum):
    """What a notice is about; its ``data`` is listed behind each."""

    NIGHT = "night"  # day; ended, stopped, stuck: mappings with id, name, owner (and node, why); failed: ids
    UNREACHABLE = "unreachable"  # rental, name, owner, why
    DEPARTED = "departed"  # person
    LEAKS = "leaks"  # node, marks, deleted (bool)
    NODE_DOWN = "node_down"  # node, since, why
    NODE_UP = "node_up"  # node, since (of the silence), at
    NODE_MISSED = "node_missed"  # node, rentals (how many)


def alert_admins(session: Session, kind: AlertKind, key: str, now: datetime, **data: object) -> bool:
    """Writes a notice unless one with that key was ever written; whether it did."""
    values = {"key": f"{kind}:{key}", "kind": kind.value, "at": now, "data": data, "reached": {}, "tries": 0}
    return queries.insert_once(session, AdminAlert, values)
