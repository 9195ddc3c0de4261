"""What is remembered beside rentals: people, nodes, and which deliveries of Slack were acted on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.model import Base


class Person(Base):
    """What KWS remembers of a Slack user, so that no handler has to ask Slack."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    locale: Mapped[str | None] = mapped_column(String(16))
    guest: Mapped[bool] = mapped_column(default=False)
    stranger: Mapped[bool] = mapped_column(default=False)  # of another workspace
    seen_at: Mapped[datetime]


class NodeRecord(Base):
    """What a node said last: the catalogue and capacity that forms and placement use."""

    __tablename__ = "nodes"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    images: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    capacity: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cidrs: Mapped[list[str]] = mapped_column(default=list)  # of all its networks, ours or not
    seen_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    drained: Mapped[bool] = mapped_column(default=False)


class Delivery(Base):
    """A Slack delivery that was acted on: Slack delivers at least once, KWS acts once."""

    __tablename__ = "deliveries"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
