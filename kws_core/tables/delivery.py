"""Deliveries of Slack that were acted on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class Delivery(Base):
    """A Slack delivery that was acted on: Slack delivers at least once, KWS acts once."""

    __tablename__ = "deliveries"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
