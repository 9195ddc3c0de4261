"""Networks that people ask for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class Network(Base):
    """A network of a person's own; made on a node when a rental there first needs it."""

    __tablename__ = "networks"
    __table_args__ = (Index("uq_networks_owner_name", "owner", "name", unique=True),)

    id: Mapped[str] = mapped_column(String(10), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(63))
    cidr: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
