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

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from kws_core.nodes.values import RemainingResources
from kws_core.tables.base import ID_ALPHABET
from kws_core.tables.network import Network
from kws_core.tables.orphan import OrphanCandidate
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status
from kws_core.values import TAG_PREFIX

log = logging.getLogger(__name__)

SEEN_AGAIN = timedelta(minutes=10)  # between the two sights that make something a leak
MOST_LEAKS = 10  # more at once is a wrong database, not leaks
_OURS = re.compile(rf"{re.escape(TAG_PREFIX)}[{ID_ALPHABET}]{{10}}")


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
    """How each id, of a rental or of a network, is known on the node."""
    query = (
        select(Rental.id, Rental.network_id, Placement.node, Placement.state)
        .join(Placement, Placement.rental_id == Rental.id)
        .where(or_(Rental.id.in_(ids), Rental.network_id.in_(ids)))
    )
    here: dict[str, bool] = {}  # id -> whether anything of it may still be on this node
    living: set[str] = set()
    for rental_id, network_id, where, state in session.execute(query):
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
    """Leaks, and what belongs to rentals elsewhere, by mark; a mark that is not ours is neither."""
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
    wanted = list(ids)
    found: dict[str, tuple[str, str]] = {}
    for table in (Network, Rental):
        rows = session.execute(select(table.id, table.name, table.owner).where(table.id.in_(wanted)))
        found |= {row[0]: (row[1], row[2]) for row in rows}
    return found


def lost(session: Session, node: str, shown: Collection[str], asked_at: datetime) -> list[MissingMachine]:
    """Rentals that were ready before the node was asked, and whose machine it did not show."""
    query = (
        select(Rental)
        .join(Placement)
        .where(
            Placement.node == node,
            Placement.state == PlacementState.ACTIVE,
            Placement.server_id.is_not(None),
            Rental.status.in_((Status.READY, Status.STOPPED)),
            Rental.ready_at <= asked_at,
        )
        .order_by(Rental.name)
    )
    return [MissingMachine(r.mark, r.name, r.owner) for r in session.scalars(query) if r.mark not in shown]


# -- sightings


def sightings(session: Session, node: str, *, lock: bool = False) -> Sequence[OrphanCandidate]:
    """What was seen there and not explained; ``lock`` makes other processes wait (PostgreSQL)."""
    query = select(OrphanCandidate).where(OrphanCandidate.node == node).order_by(OrphanCandidate.mark)
    return session.scalars(query.with_for_update() if lock else query).all()


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
