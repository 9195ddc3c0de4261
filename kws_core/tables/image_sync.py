"""Copies of images that are under way."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class ImageSync(Base):
    """A copy of images that is under way; the row goes when its message says how it ended."""

    __tablename__ = "image_syncs"

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(String(64))  # the process that is at it
    person: Mapped[str] = mapped_column(String(32))
    where: Mapped[str] = mapped_column(String(16))  # as in Act
    wanted: Mapped[str] = mapped_column(Text)  # an image's name, or all of them
    channel: Mapped[str] = mapped_column(String(32))
    ts: Mapped[str | None] = mapped_column(String(32))  # of its message; None: it may be there or not
    begun_at: Mapped[datetime]
