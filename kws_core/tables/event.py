"""The history of a rental, which is audit trail and outbox in one."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, and_
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from kws_core.tables.base import Base, index_where
from kws_core.tables.details import EventDetails
from kws_core.tables.details.events import EVENT_DETAILS, NOT_AUDITED
from kws_core.tables.event_kinds import EventKind


class Event(Base):
    """A line of a rental's history: audit trail, and outbox until ``delivered_at`` is set."""

    __tablename__ = "events"
    __table_args__ = (
        index_where("delivered_at IS NULL", "ix_events_undelivered", "rental_id", "next_try_at"),
        index_where("kind = 'queued'", "ix_events_queued", "at"),
        index_where("kind = 'idle_asked'", "ix_events_idle_asked", "at"),
        Index("uq_events_rental_key", "rental_id", "key", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rental_id: Mapped[str] = mapped_column(ForeignKey("rentals.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[EventKind]
    actor: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]]  # as details.to_json() made it
    delivered_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    key: Mapped[str | None] = mapped_column(String(48))  # what must be told once has one
    undeliverable: Mapped[bool] = mapped_column(default=False)  # Slack says that the owner can't be reached
    ts: Mapped[str | None] = mapped_column(
        String(32)
    )  # of its message, while that has buttons to be taken off, or was told ahead of the card

    @cached_property
    def details(self) -> EventDetails:
        """What it says besides its kind, as the class of its kind."""
        return EVENT_DETAILS[self.kind].from_json(self.data)

    @property
    def via(self) -> str | None:
        """Where a person asked for it."""
        via: str | None = getattr(self.details, "via", None)
        return via

    @property
    def note(self) -> str | None:
        """The reason that an admin gave."""
        note: str | None = getattr(self.details, "note", None)
        return note

    @property
    def audited(self) -> dict[str, Any]:
        """What was stored, for the audit trail: of any version, and without what the delivery alone needs."""
        return {name: value for name, value in self.data.items() if name not in NOT_AUDITED}

    @classmethod
    def was_of(cls, person: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        """As SQL: it gave the rental of that person to another one."""
        return and_(cls.kind == EventKind.TRANSFERRED, cls.data["was"].as_string() == person)

    @classmethod
    def of_outage(cls, kind: EventKind, *, still: bool = False) -> ColumnElement[bool]:
        """As SQL: it tells of a machine whose node had been away; ``still``: it did not start again."""
        outage = and_(cls.kind == kind, cls.data["outage"].as_boolean())
        return and_(outage, cls.data["still"].as_boolean()) if still else outage
