"""What a row says besides its kind, as one class per kind instead of keys of a JSON column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints

from kws_core.tables.event_kinds import EventKind


@dataclass(frozen=True)
class Details:
    """Base of these dataclasses; a field's name is the key under which it is stored.

    A writer has to give every field without a default. A row that another version wrote may not have
    even those; they are read as empty then. Keys without a field are ignored.
    """

    def to_json(self) -> dict[str, Any]:
        """Return the stored form, which leaves out empty fields."""
        return {name: _stored(value) for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read the stored form, whichever version wrote it."""
        return cls(
            **{
                name: _read(hint, stored.get(name))
                for name, (hint, required) in cls._fields().items()
                if required or stored.get(name) is not None
            }
        )

    @classmethod
    @cache
    def _fields(cls) -> Mapping[str, tuple[Any, bool]]:
        """Return the type of each field, and whether it has no default."""
        hints = get_type_hints(cls)
        return {one.name: (hints[one.name], one.default is MISSING) for one in fields(cls)}


class EventDetails(Details):
    """Base of what events say: one class for each kind, in events.py and ask_events.py."""

    kind: ClassVar[EventKind]


def _stored(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Details):
        return value.to_json()
    return [_stored(one) for one in value] if isinstance(value, tuple) else value


def _read(hint: Any, value: Any) -> Any:
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], one) for one in value or ())
    if get_origin(hint) is UnionType:  # "date | None"
        return None if value is None else _read(get_args(hint)[0], value)
    if value is None:
        return hint()
    if issubclass(hint, date):
        return hint.fromisoformat(value)
    return hint.from_json(value) if issubclass(hint, Details) else value
