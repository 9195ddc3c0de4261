"""Whether the machine of a ready rental runs, as its node shows it, no matter who started or stopped it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.nodes.values import Machine, MachineState
from kws_core.reconcile.boot_watch import POLL_LOGIN, TAKES, BootWatch
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.reconcile.resumption import Resumption
from kws_core.tables.details.events import PoweredOff, PoweredOn
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Status

POLL_STOP = timedelta(seconds=2)  # until what was asked for is seen


class PowerWatch:
    """The reconciler's side of starts and stops."""

    def __init__(self, context: Context, rows: Rows, boots: BootWatch, resumption: Resumption) -> None:
        self.context = context
        self.rows = rows
        self.boots = boots
        self.resumption = resumption

    def watch(self, job: Job, machine: Machine) -> timedelta | None:
        """When to look again; None when everything is as it was asked for."""
        held = job.placement
        if held.resume_at is not None:
            return self.resumption.resume(job, machine)
        if machine.state is MachineState.STOPPED:
            if not held.powered_off:
                self.rows.apply(job, self._off)
                return self.resumption.resume(job, machine)
            if held.act_at is not None and not job.rental.switched_off:
                return self._not_yet(job, POLL_LOGIN, off=True)
            if held.act_at is not None:
                self.rows.apply(job, _seen)
        elif machine.state is MachineState.ACTIVE:
            if held.act_at is not None and job.rental.switched_off:
                return self._not_yet(job, POLL_STOP, off=False)
            if held.powered_off:
                return self._starting(job)
            if held.act_at is not None:
                self.rows.apply(job, _seen)
        return None

    def note(self, job: Job, machine: Machine) -> None:
        """Of one in its grace period nothing is told."""
        off = machine.state is MachineState.STOPPED
        if job.placement.powered_off != off:
            self.rows.apply(job, lambda s, r, p: setattr(p, "powered_off", off))

    def _starting(self, job: Job) -> timedelta | None:
        """It is said to run when its owner gets in."""
        since = job.placement.act_at or self.context.now()
        if job.placement.act_at is None and not self.rows.apply(job, self._begin):
            return None
        if not self.boots.gets_in(job) and self.context.now() - since < TAKES:
            return POLL_LOGIN
        self.rows.apply(job, self._on)
        return None

    def _not_yet(self, job: Job, wait: timedelta, *, off: bool) -> timedelta | None:
        since = job.placement.act_at or self.context.now()
        if self.context.now() - since < TAKES:
            return wait
        self.rows.apply(job, lambda s, r, p: self._in_vain(r, p, off))
        return None

    def _begin(self, session: Session, rental: Rental, held: Placement) -> None:
        """Somebody started it on its node, or Nova did."""
        held.act_at, rental.switched_off = self.context.now(), False

    def _off(self, session: Session, rental: Rental, held: Placement) -> bool | None:
        if rental.status is not Status.READY:
            return False
        if rental.switched_off:
            held.act_at = None
        elif self.resumption.is_away(session, held.node):
            held.resume_at = self.context.now()
            return None
        held.powered_off = True
        rental.record(PoweredOff(held.node, asked=rental.switched_off), self.context.now())
        return None

    def _on(self, session: Session, rental: Rental, held: Placement) -> bool | None:
        if rental.status is not Status.READY:
            return False
        held.powered_off, held.act_at, rental.switched_off = False, None, False
        rental.record(PoweredOn(held.node), self.context.now())
        return None

    def _in_vain(self, rental: Rental, held: Placement, off: bool) -> None:
        """What was asked for has not come: people are told what is so."""
        held.act_at, held.powered_off, rental.switched_off = None, off, False
        still = PoweredOff(held.node, asked=False, still=True) if off else PoweredOn(held.node, still=True)
        rental.record(still, self.context.now())


def _seen(session: Session, rental: Rental, held: Placement) -> None:
    held.act_at = None
