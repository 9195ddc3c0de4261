"""What a process is at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class Lease(Base):
    """Something that one process does now and no other may do meanwhile."""

    __tablename__ = "leases"

    what: Mapped[str] = mapped_column(String(96), primary_key=True)
    who: Mapped[str] = mapped_column(String(64), index=True)
    until: Mapped[datetime]
