"""Brings copies of servers to the nodes on which rentals wait for them, or on which they are to be kept.

A rental that is made from a copy, on a node without it, waits (``Placement.image_at``). What it waits for is a row,
so a carrier that dies is followed by another one. With ``copies_on = "other"`` each copy is kept on another node than
its server; the image that stays behind is dropped by the sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.copies.lifecycle import takes_gb
from kws_core.copies.service import room_gb
from kws_core.errors import ErrorCode, NodeDown, NodeError, NodeRefused, Refusal, UserError
from kws_core.images.service import Images
from kws_core.images.table import usable
from kws_core.nodes import Node
from kws_core.nodes.offered_images import copy_mark
from kws_core.scheduling import capacity
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import CopyState, PlacementState, Status
from kws_core.values import Kind, owner_tag

log = logging.getLogger(__name__)

NEVER = datetime.min.replace(tzinfo=UTC)

PLACE_AGAIN = timedelta(minutes=10)
CARRY = "carry:"  # the lease on bringing a copy to a node

# asked every few seconds: put together once
_WAITING = (
    select(Placement.id, Placement.node, Copy.id, Copy.node)
    .join(Rental, Placement.rental_id == Rental.id)
    .join(Copy, Rental.copy_id == Copy.id)
    .where(
        Placement.state == PlacementState.ACTIVE,
        Placement.image_at.is_(None),
        Placement.image_refusal.is_(None),
        Rental.status == Status.BUILDING,
        Copy.state == CopyState.KEPT,
    )
    .order_by(Placement.id)
)


class Carrier:
    """``tick`` begins with every copy that is waited for; each has a thread of its own while it travels."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], images: Images) -> None:
        self.context = context
        self.nodes = nodes
        self.images = images
        self._under_way: set[tuple[str, str]] = set()
        self._place_at: dict[str, datetime] = {}  # copy: when to look again for a node for it

    def tick(self) -> None:
        """Look for rentals that wait for a copy."""
        with self.context.store.look() as connection:
            waiting = connection.execute(_WAITING).all()
        for placement, target, copy, source in waiting:
            if (copy, target) not in self._under_way and target in self.nodes:
                self._under_way.add((copy, target))
                carry = partial(self._carry, placement, target, copy, source)
                self.context.spawn(self._job(carry, target, copy), f"{target}-copy")
        if self.context.config.policy.copies_on == "other":
            self._place()

    def _place(self) -> None:
        """One copy at a time: nobody waits for it."""
        with self.context.store.read() as session:
            kept = [
                one
                for one in copies.to_place(session)
                if self._place_at.get(one.id, NEVER) <= self.context.now()
            ]
            target = self._other_node(session, kept[0]) if kept else None
        if not kept:
            return
        copy = kept[0]
        if target is None or target not in self.nodes or self._under_way:
            self._place_at[copy.id] = self.context.now() + PLACE_AGAIN
            return
        self._under_way.add((copy.id, target))
        place = partial(self._keep_there, copy, target)
        self.context.spawn(self._job(place, target, copy.id), f"{target}-copy")

    def _other_node(self, session: Session, copy: Copy) -> str | None:
        """The node with the most room for copies, of those that are up."""
        rooms = {room.node: room for room in capacity.rooms(session, self.context.config)}
        free = {
            node.name: room_gb(session, self.context.config, node)
            for node in self.context.config.nodes
            if node.name != copy.node and rooms[node.name].up and Kind.SERVER in node.kinds
        }
        best = max(free, key=lambda name: free[name], default=None)
        return best if best is not None and free[best] >= takes_gb(copy) else None

    def _keep_there(self, copy: Copy, target: str) -> None:
        self._place_at[copy.id] = self.context.now() + PLACE_AGAIN  # unless it goes well
        try:
            if not self._is_there(target, copy.id):
                self.images.carry(owner_tag(copy.id), copy.node, target)
        except NodeError as error:
            log.warning("copy %s: can't be kept on %s: %s", copy.id, target, error)
            return
        with self.context.store.write() as session:
            fresh = copies.copy(session, copy.id, lock=True)
            if fresh is not None and fresh.state is CopyState.KEPT and fresh.node == copy.node:
                log.info("copy %s: kept on %s instead of %s", copy.id, target, copy.node)
                fresh.node, fresh.image_id, fresh.placed_at = target, None, self.context.now()

    def _job(self, carry: Callable[[], None], target: str, copy: str) -> Callable[[], None]:
        def run() -> None:
            try:
                with self.context.leases.acquire(f"{CARRY}{copy}:{target}") as ours:
                    if ours:
                        carry()
            except UserError:
                log.info("copy %s: KWS is stopping", copy)
            except Exception:
                log.exception("copy %s: can't be brought to %s", copy, target)
            finally:
                self._under_way.discard((copy, target))

        return run

    def _carry(self, placement: int, target: str, copy: str, source: str) -> None:
        """What a node says no to is kept, so that the rental moves; a node that is not responding is waited for.

        So is kept what can't be brought over this machine: a copy that is too large for it, or for its disk.
        """
        try:
            if not self._is_there(target, copy):
                self.images.carry(owner_tag(copy), source, target)
        except NodeDown as error:
            log.warning("copy %s: %s", copy, error)
            return
        except NodeError as error:
            log.warning("copy %s: %s", copy, error)
            self._note(placement, error)
            return
        except UserError as error:
            if error.code is ErrorCode.IMAGES_STOPPED:
                raise
            log.warning("copy %s can't be brought to %s: %s", copy, target, error)
            self._note(placement, NodeRefused(target, Refusal.FAILED, error.code))
            return
        self._note(placement, None)

    def _is_there(self, target: str, copy: str) -> bool:
        shown = self.nodes[target].shelf.list()
        return any(copy_mark(one) == owner_tag(copy) and usable(one) for one in shown)

    def _note(self, placement_id: int, error: NodeError | None) -> None:
        with self.context.store.write() as session:
            placement = session.get(Placement, placement_id, with_for_update=True)
            if placement is None or placement.state is not PlacementState.ACTIVE:
                return
            now = self.context.now()
            placement.next_check_at = now
            if error is None:
                placement.image_at = now
            else:
                placement.image_refusal = error.reason
        self.context.work.set()
