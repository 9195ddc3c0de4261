"""What each node said last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class NodeRecord(Base):
    """What a node said last: the catalog and capacity that forms and placement use."""

    __tablename__ = "nodes"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    images: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    capacity: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cidrs: Mapped[list[str]] = mapped_column(default=list)  # of all its networks, ours or not
    seen_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)  # while it does not answer
    drained: Mapped[bool] = mapped_column(default=False)
    drained_at: Mapped[datetime | None]
    latency_ms: Mapped[int | None]  # of the last ping that was answered
    reached_at: Mapped[datetime | None]  # when that was
    up_since: Mapped[datetime | None]  # since when it answers, once it had been unresponsive
    last_error: Mapped[str | None] = mapped_column(Text)  # kept when it answers again
    last_error_at: Mapped[datetime | None]
    no_resize_at: Mapped[datetime | None]  # when it last could not give a server another size
    version: Mapped[int] = mapped_column(default=0)  # counts its changes, pings aside
    missed_at: Mapped[datetime | None]  # since when it is missing in nodes.toml although rentals are there

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own way
