"""What is remembered of Slack users, and their App Homes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class Person(Base):
    """What KWS remembers of a Slack user, so that no handler has to ask Slack."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    locale: Mapped[str | None] = mapped_column(String(16))
    guest: Mapped[bool] = mapped_column(default=False)
    stranger: Mapped[bool] = mapped_column(default=False)  # of another workspace
    seen_at: Mapped[datetime]
    departed_at: Mapped[datetime | None]  # since when Slack says that the account is deactivated


class Home(Base):
    """The App Home of a person who has opened it: what it shows, and when it is drawn again."""

    __tablename__ = "homes"

    person: Mapped[str] = mapped_column(String(32), primary_key=True)
    opened_at: Mapped[datetime]
    desk: Mapped[dict[str, Any]] = mapped_column(default=dict)  # an admin's search, see desk_queries.Search
    version: Mapped[int] = mapped_column(default=0)  # counts openings and changes of the search
    admin: Mapped[bool] = mapped_column(default=False)  # whether it was drawn for one
    event: Mapped[int] = mapped_column(default=0)  # the newest event when it was drawn
    digest: Mapped[str] = mapped_column(String(64), default="")  # of what is shown; "" when nobody knows
    next_at: Mapped[datetime]  # not drawn before: many changes make one
    look_at: Mapped[datetime]  # drawn then anyway: not everything that it shows is an event
    tries: Mapped[int] = mapped_column(default=0)  # failures in a row
