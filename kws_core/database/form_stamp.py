"""Whether anything that a form shows was changed, by whomever: one cheap statement instead of all the rows.

It looks at the rows themselves, so every replica and every command on this database sees it at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, String, bindparam, cast, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute

from kws_core.database.store import Store
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.network import Network
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.saved_key import SavedKey
from kws_core.tables.states import NOT_OVER, CopyState

LATE = 64  # events: one that is committed after that number of newer ones would be missed


class FormStamp(NamedTuple):
    """Equal while nothing has changed: of the whole lab, and of one person."""

    lab: tuple[Any, ...]
    person: tuple[Any, ...]


_newest = select(Event.id).order_by(Event.id.desc()).limit(LATE).subquery()
_person: Any = bindparam("person")


def _words(words: str) -> Any:
    """As text in the statement: what is a parameter in a list of values SQLAlchemy writes out at each execution."""
    return literal_column(f"'{words}'", String)


def _listed(*columns: InstrumentedAttribute[Any]) -> Any:
    """These columns of all rows as one text, NULL without rows."""
    text: ColumnElement[str] = cast(columns[0], String)
    for column in columns[1:]:
        text = text + ":" + cast(column, String)
    return func.aggregate_strings(text, _words(","))


def _of(owner: InstrumentedAttribute[str], *columns: InstrumentedAttribute[Any]) -> Any:
    return select(_listed(*columns)).where(owner == _person)


def _scalar(query: Any) -> ScalarSelect[Any]:
    found: ScalarSelect[Any] = query.scalar_subquery()
    return found


_NOT_OVER = [_words(status.value) for status in sorted(NOT_OVER)]
_LAB = (  # rows of nodes are only added; their version counts every change but a ping's
    _scalar(select(func.sum(NodeRecord.version))),
    # of many, as the highest one alone doesn't tell of a lower one that is committed later
    _scalar(select(func.sum(_newest.c.id))),
)
_PERSON = (
    _scalar(_of(Rental.owner, Rental.id, Rental.version).where(Rental.status.in_(_NOT_OVER))),
    _scalar(
        select(_listed(Placement.rental_id, Placement.resize_at)).where(Placement.resize_at.is_not(None))
    ),
    _scalar(_of(SavedKey.owner, SavedKey.id, SavedKey.name)),
    _scalar(_of(Network.owner, Network.id)),
    _scalar(
        _of(Copy.owner, Copy.id, Copy.keep_until).where(
            Copy.state == CopyState.KEPT, Copy.for_move.is_(False)
        )
    ),
)
_STAMP = select(*_LAB, *_PERSON)


def form_stamp(store: Store, person: str) -> FormStamp:
    """Of what is committed now."""
    with store.look() as connection:
        row = tuple(connection.execute(_STAMP, {"person": person}).one())
    return FormStamp(row[: len(_LAB)], row[len(_LAB) :])
