"""A PC that was off comes back with every machine stopped: what its owner had not stopped is started again.

Nova may do so too (its option resume_guests_state_on_host_boot): one that runs already is only waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.database.alerts import alert_admins
from kws_core.errors import NodeRefused
from kws_core.nodes import Node
from kws_core.nodes.values import Machine, MachineAction, MachineState
from kws_core.reconcile.boot_watch import POLL_LOGIN, TAKES, BootWatch
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.scheduling import work_queue
from kws_core.scheduling.build_slots import max_builds
from kws_core.tables.details.alerts import NodeResumedAlert
from kws_core.tables.details.events import PoweredOff, PoweredOn
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Status

log = logging.getLogger(__name__)

OUTAGE = timedelta(seconds=30)  # no PC starts again in less: a shorter outage lost nothing
POLL_TURN = timedelta(seconds=10)
BEGINS = timedelta(minutes=2)  # a machine that starts takes all that the PC has for so long


class Resumption:
    """The reconciler's side of a node's return."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows, boots: BootWatch) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows
        self.boots = boots

    def resume(self, job: Job, machine: Machine) -> timedelta | None:
        """When to look again at one whose node was away; None when there is nothing to do any longer."""
        if job.placement.resume_at is None:
            return None
        if job.rental.switched_off:  # meanwhile, by its owner
            self.rows.apply(job, lambda s, r, p: self._finish(s, p))
            return None
        if machine.state is MachineState.STOPPED:
            return self._start(job, machine)
        if machine.state is MachineState.ACTIVE:
            return self._wait(job)
        return POLL_LOGIN

    def is_away(self, session: Session, node: str) -> bool:
        """Whether its return is still to be noted, or was it just now: what is seen stopped, it has lost."""
        record = session.get(NodeRecord, node)
        since = record.failing_since if record else None
        return since is not None and self.context.now() - since >= OUTAGE

    def _start(self, job: Job, machine: Machine) -> timedelta | None:
        if self._is_late(job.placement):
            self.rows.apply(job, self._in_vain)
            return None
        if not self.rows.apply(job, self._take_turn):
            return POLL_TURN
        try:
            self.nodes[job.placement.node].act(job.rental.kind, machine.id, MachineAction.START)
        except NodeRefused as error:
            log.info("rental %s: can't start it yet: %s", job.rental.id, error)
        return POLL_LOGIN

    def _take_turn(self, session: Session, rental: Rental, held: Placement) -> bool:
        """Not all at once: as many as the node builds."""
        if rental.status is not Status.READY:
            return False
        now = self.context.now()
        if not held.powered_off:
            held.powered_off = True
            rental.record(PoweredOff(held.node, asked=False, outage=True), now)
        if held.act_at is not None:
            return True
        queries.lock_build_slots(session, held.node)
        if work_queue.resuming(session, held.node, now - BEGINS) < max_builds(self.context.config, held.node):
            held.act_at = now
        return held.act_at is not None

    def _wait(self, job: Job) -> timedelta | None:
        """It runs, started by KWS or by Nova, or it was never off."""
        gets_in = self.boots.gets_in(job)
        if gets_in or self._is_late(job.placement):
            self.rows.apply(job, lambda s, r, p: self._resumed(s, r, p, gets_in=gets_in))
            return None
        if job.placement.act_at is None:
            self.rows.apply(job, lambda s, r, p: setattr(p, "act_at", self.context.now()))
        return POLL_LOGIN

    def _is_late(self, held: Placement) -> bool:
        return held.act_at is not None and self.context.now() - held.act_at > TAKES

    def _resumed(self, session: Session, rental: Rental, held: Placement, *, gets_in: bool) -> None:
        """Nothing is told of one that answered at the first check: it was never off, as far as anybody knows."""
        if not gets_in and self._begins_anew(session, held):
            return
        if held.powered_off or (held.act_at is not None and gets_in):
            started = held.powered_off or None
            rental.record(PoweredOn(held.node, outage=True, started=started), self.context.now())
        held.powered_off = False
        self._finish(session, held)

    def _in_vain(self, session: Session, rental: Rental, held: Placement) -> None:
        if self._begins_anew(session, held):
            return
        held.powered_off = True
        rental.record(PoweredOff(held.node, asked=False, still=True, outage=True), self.context.now())
        self._finish(session, held)

    def _begins_anew(self, session: Session, held: Placement) -> bool:
        """Whether the node was away once more, so that the time until now counts for nothing."""
        if not self.is_away(session, held.node):
            return False
        held.act_at = None
        return True

    def _finish(self, session: Session, held: Placement) -> None:
        """The last one of its node tells the admins of all."""
        queries.lock_build_slots(session, held.node)
        since = held.resume_at
        held.resume_at = held.act_at = None
        session.flush()
        if since is None or work_queue.to_resume(session, held.node):
            return
        answering = _told(session, held.node, Event.of_outage(EventKind.POWERED_ON), since)
        failed = _told(session, held.node, Event.of_outage(EventKind.POWERED_OFF, still=True), since)
        if answering or failed:
            alert = NodeResumedAlert(held.node, answering, failed)
            alert_admins(session, alert, f"{held.node}:{int(since.timestamp())}", self.context.now())


def _told(session: Session, node: str, told: ColumnElement[bool], since: datetime) -> int:
    """How many owners were told so of that node's outage."""
    query = select(func.count()).select_from(Event).join(Placement, Placement.rental_id == Event.rental_id)
    return session.scalar(query.where(Placement.node == node, Event.at >= since, told)) or 0
