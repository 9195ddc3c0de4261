"""The history of a rental, which is audit trail and outbox in one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base, index_where
from kws_core.tables.event_kinds import EventKind


class Event(Base):
    """A line of a rental's history: audit trail, and outbox until ``delivered_at`` is set."""

    __tablename__ = "events"
    __table_args__ = (
        index_where("delivered_at IS NULL", "ix_events_undelivered", "rental_id", "next_try_at"),
        index_where("kind = 'queued'", "ix_events_queued", "at"),
        Index("uq_events_rental_key", "rental_id", "key", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[EventKind]
    actor: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]]
    delivered_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    key: Mapped[str | None] = mapped_column(String(48))  # what must be told once has one
    undeliverable: Mapped[bool] = mapped_column(default=False)  # Slack says that the owner can't be reached
    ts: Mapped[str | None] = mapped_column(
        String(32)
    )  # of its message, while that has buttons to be taken off, or was told ahead of the card
