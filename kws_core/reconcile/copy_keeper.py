"""Has the nodes make the copies that are wanted, sees that they stay there, and takes away those that are not.

Intent is committed before the node is asked, and the node looks for the copy before it makes one: a kill at any
instant leaves no second copy and none that nobody knows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import lifecycle
from kws_core.copies import queries as copies
from kws_core.copies.lifecycle import EXPIRED, NO_SERVER, SLOW, VANISHED
from kws_core.database import queries
from kws_core.errors import NodeDown, NodeError, NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.image_store import ACTIVE
from kws_core.nodes.offered_images import copy_mark
from kws_core.nodes.values import CopySpec, StoredImage
from kws_core.rentals.lifecycle import end
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import CopyDeleted, CopyKept, Expired
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, PlacementState, Status

log = logging.getLogger(__name__)

COPY = "copy:"  # the lease on a copy's next step, by its id
POLL = timedelta(seconds=1)
RETRY = timedelta(seconds=20)
KEPT_CHECK = timedelta(hours=1)
MOVE_CHECK = timedelta(minutes=1)
MISSING_CHECK = timedelta(minutes=10)  # it has to be missing twice
LONGEST = timedelta(hours=2)  # that a node may take
PATIENCE = timedelta(minutes=10)  # how long a "not now" of the node is taken for one
LINGER = timedelta(minutes=2)  # how long after our time-out a node may still carry out what it was asked


class CopyKeeper:
    """``run`` does one step of every copy of a node that is due."""

    def __init__(self, context: Context, nodes: Mapping[str, Node]) -> None:
        self.context = context
        self.nodes = nodes

    def run(self, name: str) -> None:
        """One step each; a copy that fails stops no other."""
        with self.context.store.read() as session:
            due = copies.due(session, name, self.context.now())
        for copy_id in due:
            with self.context.leases.acquire(f"{COPY}{copy_id}") as ours:
                if ours:
                    self._step(self.nodes[name], copy_id)

    def _step(self, node: Node, copy_id: str) -> None:
        with self.context.store.read() as session:
            copy = copies.copy(session, copy_id)
        if copy is None or not copy.on_disk or copy.next_check_at > self.context.now():
            return
        try:
            if copy.for_move and not copy.rental.moving and copy.state is not CopyState.DELETING:
                self._fail(copy, NO_SERVER)
            else:
                STEPS[copy.state](self, node, copy)
        except NodeDown as error:
            log.warning("copy %s: %s", copy_id, error)
            self._later(copy, RETRY)
        except NodeError as error:
            log.warning("copy %s: %s", copy_id, error)
            self._refused(copy, error)
        except Exception:
            self._later(copy, RETRY)
            raise

    # -- making

    def _begin(self, node: Node, copy: Copy) -> None:
        """Commit that the node is about to be asked, then ask."""
        if (copy.for_move and not _is_off(copy)) or copy.rental.resizing:
            self._later(copy, POLL)
        elif self._apply(copy, self._asking):
            self._make(node, copy)

    def _asking(self, session: Session, copy: Copy) -> None:
        copy.asked_at = self.context.now()
        copy.move_to(CopyState.MAKING, self.context.now())

    def _make(self, node: Node, copy: Copy) -> None:
        """The node is asked, again after a crash, and watched until it has all of it."""
        if copy.image_id is None:
            self._ask(node, copy)
            return
        try:
            image = node.shelf.look(copy.image_id)
        except NodeRefused as error:
            if error.reason != Refusal.MISSING:
                raise
            self._fail(copy, VANISHED, error.detail)
            return
        if image.status == ACTIVE:
            self._apply(copy, lambda session, fresh: self._kept(session, fresh, image))
        elif copy.asked_at and self.context.now() - copy.asked_at > LONGEST:
            self._fail(copy, SLOW, f"its image is {image.status!r}")
        else:
            self._later(copy, POLL)

    def _ask(self, node: Node, copy: Copy) -> None:
        server = _server_of(copy)
        if server is None:
            self._fail(copy, NO_SERVER)
            return
        spec = CopySpec(copy.mark, copy.rental.login, copy.rental.disk_gb, copy.owner)
        image_id = node.shelf.ensure_copy(server, spec)

        def asked(_: Session, fresh: Copy) -> None:
            fresh.image_id, fresh.next_check_at = image_id, self.context.now() + POLL

        self._apply(copy, asked)

    def _kept(self, session: Session, copy: Copy, image: StoredImage) -> None:
        now = self.context.now()
        copy.size_bytes, copy.kept_at = image.size_bytes, now
        copy.move_to(CopyState.KEPT, now)
        copy.next_check_at = now + (MOVE_CHECK if copy.for_move else KEPT_CHECK)
        if copy.for_move:
            return
        rental = _rental_of(session, copy)
        rental.record(CopyKept(copy.id, copy.node, copy.keep_until, image.size_bytes), now)
        if copy.at_end and self._has_ended(rental):  # it was not extended or restored meanwhile
            rental.copy_at_end = False
            end(rental, Expired(), now)

    def _has_ended(self, rental: Rental) -> bool:
        now, ends = self.context.now(), self.context.expiry
        if rental.status is Status.STOPPED:
            return ends.grace_over(rental) <= now
        return rental.status is Status.READY and ends.overdue(rental, now) and not ends.stops_first

    def _refused(self, copy: Copy, error: NodeError) -> None:
        """A server that is being rebooted or stopped can't be copied right now."""
        since = copy.asked_at or copy.requested_at
        if copy.state not in (CopyState.WANTED, CopyState.MAKING) or (
            error.reason == Refusal.INVALID and self.context.now() - since < PATIENCE
        ):
            self._later(copy, RETRY)
        else:
            self._fail(copy, error.reason, error.detail)

    def _fail(self, copy: Copy, why: str, detail: str = "") -> None:
        self._apply(copy, lambda session, fresh: self._failed(session, fresh, why, detail))

    def _failed(self, session: Session, copy: Copy, why: str, detail: str) -> None:
        rental = copy.rental if copy.for_move else _rental_of(session, copy)  # a move locks its rentals first
        nights = 1 + len(copies.failed_at_end(session, rental.id, self.context.expiry.over_at(rental)))
        lifecycle.fail(session, copy, rental, why, detail, self.context.now(), nights)

    # -- keeping

    def _check(self, node: Node, copy: Copy) -> None:
        """Whether it is still there; it has to be missing twice."""
        self._apply(copy, self._seen if _images_of(node, copy) else self._missed)

    def _seen(self, _: Session, copy: Copy) -> None:
        copy.missing = 0
        copy.next_check_at = self.context.now() + (MOVE_CHECK if copy.for_move else KEPT_CHECK)

    def _missed(self, _: Session, copy: Copy) -> None:
        copy.missing += 1
        copy.next_check_at = self.context.now() + MISSING_CHECK
        if copy.missing > 1:
            copy.failure = VANISHED
            copy.move_to(CopyState.DELETING, self.context.now())

    # -- deleting

    def _delete(self, node: Node, copy: Copy) -> None:
        """Gone is believed only when the node shows nothing; what was asked for and never answered may still appear."""
        for image in _images_of(node, copy):
            node.shelf.delete(image.id)
        if _images_of(node, copy) or self._may_appear(copy):
            self._later(copy, RETRY)
        else:
            self._apply(copy, self._gone)

    def _may_appear(self, copy: Copy) -> bool:
        asked_at = copy.asked_at if copy.image_id is None else None  # never answered
        return asked_at is not None and self.context.now() - asked_at < LINGER

    def _gone(self, session: Session, copy: Copy) -> None:
        now = self.context.now()
        copy.gone_at = now
        copy.move_to(CopyState.GONE, now)
        told = copy.for_move or copy.failure == lifecycle.DELETED  # by the move, or as it was asked for
        if copy.kept_at and not told:
            _rental_of(session, copy).record(CopyDeleted(copy.id, copy.node, copy.failure or EXPIRED), now)

    # -- shared

    def _later(self, copy: Copy, wait: timedelta) -> None:
        self._apply(copy, lambda _, fresh: setattr(fresh, "next_check_at", self.context.now() + wait))

    def _apply(self, copy: Copy, change: Callable[[Session, Copy], object]) -> bool:
        """Apply ``change`` to the fresh row, unless its state is another one by now; whether it did."""
        with self.context.store.write() as session:
            self.context.leases.check(session, f"{COPY}{copy.id}")
            fresh = copies.copy(session, copy.id, lock=True)
            if fresh is None or fresh.state is not copy.state:
                return False
            change(session, fresh)
            session.flush()
            copy.state, copy.image_id, copy.asked_at = fresh.state, fresh.image_id, fresh.asked_at
        self.context.mail.set()
        self.context.work.set()
        return True


STEPS: Mapping[CopyState, Callable[[CopyKeeper, Node, Copy], None]] = {
    CopyState.WANTED: CopyKeeper._begin,
    CopyState.MAKING: CopyKeeper._make,
    CopyState.KEPT: CopyKeeper._check,
    CopyState.DELETING: CopyKeeper._delete,
}


def _rental_of(session: Session, copy: Copy) -> Rental:
    """The rental that it is of, locked: its history is about to get a line."""
    rental = queries.rental(session, copy.rental_id, lock=True)
    assert rental  # the row is never deleted
    return rental


def _server_of(copy: Copy) -> str | None:
    """The server to copy, as long as nothing of it is being deleted on the node."""
    here = (
        p for p in copy.rental.placements if p.node == copy.node and p.state is not PlacementState.DELETED
    )
    return next((p.server_id for p in here if p.server_id), None)


def _is_off(copy: Copy) -> bool:
    held = copy.rental.placement
    return held is not None and held.powered_off


def _images_of(node: Node, copy: Copy) -> list[StoredImage]:
    return [image for image in node.shelf.list() if copy_mark(image) == copy.mark]
