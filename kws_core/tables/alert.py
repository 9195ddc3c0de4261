"""What the admins are to be told."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base, index_where
from kws_core.tables.details.alerts import ALERT_DETAILS, Alert, AlertKind


class AdminAlert(Base):
    """Something that the admins are to be told; ``reached`` says how far that has got, per channel or person."""

    __tablename__ = "notices"
    __table_args__ = (index_where("kind = 'node_emptying'", "ix_notices_emptying", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]  # as details.to_json() made it
    reached: Mapped[dict[str, Any]] = mapped_column(default=dict)  # channel or user id -> "trying" or a ts
    delivered_at: Mapped[datetime | None] = mapped_column(index=True)
    next_try_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)

    @cached_property
    def details(self) -> Alert:
        """What it says besides its kind, as the class of its kind."""
        return ALERT_DETAILS[AlertKind(self.kind)].from_json(self.data)
