"""The rows by which several processes on one database know of each other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class Replica(Base):
    """A process of the bot; its row is deleted when it stops, or when the others take it for dead."""

    __tablename__ = "replicas"

    who: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # by the database's clock, as is started_at
