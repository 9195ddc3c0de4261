"""Moves a server: it is stopped and copied, its successor is built and watched like any other, then it goes.

What becomes of a move is decided in one place, the step of the server that is moved, and in one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.database import queries
from kws_core.errors import NodeRefused
from kws_core.moves import lifecycle
from kws_core.nodes import Node
from kws_core.nodes.values import Machine, MachineAction, MachineState
from kws_core.reconcile.boot_watch import TAKES
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import CopyState, PlacementState, Reason, Status

log = logging.getLogger(__name__)

AT_ONCE = timedelta(0)
POLL_MOVE = timedelta(seconds=1)
LONGEST = timedelta(hours=6)  # copy, travel and build; an old PC and a large disk need hours


class Relocator:
    """The reconciler's side of a move."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows

    def cancel(self, job: Job) -> bool:
        """End a successor when the rental that it replaces has ended, or stays; whether it did."""
        if job.rental.replaces is None:
            return False
        with self.context.store.read() as session:
            first = queries.rental(session, job.rental.replaces)
        if first is not None and first.moving and first.replaced_by == job.rental.id:
            return False
        return self.rows.apply(
            job, lambda s, r, p: lifecycle.cancel(r, self.context.now()) if r.replaces else False
        )

    def decide(self, job: Job) -> bool:
        """End the move of this one when it has come to its end, well or not; whether it did. Asks no node."""
        with self.context.store.read() as session:
            successor = queries.rental(session, job.rental.replaced_by or "")
            copy = copies.copy(session, successor.copy_id or "") if successor else None
        if successor is not None and successor.status is Status.READY and job.rental.status is Status.READY:
            return self.rows.apply(job, lambda s, r, p: lifecycle.finish(s, r, self.context.now()))
        why = self._failure(job.rental, successor, copy)
        if why is None:
            return False
        log.info("rental %s: its move failed (%s)", job.rental.id, why)
        return self.rows.apply(job, lambda s, r, p: lifecycle.give_up(s, r, why, self.context.now()))

    def stop(self, job: Job, machine: Machine) -> timedelta:
        """Have it stopped, cleanly, and keep it so: nothing is written after the copy."""
        off = machine.state is MachineState.STOPPED
        if job.placement.powered_off is not off or (job.placement.act_at is None) is not off:
            self.rows.apply(job, lambda s, r, p: self._note(p, off))
        if self.context.now() - (job.placement.act_at or self.context.now()) > TAKES:
            log.info("rental %s: can't move it: it can't be stopped", job.rental.id)
            self.rows.apply(job, lambda s, r, p: lifecycle.give_up(s, r, lifecycle.SLOW, self.context.now()))
            return AT_ONCE
        if machine.state is MachineState.ACTIVE:
            try:
                self.nodes[job.placement.node].act(job.rental.kind, machine.id, MachineAction.STOP)
            except NodeRefused as error:
                log.info("rental %s: can't stop it yet: %s", job.rental.id, error)
        return POLL_MOVE

    def outlives(self, job: Job) -> bool:
        """Whether its disk is in a copy already: the move goes on without the server."""
        if not job.rental.moving:
            return False
        with self.context.store.read() as session:
            successor = queries.rental(session, job.rental.replaced_by or "")
            copy = copies.copy(session, successor.copy_id or "") if successor else None
        return copy is not None and copy.state is CopyState.KEPT

    def _note(self, held: Placement, off: bool) -> None:
        held.powered_off, held.act_at = off, None if off else held.act_at or self.context.now()

    def _failure(self, rental: Rental, successor: Rental | None, copy: Copy | None) -> str | None:
        if rental.status is Status.STOPPED:
            return lifecycle.ENDED
        if successor is None or not successor.live:
            return _refusal(successor) or (successor and successor.reason) or Reason.NO_NODE
        if copy is None or copy.state in (CopyState.DELETING, CopyState.GONE):
            return (copy and copy.failure) or lifecycle.SLOW
        return lifecycle.SLOW if self.context.now() - successor.created_at > LONGEST else None


def left_by(session: Session, rental: Rental) -> frozenset[str]:
    """The node from which it is moved, and on which it is not to be created again; none if its size changes."""
    first = queries.rental(session, rental.replaces) if rental.replaces else None
    if first is None or first.placement is None or first.wanted_size != rental.wanted_size:
        return frozenset()
    return frozenset({first.placement.node})


def _refusal(successor: Rental | None) -> str | None:
    """What the last node said that did not take it."""
    said = (
        [p.refusal for p in successor.placements if p.state is not PlacementState.ACTIVE] if successor else []
    )
    return next((one for one in reversed(said) if one), None)
