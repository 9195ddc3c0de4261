"""The base of all tables, ids, and column types and indexes that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, cast

from sqlalchemy import JSON, DateTime, Enum, Index, Table, TypeDecorator, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase

from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import (
    Access,
    AskDecision,
    AskKind,
    Audience,
    CopyState,
    HostKeySource,
    PlacementState,
    Reason,
    Status,
    Upstream,
)
from kws_core.values import Kind, ResizeEnd

ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no similar ones: people read ids to each other


SYSTEM = "kws"  # the actor of what nobody asked for


def new_id() -> str:
    """A rental id: 10 characters, about 49 bits, safe in names, tags and speech."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(10))


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in and out; SQLite would silently drop the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store a moment in UTC.

        Raises:
            ValueError: If it has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)  # type: ignore[no-any-return]


def words(enum: type[StrEnum], length: int) -> Enum:
    """A StrEnum kept as its values in a plain string column."""
    return Enum(
        enum, native_enum=False, length=length, values_callable=lambda e: [member.value for member in e]
    )


def index_where(condition: str, name: str, *columns: str, unique: bool = False) -> Index:
    """An index of only those rows for which ``condition`` holds.

    On PostgreSQL as well: migrations/env.py says so, as naming it here would load that dialect at every start.
    """
    return Index(name, *columns, unique=unique, sqlite_where=text(condition))


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Status: words(Status, 16),
        Reason: words(Reason, 16),
        PlacementState: words(PlacementState, 16),
        Access: words(Access, 16),
        HostKeySource: words(HostKeySource, 16),
        CopyState: words(CopyState, 16),
        Audience: words(Audience, 16),
        AskKind: words(AskKind, 16),
        AskDecision: words(AskDecision, 16),
        Upstream: words(Upstream, 8),
        ResizeEnd: words(ResizeEnd, 8),
        EventKind: words(EventKind, 24),
        Kind: words(Kind, 16),
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


def table_of(entity: type[Base]) -> Table:
    """For a statement that changes rows without loading any: it costs a fraction of the same one by class."""
    return cast(Table, entity.__table__)
