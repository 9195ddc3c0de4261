"""What a node shows and the database does not explain, and the other way round: the words and the rows.

A mark is explained on a node when its rental, or a rental that uses its network, has a placement there
that is not gone. One whose rental lives elsewhere and never was here is left alone too: then a node has been
renamed in nodes.toml, or two names mean the same project.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import BindParameter, bindparam, or_, select
from sqlalchemy.orm import Session

from kws_core.nodes.values import RemainingResources
from kws_core.tables.base import ID_ALPHABET
from kws_core.tables.copy import Copy
from kws_core.tables.network import Network
from kws_core.tables.orphan import OrphanCandidate
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import ON_DISK, PlacementState, Status
from kws_core.values import TAG_PREFIX, owner_tag

log = logging.getLogger(__name__)

SEEN_AGAIN = timedelta(minutes=10)  # between the two sights that make something an orphaned resource
MOST_LEAKS = 10  # more at once is a wrong database, not orphaned resources
_OURS = re.compile(rf"{re.escape(TAG_PREFIX)}[{ID_ALPHABET}]{{10}}")

# with every sweep: put together once
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_STANDING = (
    select(Rental.id, Rental.network_id, Placement.node, Placement.state)
    .join(Placement, Placement.rental_id == Rental.id)
    .where(or_(Rental.id.in_(_IDS), Rental.network_id.in_(_IDS)))
)
_COPIES = select(Copy.id, Copy.node).where(Copy.id.in_(_IDS), Copy.state.in_(ON_DISK))
_NAMES = [select(table.id, table.name, table.owner).where(table.id.in_(_IDS)) for table in (Network, Rental)]
_TO_BE_THERE = (
    select(Rental.id, Rental.name, Rental.owner)
    .join(Placement)
    .where(
        Placement.node == bindparam("node"),
        Placement.state == PlacementState.ACTIVE,
        Placement.server_id.is_not(None),
        Rental.status.in_((Status.READY, Status.STOPPED)),
        Rental.ready_at <= bindparam("asked_at"),
        Rental.reset_at.is_(None),  # a container is not shown while it is made again
    )
    .order_by(Rental.name)
)
_SIGHTINGS = (
    select(OrphanCandidate).where(OrphanCandidate.node == bindparam("node")).order_by(OrphanCandidate.mark)
)
_LOCKED_SIGHTINGS = _SIGHTINGS.with_for_update()


class OwnershipStatus(Enum):
    """How the database knows an id on a node."""

    EXPLAINED = "explained"
    ELSEWHERE = "elsewhere"
    LEAK = "leak"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A mark that nothing explains; ``name`` and ``owner`` of what it once was, if that is known."""

    mark: str
    kinds: tuple[str, ...]
    name: str = ""
    owner: str = ""
    first_seen_at: datetime | None = None  # None: not before this look

    def due(self, now: datetime) -> bool:
        """Whether it was seen long enough before."""
        return self.first_seen_at is not None and now - self.first_seen_at >= SEEN_AGAIN


@dataclass(frozen=True, slots=True)
class MissingMachine:
    """A rental whose machine its node does not show."""

    mark: str
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class NodeReport:
    """Database and node compared, both ways, at one moment; with ``error`` the node did not answer."""

    node: str
    at: datetime
    leaks: Sequence[Orphan] = ()
    elsewhere: Sequence[Orphan] = ()  # of rentals that live on another node and never were on this one
    lost: Sequence[MissingMachine] = ()
    flavors: Sequence[str] = ()  # made by KWS, used by no server
    error: str = ""

    @property
    def too_many(self) -> bool:
        """Whether the database is to be doubted rather than the node."""
        return len(self.leaks) > MOST_LEAKS


def ours(mark: str) -> bool:
    """Whether KWS may have made this mark: the prefix and an id of ours, nothing else."""
    return _OURS.fullmatch(mark) is not None


def standing(session: Session, node: str, ids: Collection[str]) -> dict[str, OwnershipStatus]:
    """How each id, of a rental, of a network or of a copy, is known on the node."""
    if not ids:
        return {}
    here: dict[str, bool] = {}  # id -> whether anything of it may still be on this node
    living: set[str] = set()
    for copy_id, where in session.execute(_COPIES, {"ids": list(ids)}):
        living.add(copy_id)
        if where == node:
            here[copy_id] = True
    for rental_id, network_id, where, state in session.execute(_STANDING, {"ids": list(ids)}):
        for known in filter(None, (rental_id, network_id)):
            if state is not PlacementState.DELETED:
                living.add(known)
            if where == node:
                here[known] = here.get(known, False) or state is not PlacementState.DELETED
    return {one: _standing(here.get(one), one in living) for one in ids}


def _standing(here: bool | None, lives: bool) -> OwnershipStatus:
    if here:
        return OwnershipStatus.EXPLAINED
    return OwnershipStatus.ELSEWHERE if here is None and lives else OwnershipStatus.LEAK


def unexplained(
    session: Session, node: str, marked: Mapping[str, RemainingResources]
) -> tuple[list[Orphan], list[Orphan]]:
    """Orphaned resources, and those of rentals on other nodes, by mark; a mark that isn't ours is neither."""
    ids = {mark.removeprefix(TAG_PREFIX): mark for mark in sorted(marked) if ours(mark)}
    known = standing(session, node, ids)
    names = _names(session, ids)
    seen = {row.mark: row.first_seen_at for row in sightings(session, node) if row.gone_at is None}
    found: dict[OwnershipStatus, list[Orphan]] = {each: [] for each in OwnershipStatus}
    for one, mark in ids.items():
        name, owner = names.get(one, ("", ""))
        leak = Orphan(mark, tuple(marked[mark].kinds()), name, owner, seen.get(mark))
        found[known[one]].append(leak)
    return found[OwnershipStatus.LEAK], found[OwnershipStatus.ELSEWHERE]


def _names(session: Session, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    if wanted := list(ids):
        for query in _NAMES:
            found |= {row[0]: (row[1], row[2]) for row in session.execute(query, {"ids": wanted})}
    return found


def lost(session: Session, node: str, shown: Collection[str], asked_at: datetime) -> list[MissingMachine]:
    """Rentals that were ready before the node was asked, and whose machine it did not show."""
    here = session.execute(_TO_BE_THERE, {"node": node, "asked_at": asked_at})
    rows = [MissingMachine(owner_tag(rental_id), name, owner) for rental_id, name, owner in here]
    return [missing for missing in rows if missing.mark not in shown]


# -- sightings


def sightings(session: Session, node: str, *, lock: bool = False) -> Sequence[OrphanCandidate]:
    """What was seen there and not explained; ``lock`` makes other processes wait (PostgreSQL)."""
    return session.scalars(_LOCKED_SIGHTINGS if lock else _SIGHTINGS, {"node": node}).all()


def begin(session: Session, node: str, leak: Orphan, now: datetime) -> bool:
    """Whether the mark may be deleted, by what the rows say now; notes what of."""
    row = session.get(OrphanCandidate, (node, leak.mark), with_for_update=True)
    if row is None or row.gone_at is not None or now - row.first_seen_at < SEEN_AGAIN:
        return False
    one = leak.mark.removeprefix(TAG_PREFIX)
    if standing(session, node, [one])[one] is not OwnershipStatus.LEAK:
        return False
    if row.kinds is None:
        row.kinds = ", ".join(leak.kinds)
        log.warning("node %s: deleting orphaned resource %s: %s", node, leak.mark, row.kinds)
    return True
