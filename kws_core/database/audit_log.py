"""Writes acts that are about no single rental into the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from kws_core.tables.act import Act

LONGEST_ACTOR = 32  # the columns' width


def note_act(session: Session, actor: str, what: str, where: str | None, now: datetime, **data: Any) -> None:
    """Add an act, in the transaction of what it is about; ``data`` must be JSON. What is empty is left out."""
    clean = {name: value for name, value in data.items() if value not in (None, "")}
    session.add(Act(at=now, actor=actor[:LONGEST_ACTOR], what=what, where=where, data=clean))
