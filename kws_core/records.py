"""What is remembered beside rentals: people, nodes, and which deliveries of Slack were acted on."""

from __future__ import annotations

from datetime import date, datetime
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
    departed_at: Mapped[datetime | None]  # since when Slack says that the account is deactivated


class NodeRecord(Base):
    """What a node said last: the catalogue and capacity that forms and placement use."""

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
    up_since: Mapped[datetime | None]  # since when it answers, once it had been silent
    last_error: Mapped[str | None] = mapped_column(Text)  # kept when it answers again
    last_error_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]  # since when nodes.toml lacks it although rentals are there


class JobRun(Base):
    """A job that runs once per date of the lab, across all replicas: whoever inserts the row runs it."""

    __tablename__ = "job_runs"

    job: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(String(64))
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    marked: Mapped[list[str]] = mapped_column(default=list)  # ids of the rentals that it set on their way
    failed: Mapped[list[str]] = mapped_column(default=list)
    told_at: Mapped[datetime | None]  # when its summary was written


class Notice(Base):
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


class Sighting(Base):
    """A mark on a node that no rental explains, seen for the first time: deleted only when it is seen again."""

    __tablename__ = "sightings"

    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_seen_at: Mapped[datetime]
    kinds: Mapped[str | None] = mapped_column(Text)  # of what is being, or was, deleted; None: nothing yet
    gone_at: Mapped[datetime | None]  # seen gone after that; the row is kept until the admins are told


class Act(Base):
    """What somebody did that is about no single rental; what is about one is among its events."""

    __tablename__ = "acts"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(32))
    what: Mapped[str] = mapped_column(String(32))
    where: Mapped[str | None] = mapped_column(String(16))  # "command", "form", "cli", …
    data: Mapped[dict[str, Any]]


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


class Delivery(Base):
    """A Slack delivery that was acted on: Slack delivers at least once, KWS acts once."""

    __tablename__ = "deliveries"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)


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
