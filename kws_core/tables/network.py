"""What people ask for on the network: networks of their own, and web addresses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base
from kws_core.tables.states import Audience, Upstream


class Network(Base):
    """A network of a person's own; made on a node when a rental there first needs it."""

    __tablename__ = "networks"
    __table_args__ = (Index("uq_networks_owner_name", "owner", "name", unique=True),)

    id: Mapped[str] = mapped_column(String(10), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(63))
    cidr: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]


class Site(Base):
    """What the proxy is to do for one rental: the route that is wanted, whatever Caddy has now."""

    __tablename__ = "sites"

    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str] = mapped_column(String(63))  # the rental's name, under the domain of nodes.toml
    second: Mapped[str | None] = mapped_column(String(63))  # another one that its owner chose
    port: Mapped[int]  # of the web server on the rental
    upstream: Mapped[Upstream]
    audience: Mapped[Audience]
    served_at: Mapped[datetime | None]  # since when the proxy serves it as it was changed last
    taken_off_by: Mapped[str | None] = mapped_column(String(32))  # an admin, with the next
    note: Mapped[str | None] = mapped_column(Text)

    @property
    def labels(self) -> tuple[str, ...]:
        """Both names, as far as there are two."""
        return (self.label, self.second) if self.second else (self.label,)

    @property
    def open(self) -> bool:
        """Whether anybody may open it."""
        return self.taken_off_by is None and self.audience is not Audience.NOBODY


class WebName(Base):
    """A name under the domain: whose it is, or was last. One row for each name that was ever used."""

    __tablename__ = "web_names"
    __table_args__ = (Index("ix_web_names_rental", "rental_id"),)

    label: Mapped[str] = mapped_column(String(63), primary_key=True)
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(32))
    released_at: Mapped[datetime | None]  # given up before its rental ended
