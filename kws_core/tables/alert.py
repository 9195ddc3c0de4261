"""What the admins are to be told."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class AlertKind(StrEnum):
    """What a notice is about; its ``data`` is listed behind each."""

    NIGHT = "night"  # day; ended, stopped, stuck: mappings with id, name, owner (and node, why); failed: ids
    UNREACHABLE = "unreachable"  # rental, name, owner, why
    DEPARTED = "departed"  # person
    LEAKS = "leaks"  # node, marks, deleted (bool)
    NODE_DOWN = "node_down"  # node, since, why
    NODE_UP = "node_up"  # node, since (of the silence), at
    NODE_MISSED = "node_missed"  # node, rentals (how many)


class AdminAlert(Base):
    """Something that the admins are to be told; ``reached`` says how far that has got, per channel or person."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    reached: Mapped[dict[str, Any]] = mapped_column(default=dict)  # channel or user id -> "trying" or a ts
    delivered_at: Mapped[datetime | None] = mapped_column(index=True)
    next_try_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
