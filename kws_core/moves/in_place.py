"""A server gets another size where it is: when its node can do that, and the changes of its rows.

Its node has room for both sizes until the new one is confirmed or given up, so both are held until then
(``Placement.resize_to``). ``reconcile/resizer.py`` has the node do it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.config import Config
from kws_core.database.alerts import alert_admins
from kws_core.errors import Refusal, UserError
from kws_core.expiry import ExpiryPolicy
from kws_core.moves import lifecycle
from kws_core.moves.target import copy_target
from kws_core.scheduling import capacity
from kws_core.scheduling.placement import PlacementRequest, decision_for
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.base import SYSTEM
from kws_core.tables.details.alerts import ResizeBrokeAlert
from kws_core.tables.details.events import ResizeDone, ResizeFailed, ResizeStarted
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Status
from kws_core.values import Kind, Size

REMEMBERED = timedelta(days=1)  # how long a node that could not do it isn't asked again
LASTING = frozenset(
    {Refusal.NO_HOST, Refusal.AUTH, Refusal.MISSING}
)  # room there was, as far as anybody knew
# why it failed, beside what a node says (Refusal)
NO_LOGIN = "locked_out"  # with the new size its owner did not get in
UNDONE = "undone"  # somebody reverted it on the node
# what has become of the server (ResizeFailed.outcome)
COPY = "copy"  # it gets the size through a copy
STAYS = "stays"  # it runs as it did
AGAIN = "again"  # it is started again, as it was
BROKEN = "broken"  # its node shows it in an error


def fits(session: Session, config: Config, rental: Rental, size: Size, now: datetime) -> bool:
    """Whether its node has room for that size beside the one that it has, and is not known to be unable."""
    held = rental.placement
    assert held
    record = session.get(NodeRecord, held.node)
    if record is None or (record.no_resize_at and now - record.no_resize_at < REMEMBERED):
        return False
    room = next((room for room in capacity.rooms(session, config) if room.node == held.node), None)
    if room is None:
        return False
    room = replace(room, free_addresses=None, free_machines=None, free_servers=None)  # it is no new one
    request = PlacementRequest(Kind.SERVER, "", size, only=held.node)
    if decision_for(room, request) is not None:
        return False
    book = WaitingList(session, config, ExpiryPolicy(config), now)
    return not book.promised or book.room_for(request, rental.ends_on) is not None


def begin(rental: Rental, size: Size, now: datetime, actor: str, via: str | None) -> None:
    """Hold room for the new size beside the old one, and have the node asked for it."""
    held = rental.placement
    assert held
    held.resize_at, held.resize_to, held.next_check_at = now, asdict(size), now
    held.resize_taken_at = held.resized_at = held.resize_end = None
    rental.record(ResizeStarted(held.node, size.name, via=via), now, actor=actor)


def finish(rental: Rental, now: datetime, *, runs: bool) -> None:
    """It has the new size for good; ``runs``: and its owner was seen to get in, otherwise that is still to be seen."""
    held, was = rental.placement, rental.wanted_size
    assert held
    size = _forget(held)
    rental.wanted_size = size
    held.resized_at = now  # the node may not have counted yet that it lets go of the old size
    if not runs and not held.powered_off:
        held.powered_off, held.act_at = True, now  # the card says that it runs when it does
    done = ResizeDone(held.node, size.name, was.name, was.vcpus, was.ram_mb, was.disk_gb)
    rental.record(done, now)


def give_up(rental: Rental, why: str, now: datetime) -> None:
    """It has its old size again, and is started with it."""
    held = rental.placement
    assert held
    size = _forget(held)
    rental.to_start = rental.status is Status.READY and not held.powered_off
    if rental.to_start:
        held.powered_off, held.act_at = True, now
    rental.record(ResizeFailed(held.node, size.name, why, AGAIN if rental.to_start else STAYS), now)


def fall_back(session: Session, config: Config, rental: Rental, why: str, now: datetime) -> None:
    """Its node can't: it gets the size through a copy, if it can. To be called with the capacity locked."""
    held = rental.placement
    assert held
    size = _forget(held)
    if why in LASTING:
        capacity.record_of(session, held.node).no_resize_at = now
    if rental.status is not Status.READY:
        rental.record(ResizeFailed(held.node, size.name, why, STAYS), now)
        return
    session.flush()
    try:
        target = copy_target(session, config, rental, size, now)
    except UserError as error:
        rental.record(ResizeFailed(held.node, size.name, error.code, STAYS), now)
        return
    rental.record(ResizeFailed(held.node, size.name, why, COPY), now)
    lifecycle.begin(session, rental, target, size, now, SYSTEM, None)


def break_off(session: Session, rental: Rental, shown: Size | None, why: str, now: datetime) -> None:
    """Its node shows it broken, with the old size or the new one: nothing that KWS does mends that."""
    held = rental.placement
    assert held
    size = _forget(held)
    if shown is not None and replace(shown, name=size.name) == size:
        rental.wanted_size = size
    held.powered_off, held.act_at = True, None
    rental.record(ResizeFailed(held.node, size.name, why, BROKEN), now)
    alert = ResizeBrokeAlert(rental.id, rental.name, rental.owner, held.node, why)
    alert_admins(session, alert, f"{rental.id}:{int(now.timestamp())}", now)


def _forget(held: Placement) -> Size:
    """Its size is settled from here on; returns the one that it was to get."""
    size = held.new_size
    assert size
    held.resize_at = held.resize_to = held.resize_taken_at = held.resized_at = held.resize_end = None
    return size
