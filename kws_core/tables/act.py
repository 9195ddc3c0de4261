"""Acts that are about no single rental."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class Act(Base):
    """What somebody did that is about no single rental; what is about one is among its events."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(32))
    what: Mapped[str] = mapped_column(String(32))
    where: Mapped[str | None] = mapped_column(String(16))  # "command", "form", "cli", …
    data: Mapped[dict[str, Any]]
