"""A new key for a server that runs, because the old one is lost (docs/adr/0006-new-key.md).

``ask`` keeps what held before in ``Rental.rekey``, which is the wish itself; then the usual delivery brings
a fresh pair; then, and only when Slack has confirmed it, ``Renewer`` has the server take it. Nothing of this
ends a rental: a wish that can't be granted is dropped, and what held before holds again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from kws_core import store
from kws_core.admission import Who
from kws_core.core import Core, allowed
from kws_core.errors import NodeRefused, UserError
from kws_core.jobs import Job, Rows
from kws_core.model import Access, EventKind, Placement, Rental, Status
from kws_core.nodes import Action, Kind, Node, Refusal

KEPT = ("public_key", "key_fingerprint", "key_file", "key_number")  # and two that JSON can't say by itself
SETTLES = timedelta(seconds=20)  # Nova's metadata service remembers what it said for 15 s
BUSY = timedelta(seconds=10)
PATIENCE = timedelta(minutes=10)  # how long a "not now" of the node is taken for one


def ask(core: Core, who: Who, rental_id: str, *, via: str | None = None) -> bool:
    """Wishes for a new key; False when one is on its way already. UserError when there can't be one."""
    with core.store.write() as session:
        rental = allowed(store.rental(session, rental_id, lock=True), who)
        if rental.kind is Kind.CONTAINER:
            raise UserError("container_key", name=rental.name)
        if rental.access is Access.NONE:  # it was not born with the script that takes keys
            raise UserError("foreign_key", name=rental.name)
        if rental.status is not Status.READY or rental.held is None or rental.held.server_id is None:
            raise UserError("not_ready", name=rental.name)
        if rental.rekey is not None:
            return False
        _wish(rental)
        rental.record(EventKind.KEY_WANTED, core.now(), actor=who.id, via=via)
    core.mail.set()
    return True


def _wish(rental: Rental) -> None:
    sent_at = rental.key_sent_at and rental.key_sent_at.isoformat()
    kept = {name: getattr(rental, name) for name in KEPT}
    rental.rekey = {**kept, "access": rental.access.value, "key_sent_at": sent_at}
    if rental.access is Access.GENERATED:
        rental.key_number += 1
    rental.access = Access.GENERATED
    rental.public_key = rental.key_fingerprint = rental.key_file = rental.key_sent_at = None


def drop(rental: Rental, now: datetime, **why: Any) -> None:
    """The wish comes to nothing: the server has not heard of it, and what held before holds."""
    kept: Mapping[str, Any] = rental.rekey or {}
    for name in KEPT:
        setattr(rental, name, kept[name])
    rental.access = Access(kept["access"])
    rental.key_sent_at = datetime.fromisoformat(kept["key_sent_at"]) if kept["key_sent_at"] else None
    rental.rekey = rental.key_put_at = None
    rental.record(EventKind.KEY_DROPPED, now, **why)


class Renewer:
    """The reconciler's side."""

    def __init__(self, core: Core, nodes: Mapping[str, Node], rows: Rows) -> None:
        self.core = core
        self.nodes = nodes
        self.rows = rows

    def renew(self, job: Job) -> timedelta | None:
        """The next act for a server whose owner has a new key; None when there is none to do.

        A crash before the mark is cleared does it again: at most one reboot more.
        """
        rental, machine = job.rental, job.placement.server_id
        if rental.rekey is None or rental.key_sent_at is None or not rental.public_key or not machine:
            return None
        node = self.nodes[job.placement.node]
        try:
            if rental.key_put_at is None:
                node.put_key(machine, rental.public_key)
                self._apply(job, lambda fresh: setattr(fresh, "key_put_at", self.core.now()))
                return SETTLES
            if (wait := rental.key_put_at + SETTLES - self.core.now()) > timedelta(0):
                return wait
            node.act(Kind.SERVER, machine, Action.REBOOT)
        except NodeRefused as error:
            return self._refused(job, error)
        self._apply(job, lambda fresh: self._renewed(fresh, node.name))
        return None

    def _refused(self, job: Job, error: NodeRefused) -> timedelta | None:
        since = job.rental.key_put_at or job.rental.key_sent_at
        if error.reason == Refusal.INVALID and since and self.core.now() - since < PATIENCE:
            return BUSY  # a stop or a reboot of its owner's is under way
        said = {"node": error.node, "refusal": error.reason}
        if job.rental.key_put_at is None:
            self._apply(job, lambda fresh: drop(fresh, self.core.now(), **said))
        else:  # its next boot takes the key, whoever asks for it
            self._apply(job, lambda fresh: self._renewed(fresh, **said))
        return None

    def _renewed(self, rental: Rental, node: str, refusal: str | None = None) -> None:
        rental.rekey = rental.key_put_at = None
        rental.switched_off = rental.switched_off and refusal is not None
        rental.record(EventKind.KEY_RENEWED, self.core.now(), node=node, refusal=refusal)

    def _apply(self, job: Job, change: Callable[[Rental], object]) -> None:
        """Applies ``change`` to the fresh rental if it still waits for the same key."""
        asked = job.rental.public_key

        def guarded(_: Session, rental: Rental, __: Placement) -> object:
            same = rental.rekey is not None and rental.public_key == asked
            return change(rental) if same else False

        self.rows.apply(job, guarded)
