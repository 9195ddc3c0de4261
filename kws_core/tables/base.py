"""The base of all tables, and ids."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase

from kws_core.tables.columns import UtcDateTime, words
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.states import Access, PlacementState, Reason, Status
from kws_core.values import Kind

ID_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no look-alikes: people read ids to each other


SYSTEM = "kws"  # the actor of what nobody asked for


def new_id() -> str:
    """A rental id: 10 characters, about 49 bits, safe in names, tags and speech."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(10))


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Status: words(Status, 16),
        Reason: words(Reason, 16),
        PlacementState: words(PlacementState, 16),
        Access: words(Access, 16),
        EventKind: words(EventKind, 24),
        Kind: words(Kind, 16),
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }
