"""What owners are told of their nodes: that one has not answered for long, and that it answers again.

Each rental there gets one event per outage, as a line of its card. Only the first one of a person notifies: it names
all of them. The keys hold the moment since when the node does not answer, which is in the database: neither a restart nor
another replica tells it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from kws_core.database import queries
from kws_core.tables.copy import Copy
from kws_core.tables.details.outage_events import NodeBack, NodeSilent
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.person import Person
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import CopyState, PlacementState, Status

CONCERNS_OWNERS = timedelta(minutes=10)  # a shorter outage ends before anybody could do something
NODE_IN_KEY = 30  # characters: a rental is on one node at a time, the moment tells the rest


def tell_silent(session: Session, node: str, since: datetime, now: datetime) -> int:
    """Tell the owners of what is used on a node that it has not answered for long; how many rentals' are told now."""
    if now - since < CONCERNS_OWNERS:
        return 0
    key = _key("silent", node, since)
    untold = session.scalars(_in_use(node).where(~_has(key))).unique().all()
    if not untold:
        return 0
    told = set(session.scalars(_in_use(node).with_only_columns(Rental.owner).where(_has(key))))
    copied = _copied_elsewhere(session, node, untold)
    for owner, theirs in _by_owner(untold):
        for rental in theirs:
            names = tuple(one.name for one in theirs) if rental is theirs[0] and owner not in told else ()
            copies = tuple(one.name for one in (theirs if names else [rental]) if one.id in copied)
            queries.record_once(session, rental.id, NodeSilent(node, since, owner, names, copies), key, now)
    return len(untold)


def tell_back(session: Session, node: str, now: datetime) -> int:
    """Tell those who were told of the outage that the node answers again; how many rentals' owners are told now.

    Nothing is said of a rental that had to be started again: that it runs, or doesn't, was told already. Anyone who has
    one of which that is not known yet is told of all the others later.
    """
    told: dict[str, NodeSilent] = {}  # by rental, the newest
    resuming, rentals = set(), {}
    prefix = _key_of("silent", node)
    of_node = {"node": node, "first": prefix, "last": f"{prefix}~"}
    if session.scalar(_ONE_OPEN_OUTAGE, of_node) is None:
        return 0
    for event, rental, held in session.execute(_OPEN_OUTAGES, of_node).unique():
        assert isinstance(event.details, NodeSilent)
        told[rental.id], rentals[rental.id] = event.details, rental
        if held.resume_at is not None:
            resuming.add(rental.owner)
    settled = [rental for rental in rentals.values() if rental.owner not in resuming]
    for owner, theirs in _by_owner(settled):
        mine = [
            rental for rental in theirs if told[rental.id].person == owner
        ]  # the others came from somebody else
        for rental in theirs:
            since = told[rental.id].since or now
            names = tuple(one.name for one in mine) if rental in mine[:1] else ()
            back = NodeBack(node, since, owner, names)
            queries.record_once(session, rental.id, back, _key("back", node, since), now)
    return len(settled)


def _in_use(node: str) -> Select[Rental]:
    """What people use on a node, or soon will, what runs first; who has left is told nothing."""
    left = select(Person.id).where(Person.departed_at.is_not(None))
    here = and_(Placement.node == node, Placement.state == PlacementState.ACTIVE)
    used = Rental.status.in_((Status.READY, Status.BUILDING)) & Rental.replaces.is_(None)
    query = select(Rental).join(Placement, Placement.rental_id == Rental.id).where(here, used)
    order = (Rental.status == Status.BUILDING, Rental.created_at, Rental.id)
    return query.where(Rental.owner.not_in(left)).order_by(*order)


def _has(key: str) -> ColumnElement[bool]:
    return select(Event.id).where(Event.rental_id == Rental.id, Event.key == key).exists()


def _open_outages() -> Select[Event, Rental, Placement]:
    """What is told of a node's outages, and not yet that they have ended; the newest of a rental last."""
    later = aliased(Event)
    turned = or_(later.of_outage(EventKind.POWERED_OFF), later.of_outage(EventKind.POWERED_ON))
    ends_it = or_(later.kind == EventKind.NODE_BACK, turned)
    ended = select(later.id).where(later.rental_id == Event.rental_id, later.id > Event.id, ends_it)
    query = select(Event, Rental, Placement).join(Rental, Rental.id == Event.rental_id)
    query = query.join(Placement, Placement.rental_id == Rental.id)
    here = and_(Placement.node == bindparam("node"), Placement.state == PlacementState.ACTIVE)
    keys = and_(Event.key >= bindparam("first"), Event.key < bindparam("last"))
    told = and_(keys, Event.kind == EventKind.NODE_SILENT)
    query = query.where(here, Rental.replaces.is_(None), told, ~ended.exists())
    return query.order_by(Rental.created_at, Rental.id, Event.id)


# asked whenever a node responds: put together once
_OPEN_OUTAGES = _open_outages()
_ONE_OPEN_OUTAGE = _OPEN_OUTAGES.with_only_columns(Event.id).order_by(None).limit(1)


def _copied_elsewhere(session: Session, node: str, rentals: Iterable[Rental]) -> set[str]:
    """Of which of them there is a copy that the node's outage doesn't concern."""
    kept = select(Copy.rental_id).where(
        Copy.state == CopyState.KEPT, Copy.for_move.is_(False), Copy.node != node
    )
    return set(session.scalars(kept.where(Copy.rental_id.in_([rental.id for rental in rentals]))))


def _by_owner(rentals: Sequence[Rental]) -> list[tuple[str, list[Rental]]]:
    found: dict[str, list[Rental]] = {}
    for rental in rentals:
        found.setdefault(rental.owner, []).append(rental)
    return list(found.items())


def _key(word: str, node: str, since: datetime) -> str:
    return f"{_key_of(word, node)}{int(since.timestamp())}"


def _key_of(word: str, node: str) -> str:
    return f"{word}:{node[:NODE_IN_KEY]}:"
