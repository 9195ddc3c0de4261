"""Has the node give a server another size where it is, waits until its owner gets in, and has that confirmed.

Intent is committed before the node is asked, and the node looks before it does anything: whatever instant the process
dies at, nothing is done twice. How it ends is a row before it is asked for, so that what was confirmed is never
reverted. A return that comes meanwhile wins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.errors import NodeError, NodeRefused, Refusal
from kws_core.moves import in_place
from kws_core.nodes import Node
from kws_core.nodes.values import LoginCheck, Machine, MachineState, Resize, ResizeState
from kws_core.reconcile.boot_watch import POLL_BUILD, POLL_LOGIN, SLOWEST, BootWatch
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.tables.rental import Placement, Rental
from kws_core.values import Kind, ResizeEnd

log = logging.getLogger(__name__)

AT_ONCE = timedelta(0)
BUSY = timedelta(seconds=10)
POLL_END = timedelta(seconds=3)  # Nova doesn't show that it is confirming
PATIENCE = timedelta(minutes=1)  # how long a "not now" of the node is taken for one


class Resizer:
    """The reconciler's side of a change of size that needs no copy."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows, boots: BootWatch) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows
        self.boots = boots

    def resize(self, job: Job, machine: Machine) -> timedelta | None:
        """The next act for a server that is to get another size; None when there is none to do now."""
        held = job.placement
        if held.resize_at is None or machine.state is MachineState.DELETING:
            return None
        if machine.state is MachineState.BROKEN:
            return self._broken(job, machine)
        if held.resize_taken_at is None:
            return self._ask(job, machine)
        if machine.resize is ResizeState.UNDER_WAY:
            return POLL_BUILD
        if machine.resize is None:
            return self._settled(job, machine)
        if held.resize_end is not None:
            return self._end(job, machine, held.resize_end)
        return self._watch(job, machine)

    # -- until the node has it

    def _ask(self, job: Job, machine: Machine) -> timedelta | None:
        size = job.placement.new_size
        assert size
        off = machine.state is MachineState.STOPPED
        try:
            self.nodes[job.placement.node].act(Kind.SERVER, machine.id, Resize(size))
        except NodeRefused as error:
            return self._refused(job, error)
        self.rows.apply(job, lambda s, r, p: self._taken(p, off))
        return POLL_BUILD

    def _taken(self, held: Placement, off: bool) -> bool | None:
        if held.resize_at is None:
            return False
        held.resize_taken_at = self.context.now()
        held.powered_off, held.act_at = held.powered_off or off, None
        return None

    def _refused(self, job: Job, error: NodeRefused) -> timedelta | None:
        since = job.placement.resize_at
        if error.reason == Refusal.INVALID and since and self.context.now() - since < PATIENCE:
            return BUSY  # something else is under way there
        log.warning("rental %s: can't change its size in place: %s", job.rental.id, error)
        return self._fall_back(job, error.reason)

    def _fall_back(self, job: Job, why: str) -> timedelta | None:
        config = self.context.config
        self.rows.apply(
            job,
            lambda s, r, p: (
                in_place.fall_back(s, config, r, why, self.context.now()) if p.resize_at else False
            ),
            capacity=True,
        )
        return AT_ONCE

    # -- until its owner gets in

    def _watch(self, job: Job, machine: Machine) -> timedelta | None:
        """It has the new size, and waits for what is decided; one that is stopped is not waited for."""
        held, seen = job.placement, LoginCheck()
        if held.resized_at is None:
            self.rows.apply(job, lambda s, r, p: setattr(p, "resized_at", self.context.now()))
        off = held.powered_off and held.act_at is None
        if not off:
            seen = self.boots.check_login(job)
        if off or self.boots.lets_in(job, seen):
            return self._decide(job, machine, ResizeEnd.CONFIRM)
        if self._is_late(job.placement):
            log.warning("rental %s: nobody gets in with its new size", job.rental.id)
            return self._decide(job, machine, ResizeEnd.REVERT)
        return POLL_LOGIN if seen.answers else POLL_BUILD

    def _is_late(self, held: Placement) -> bool:
        limit = timedelta(seconds=self.context.config.openstack.build_timeout) * SLOWEST
        return held.resized_at is not None and self.context.now() - held.resized_at > limit

    def _decide(self, job: Job, machine: Machine, end: ResizeEnd) -> timedelta | None:
        """Once, and before the node hears of it."""
        decided = self.rows.apply(job, lambda s, r, p: self._decided(p, end))
        return self._end(job, machine, end) if decided else AT_ONCE

    def _decided(self, held: Placement, end: ResizeEnd) -> bool:
        if held.resize_at is None or held.resize_end not in (None, end):
            return False
        held.resize_end = end
        return True

    def _end(self, job: Job, machine: Machine, end: ResizeEnd) -> timedelta:
        try:
            self.nodes[job.placement.node].act(Kind.SERVER, machine.id, end)
        except NodeRefused as error:
            log.warning("rental %s: can't %s its new size yet: %s", job.rental.id, end, error)
            return BUSY
        return POLL_END

    # -- when its size is settled, by KWS or by somebody else

    def _settled(self, job: Job, machine: Machine) -> timedelta | None:
        size, end = job.placement.new_size, job.placement.resize_end
        if machine.size is not None and size and replace(machine.size, name=size.name) == size:
            runs = end is ResizeEnd.CONFIRM and not job.placement.powered_off
            self.rows.apply(job, lambda s, r, p: self._finish(r, p, runs=runs))
            self._tidy(job)
        elif job.placement.resized_at is None:  # it never had it: the node took the wish, and can't
            log.warning("rental %s: %s can't change its size in place", job.rental.id, job.placement.node)
            return self._fall_back(job, Refusal.NO_HOST)
        else:
            why = in_place.NO_LOGIN if end is ResizeEnd.REVERT else in_place.UNDONE
            self.rows.apply(job, lambda s, r, p: self._give_up(r, p, why))
            self._tidy(job)
        return AT_ONCE

    def _finish(self, rental: Rental, held: Placement, *, runs: bool) -> bool | None:
        if held.resize_at is None:
            return False
        in_place.finish(rental, self.context.now(), runs=runs)
        return None

    def _give_up(self, rental: Rental, held: Placement, why: str) -> bool | None:
        if held.resize_at is None:
            return False
        in_place.give_up(rental, why, self.context.now())
        return None

    def _tidy(self, job: Job) -> None:
        """The flavor that it had goes with its last server; if the node doesn't answer, with the next sweep."""
        try:
            self.nodes[job.placement.node].tidy()
        except NodeError as error:
            log.info("node %s: can't delete unused flavors yet: %s", job.placement.node, error)

    def _broken(self, job: Job, machine: Machine) -> timedelta | None:
        refusal = machine.refusal or Refusal.FAILED
        log.warning("rental %s: broken by the change of its size: %s", job.rental.id, machine.fault)

        def change(session: Session, rental: Rental, held: Placement) -> bool | None:
            if held.resize_at is None:
                return False
            in_place.break_off(session, rental, machine.size, refusal, self.context.now())
            return None

        self.rows.apply(job, change)
        return None
