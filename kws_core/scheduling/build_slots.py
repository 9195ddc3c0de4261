"""The rows behind ``scheduling/fair_queue.py``: who waits for a node's build slots, who may start, and what they are told of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, or_, select, text, update
from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.errors import NO_ROOM
from kws_core.scheduling import fair_queue, work_queue
from kws_core.scheduling.fair_queue import BuildRequest, QueuePosition, Served
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.events import Queued
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, PlacementState, Status

TOLD_A_MINUTE = 20  # new positions, of all people together: Slack takes about 50 edits a minute of a bot
MINUTE = timedelta(minutes=1)

_WAITS = and_(
    Placement.state == PlacementState.ACTIVE,
    Placement.server_at.is_(None),
    Rental.status.in_((Status.REQUESTED, Status.BUILDING)),
)
_CAN_START = and_(
    Rental.status == Status.BUILDING,
    Placement.port_id.is_not(None),  # the rest of its address may come while it is built
    or_(Rental.access != Access.GENERATED, Rental.key_sent_at.is_not(None)),
    or_(Rental.copy_id.is_(None), Placement.image_at.is_not(None)),
)
_UNDER_WAY = and_(Placement.state == PlacementState.ACTIVE, Rental.status == Status.BUILDING)

# asked at every step: put together once
_ORDER = (
    select(Rental.id, Rental.owner, Placement.node, Rental.created_at, _CAN_START)
    .join(Rental.placements)
    .where(_WAITS)
)
_UNBUILT = (
    select(Rental.owner, func.count())
    .join(Rental.placements)
    .where(_WAITS, Rental.owner.in_(bindparam("owners", expanding=True)))
    .group_by(Rental.owner)
)
_ended = func.coalesce(Rental.ready_at, Placement.left_at, type_=Rental.ready_at.type)
_SERVED = (
    select(
        Rental.owner,
        func.sum(case((_UNDER_WAY, 1), else_=0)),
        func.max(Placement.server_at),
        func.max(_ended),
    )
    .join(Rental.placements)
    .where(
        Placement.server_at.is_not(None),
        Rental.owner.in_(bindparam("owners", expanding=True)),
        or_(_UNDER_WAY, _ended >= bindparam("since")),
        or_(Placement.refusal.is_(None), Placement.refusal.not_in(NO_ROOM)),  # that was no help to anybody
    )
    .group_by(Rental.owner)
)
_WAITS_ON = (
    select(Rental.id).join(Rental.placements).where(_WAITS, Placement.node == bindparam("node")).limit(1)
)


def order(session: Session) -> list[BuildRequest]:
    """Everything that waits for a build slot anywhere, the next first."""
    rows = session.execute(_ORDER).all()
    wishes = [BuildRequest(rental, owner, node, at, bool(can)) for rental, owner, node, at, can in rows]
    return fair_queue.in_order(wishes, served(session, wishes))


def given(session: Session, wishes: Sequence[BuildRequest]) -> dict[str, Served]:
    """What was done for those who wait for room: what has some, and is still to be built, is under way, too."""
    found = served(session, wishes)
    owners = list({wish.owner for wish in wishes})
    for owner, unbuilt in session.execute(_UNBUILT, {"owners": owners}) if owners else ():
        past = found.get(owner, Served())
        found[owner] = replace(past, under_way=past.under_way + unbuilt)
    return found


def served(session: Session, wishes: Iterable[BuildRequest]) -> dict[str, Served]:
    """What was done for those who wait. A build ended when it was ready, otherwise when its node was left."""
    oldest: dict[str, datetime] = {}
    for wish in wishes:
        oldest[wish.owner] = min(wish.asked_at, oldest.get(wish.owner, wish.asked_at))
    if not oldest:
        return {}
    known = {"owners": list(oldest), "since": min(oldest.values())}
    return {
        owner: Served(number, max(filter(None, (begun, over)), default=None))
        for owner, number, begun, over in session.execute(_SERVED, known)
    }


def max_builds(config: Config, node: str) -> int:
    """How many servers the node builds, or starts again, at a time."""
    section = config.node(node)
    return section.max_builds if section else 1


def free_slots(session: Session, config: Config, node: str) -> int:
    """How many more servers the node may build now."""
    return max(0, max_builds(config, node) - work_queue.building_on(session, node))


def may_start(session: Session, config: Config, rental: Rental, node: str, now: datetime) -> bool:
    """Whether a free slot is this rental's; if it is another's, that one is made due. Under lock_build_slots()."""
    free = free_slots(session, config, node)
    if not free:
        return False
    first = fair_queue.called(fair_queue.queue_for(node, order(session)), free)
    if rental.id in first:
        return True
    _make_due(session, node, first, now)
    return False


def wanted(session: Session, config: Config, node: str) -> bool:
    """Whether the node could build more and somebody waits for it; checked before anything is locked."""
    return session.scalar(_WAITS_ON, {"node": node}) is not None and free_slots(session, config, node) > 0


def call_next(session: Session, config: Config, node: str, now: datetime) -> bool:
    """Make those due whose turn it is; False if there are none. Under lock_build_slots()."""
    free = free_slots(session, config, node)
    first = fair_queue.called(fair_queue.queue_for(node, order(session)), free) if free else []
    _make_due(session, node, first, now)
    return bool(first)


def _make_due(session: Session, node: str, rentals: list[str], now: datetime) -> None:
    if rentals:
        here = (
            Placement.node == node,
            Placement.state == PlacementState.ACTIVE,
            Placement.next_check_at > now,
        )
        change = update(Placement).where(*here, Placement.rental_id.in_(rentals)).values(next_check_at=now)
        session.execute(change.execution_options(synchronize_session=False))


def turns_on(session: Session, config: Config, nodes: Iterable[str]) -> dict[str, QueuePosition]:
    """By rental, of all that have to wait for a slot on these nodes."""
    whole = order(session)
    found: dict[str, QueuePosition] = {}
    for node in set(nodes) & {wish.node for wish in whole}:
        found |= fair_queue.turns(fair_queue.queue_for(node, whole), free_slots(session, config, node))
    return found


def tell(session: Session, config: Config, node: str, now: datetime, new: str | None = None) -> None:
    """Write an event for each who waits and whose position is news, the nearest to their turn first.

    At most ``TOLD_A_MINUTE`` a minute, besides the rental ``new``, which gets its position for the first time.
    """
    waiting = turns_on(session, config, [node])
    if not waiting:
        return
    told = _told(session, node, waiting)
    news = [
        r for r, turn in waiting.items() if r in told and fair_queue.worth_telling(told[r], turn.position)
    ]
    left = max(0, TOLD_A_MINUTE - _told_since(session, now - MINUTE)) if news else 0
    first = [new] if new in waiting and new not in told else []
    for rental in first + news[:left]:
        queued = Queued(node, position=waiting[rental].position, of=waiting[rental].of)
        data = queued.to_json()
        session.add(Event(rental_id=rental, at=now, kind=queued.kind, actor=SYSTEM, data=data, tries=0))


def _told(session: Session, node: str, rentals: Iterable[str]) -> dict[str, int]:
    """The positions on that node that were told last, by rental."""
    about = (Event.kind == EventKind.QUEUED, Event.rental_id.in_(rentals))
    newest = select(func.max(Event.id)).where(*about).group_by(Event.rental_id)
    rows = session.execute(select(Event.rental_id, Event.data).where(Event.id.in_(newest)))
    told = {rental: Queued.from_json(data) for rental, data in rows}
    return {rental: queued.position for rental, queued in told.items() if queued.node == node}


def _told_since(session: Session, since: datetime) -> int:
    queued = text("events.kind = 'queued'")  # a parameter would not show SQLite that the index fits
    query = select(func.count()).select_from(Event).where(queued, Event.at > since)
    return session.scalar(query) or 0
