"""What was seen on a node and no rental explains."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class OrphanCandidate(Base):
    """A mark on a node that no rental explains, seen for the first time: deleted only when it is seen again."""

    __tablename__ = "sightings"

    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_seen_at: Mapped[datetime]
    kinds: Mapped[str | None] = mapped_column(Text)  # of what is being, or was, deleted; None: nothing yet
    gone_at: Mapped[datetime | None]  # seen gone after that; the row is kept until the admins are told
