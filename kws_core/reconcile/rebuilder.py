"""Has the node rebuild a machine that is to be reset, and waits until its owner gets in.

Intent is committed before the node is asked, and the node looks for the number of the rebuild before it makes one:
whatever instant the process dies at, a machine is rebuilt once. A return that comes meanwhile wins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.values import LoginCheck, Machine, MachineAction, MachineState
from kws_core.reconcile.boot_watch import (
    POLL_BUILD,
    POLL_LOGIN,
    POLL_PRINTED,
    SLOWEST,
    BootWatch,
    keep_host_keys,
)
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.reconcile.node_specs import address_of, rebuild_of
from kws_core.rentals import key_rotation, reset
from kws_core.tables.details.events import KeyDropped, ResetDone, ResetFailed
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Status
from kws_core.values import Kind

log = logging.getLogger(__name__)

POLL_KEY = timedelta(seconds=30)  # key_sent wakes it at once; this is only the net below
POLL_COPY = timedelta(seconds=3)
POLL_GONE = timedelta(seconds=2)  # until the earlier container is gone
BUSY = timedelta(seconds=10)
PATIENCE = timedelta(minutes=10)  # how long a "not now" of the node is taken for one
TRIES = 3  # a node that dies while it rebuilds leaves a broken machine, which it can rebuild


class Rebuilder:
    """The reconciler's side of a reset."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows, boots: BootWatch) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows
        self.boots = boots

    def reset(self, job: Job, machine: Machine | None) -> timedelta | None:
        """The next act for a rental that is to be reset; None when there is none to do now."""
        rental, held = job.rental, job.placement
        if rental.reset_at is None:
            return None
        if held.rebuild_at is None:
            return self._begin(job, machine)
        if held.rebuilt_at is None:
            away = machine is None and rental.kind is Kind.SERVER  # somebody deleted it
            return None if away else self._ask(job)
        return self._watch(job, machine)

    # -- until the node has it

    def _begin(self, job: Job, machine: Machine | None) -> timedelta | None:
        if machine is None or job.rental.status is not Status.READY:
            return None
        if not self.rows.apply(job, lambda s, r, p: self.may_begin(s, r, p, machine)):
            return POLL_KEY if job.rental.rekey is not None else POLL_COPY
        return self._ask(job)

    def may_begin(self, session: Session, rental: Rental, held: Placement, machine: Machine) -> bool:
        """Not before the owner has the new key, nor before a copy that was promised is made."""
        if rental.reset_at is None or rental.status is not Status.READY:
            return False
        if rental.rekey is not None and rental.key_sent_at is None:
            return False
        if copies.under_way(session, rental.id):
            return False
        held.rebuild_at, held.rebuilt_at, held.act_at = self.context.now(), None, None
        rental.switched_off = False
        if (
            rental.kind is Kind.CONTAINER
        ):  # KWS forgets it; its node knows it for as long as the container is there
            rental.command, rental.environment = list(machine.command), dict(machine.environment)
        return True

    def _ask(self, job: Job) -> timedelta | None:
        node = self.nodes[job.placement.node]
        try:
            machine_id = node.rebuild(
                rebuild_of(job.rental, self.context.config.web), address_of(job.placement)
            )
        except NodeRefused as error:
            return self._refused(job, error)
        if machine_id is None:
            return POLL_GONE
        self.rows.apply(job, lambda s, r, p: self._accepted(r, p, machine_id))
        return POLL_BUILD

    def _accepted(self, rental: Rental, held: Placement, machine_id: str) -> bool | None:
        if held.rebuild_at is None:
            return False
        held.server_id, held.rebuilt_at, held.missing = machine_id, self.context.now(), 0
        rental.host_keys, rental.host_keys_from = [], None
        return None

    def _refused(self, job: Job, error: NodeRefused) -> timedelta | None:
        since = job.placement.rebuild_at
        if error.reason == Refusal.INVALID and since and self.context.now() - since < PATIENCE:
            return BUSY  # something else is under way there
        log.warning("rental %s: can't reset it: %s", job.rental.id, error)
        self.rows.apply(job, lambda s, r, p: self._fail(r, p, error.reason, lost=r.reset_tries > 0))
        return None

    # -- until its owner gets in

    def _watch(self, job: Job, machine: Machine | None) -> timedelta | None:
        if machine is None or job.rental.status is not Status.READY:
            return None
        if machine.state is MachineState.BROKEN:
            return self._again(job, machine)
        if machine.state is MachineState.STOPPED:
            return self._start(job, machine)
        seen = LoginCheck()
        if machine.state is MachineState.ACTIVE:
            seen = self.boots.check_login(job)
            if self.boots.lets_in(job, seen):
                return self._done(job, machine, seen)
        if self._is_late(job.placement):
            self.rows.apply(job, lambda s, r, p: self._fail(r, p, Refusal.FAILED, lost=True))
            return None
        return POLL_LOGIN if seen.answers else POLL_BUILD

    def _again(self, job: Job, machine: Machine) -> timedelta | None:
        refusal = machine.refusal or Refusal.FAILED
        log.warning("rental %s: broken by its reset: %s", job.rental.id, machine.fault)
        return BUSY if self.rows.apply(job, lambda s, r, p: self._try_again(r, p, refusal)) else None

    def _try_again(self, rental: Rental, held: Placement, refusal: str) -> bool:
        rental.reset_tries += 1
        if rental.reset_tries >= TRIES:
            self._fail(rental, held, refusal, lost=True)
            return False
        rental.reset_number += 1
        held.rebuild_at, held.rebuilt_at = self.context.now(), None
        return True

    def _start(self, job: Job, machine: Machine) -> timedelta | None:
        """A server that was stopped is left so. A container may end by itself: then that is what it does."""
        if job.rental.kind is Kind.CONTAINER:
            return self._done(job, machine, LoginCheck())
        if self._is_late(job.placement):
            self.rows.apply(job, lambda s, r, p: self._fail(r, p, Refusal.FAILED, lost=True))
            return None
        try:
            self.nodes[job.placement.node].act(job.rental.kind, machine.id, MachineAction.START)
        except NodeRefused as error:
            log.info("rental %s: can't start it yet: %s", job.rental.id, error)
        return POLL_LOGIN

    def _is_late(self, held: Placement) -> bool:
        limit = timedelta(seconds=self.context.config.openstack.build_timeout) * SLOWEST
        return held.rebuilt_at is not None and self.context.now() - held.rebuilt_at > limit

    def _done(self, job: Job, machine: Machine, seen: LoginCheck) -> timedelta | None:
        printed = self.boots.printed_keys(job, machine)
        self.rows.apply(job, lambda s, r, p: self._finish(r, p, printed, seen))
        return POLL_PRINTED if seen.host_keys and not printed else None

    def _finish(self, rental: Rental, held: Placement, printed: list[str], seen: LoginCheck) -> bool | None:
        if rental.reset_at is None or rental.status is not Status.READY:
            return False
        rental.reset_at, rental.reset_tries, held.rebuild_at = None, 0, None
        rental.rekey = rental.key_put_at = None
        held.powered_off, held.act_at = False, None
        keep_host_keys(rental, printed, seen)
        rental.record(ResetDone(held.node), self.context.now())
        return None

    def _fail(self, rental: Rental, held: Placement, refusal: str, *, lost: bool) -> bool | None:
        """With its disk ``lost`` it is off, as far as people can use it; otherwise it is as it was before."""
        if rental.reset_at is None:
            return False
        now = self.context.now()
        if lost:
            rental.rekey = rental.key_put_at = None
            held.powered_off = True
        elif rental.rekey is not None:
            key_rotation.drop(rental, KeyDropped(held.node, refusal=refusal), now)
        reset.drop(rental, ResetFailed(held.node, refusal=refusal, lost=lost or None), now)
        return None
