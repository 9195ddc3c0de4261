"""Gives a running server its new key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.values import MachineAction
from kws_core.reconcile.boot_watch import POLL_LOGIN, TAKES, BootWatch
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.rentals.key_rotation import drop
from kws_core.tables.details.events import NOT_TAKEN, KeyDropped, KeyRenewed
from kws_core.tables.rental import Placement, Rental
from kws_core.values import Kind

SETTLES = timedelta(seconds=20)  # Nova's metadata service remembers what it said for 15 s
BUSY = timedelta(seconds=10)
REBOOTED = "rebooted_at"  # in Rental.rekey, beside what held before
PATIENCE = timedelta(minutes=10)  # how long a "not now" of the node is taken for one


class KeyRotator:
    """The reconciler's side."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows, boots: BootWatch) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows
        self.boots = boots

    def renew(self, job: Job) -> timedelta | None:
        """The next act for a server whose owner has a new key; None when there is none to do.

        A crash before the mark is cleared does it again: at most one reboot more.
        """
        rental, machine = job.rental, job.placement.server_id
        if rental.reset_at is not None:  # it takes the key with its new disk
            return None
        if rental.rekey is None or rental.key_sent_at is None or not rental.public_key or not machine:
            return None
        node = self.nodes[job.placement.node]
        try:
            if rental.key_put_at is None:
                node.put_key(machine, rental.public_key)
                self._apply(job, lambda fresh: setattr(fresh, "key_put_at", self.context.now()))
                return SETTLES
            if REBOOTED in rental.rekey:
                return self._look(job, node)
            if (wait := rental.key_put_at + SETTLES - self.context.now()) > timedelta(0):
                return wait
            node.act(Kind.SERVER, machine, MachineAction.REBOOT)
        except NodeRefused as error:
            return self._refused(job, error)
        self._apply(job, self._rebooted)
        return POLL_LOGIN

    def _look(self, job: Job, node: Node) -> timedelta | None:
        """Whether the server takes the new key: that its reboot was accepted says nothing of it."""
        if self.boots.gets_in(job):
            self._apply(job, lambda fresh: self._renewed(fresh, KeyRenewed(node.name, works=True)))
            return None
        since = datetime.fromisoformat((job.rental.rekey or {})[REBOOTED])
        if self.context.now() - since < TAKES:
            return POLL_LOGIN
        dropped = KeyDropped(node.name, refusal=NOT_TAKEN)
        self._apply(job, lambda fresh: drop(fresh, dropped, self.context.now()))
        return None

    def _rebooted(self, rental: Rental) -> None:
        rental.rekey = {**(rental.rekey or {}), REBOOTED: self.context.now().isoformat()}
        rental.switched_off = False

    def _refused(self, job: Job, error: NodeRefused) -> timedelta | None:
        since = job.rental.key_put_at or job.rental.key_sent_at
        if error.reason == Refusal.INVALID and since and self.context.now() - since < PATIENCE:
            return BUSY  # a stop or a reboot of its owner's is under way
        if job.rental.key_put_at is None:
            dropped = KeyDropped(error.node, refusal=error.reason)
            self._apply(job, lambda fresh: drop(fresh, dropped, self.context.now()))
        else:  # its next boot takes the key, no matter who starts it
            renewed = KeyRenewed(error.node, refusal=error.reason)
            self._apply(job, lambda fresh: self._renewed(fresh, renewed))
        return None

    def _renewed(self, rental: Rental, renewed: KeyRenewed) -> None:
        rental.rekey = rental.key_put_at = None
        rental.record(renewed, self.context.now())

    def _apply(self, job: Job, change: Callable[[Rental], object]) -> None:
        """Applies ``change`` to the fresh rental if it still waits for the same key."""
        asked = job.rental.public_key

        def guarded(_: Session, rental: Rental, __: Placement) -> object:
            same = rental.rekey is not None and rental.public_key == asked
            return change(rental) if same else False

        self.rows.apply(job, guarded)
