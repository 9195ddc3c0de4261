"""What the form shows to a person: read from what the nodes said last, and kept until any of it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Any

from cachetools import LRUCache

from kws_core.config import WebSection
from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.form_stamp import form_stamp
from kws_core.nodes.values import Image
from kws_core.scheduling import capacity
from kws_core.scheduling.placement import NodeCapacity
from kws_core.tables.copy import Copy
from kws_core.tables.network import Network
from kws_core.tables.rental import Rental
from kws_core.tables.saved_key import SavedKey
from kws_core.values import Size

MOST_PEOPLE = 200  # remembered: those who have asked for a form lately


@dataclass(frozen=True, slots=True, eq=False)
class FormOptions:
    """What the form shows. While nothing in it changes it is the same object, so what is made of it can be remembered."""

    images: Sequence[Image]
    sizes: Sequence[Size]
    rooms: Sequence[NodeCapacity]
    today: date
    default_end: date
    last_end: date
    mine: Sequence[Rental] = field(default_factory=tuple)
    keys: Sequence[SavedKey] = field(default_factory=tuple)
    networks: Sequence[Network] = field(default_factory=tuple)
    copies: Sequence[Copy] = field(default_factory=tuple)
    web: WebSection | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _LabPart:
    """The same for everybody; ``offers`` are what was made of it."""

    images: Sequence[Image]
    rooms: Sequence[NodeCapacity]
    offers: LRUCache[tuple[_PersonPart, date], FormOptions] = field(
        default_factory=lambda: LRUCache(MOST_PEOPLE)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _PersonPart:
    """What is the person's."""

    mine: Sequence[Rental]
    keys: Sequence[SavedKey]
    networks: Sequence[Network]
    copies: Sequence[Copy]


_NOTHING = _PersonPart([], [], [], [])  # of everybody who has nothing: they share their form


class FormOptionsReader:
    """Remembers what it has read while the database's stamp is the same.

    The stamp is taken before the rows are read: what is remembered is never older than its stamp says.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._lock = Lock()
        self._lab: tuple[Any, _LabPart] | None = None
        self._people: LRUCache[str, tuple[Any, _PersonPart]] = LRUCache(MOST_PEOPLE)

    def remembered(self, owner: str) -> FormOptions:
        """As it is in the database now, without reading what has not changed."""
        stamp = form_stamp(self.context.store, owner)
        lab_key = (self.context.config, stamp.lab)
        with self._lock:
            lab, person = self._lab, self._people.get(owner)
        if lab is None or lab[0] != lab_key:
            lab = lab_key, self._read_lab()
        if person is None or person[0] != stamp.person:
            person = stamp.person, self._read_person(owner)
        offers, key = lab[1].offers, (person[1], self.context.today())
        with self._lock:
            self._lab, self._people[owner] = lab, person
            if key not in offers:
                offers[key] = self._options(lab[1], *key)
            return offers[key]

    def _read_lab(self) -> _LabPart:
        config = self.context.config
        with self.context.store.read() as session:
            known = queries.node_records(session)
            return _LabPart(capacity.images(session, config, known), capacity.rooms(session, config, known))

    def _read_person(self, owner: str) -> _PersonPart:
        with self.context.store.read() as session:
            found = (
                queries.rentals_of(session, owner),
                queries.keys_of(session, owner),
                queries.networks_of(session, owner),
                queries.kept_copies(session, owner),
            )
        return _PersonPart(*found) if any(found) else _NOTHING

    def _options(self, lab: _LabPart, person: _PersonPart, today: date) -> FormOptions:
        choices = self.context.expiry.choices
        return FormOptions(
            images=lab.images,
            sizes=self.context.config.all_sizes(),
            rooms=lab.rooms,
            today=today,
            default_end=choices.default(today),
            last_end=choices.latest(today),
            mine=person.mine,
            keys=person.keys,
            networks=person.networks,
            copies=person.copies,
            web=self.context.config.web,
        )
