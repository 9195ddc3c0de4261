"""One step of one placement: what to ask of its node now, and what the answer means for the rental.

Whatever instant the process dies at, the rows say what may exist on which node: intent is committed
before the node is called, and every create call on a node looks first. A change is applied only if the
placement is still what it was when it was loaded, so a return that came meanwhile wins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.copies import queries as copies
from kws_core.database import queries
from kws_core.errors import NodeDown, NodeError, NodeRefused
from kws_core.nodes import Node
from kws_core.nodes.values import (
    Address,
    ContainerSpec,
    LetIn,
    Machine,
    MachineAction,
    MachineState,
    ServerSpec,
)
from kws_core.reconcile.boot_watch import NEVER, POLL_BUILD, POLL_READY, BootWatch
from kws_core.reconcile.cleanup import RETRY_MOST, ResourceCleaner
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.reconcile.key_rotation import KeyRotator
from kws_core.reconcile.node_specs import address_of, proxies_of, spec_of
from kws_core.reconcile.power_watch import PowerWatch
from kws_core.reconcile.rebuilder import Rebuilder
from kws_core.reconcile.relocation import Relocator, left_by
from kws_core.reconcile.resizer import Resizer
from kws_core.reconcile.resumption import Resumption
from kws_core.rentals.lifecycle import end, place
from kws_core.scheduling import build_slots, work_queue
from kws_core.scheduling.placement import PlacementRequest
from kws_core.scheduling.waiting_list import WaitingList, may_wait_again
from kws_core.tables.details.events import (
    BuildStarted,
    Failed,
    Moved,
    Placed,
    Vanished,
    WaitingForNode,
)
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Reason, Status
from kws_core.values import Kind

log = logging.getLogger(__name__)

AT_ONCE = timedelta(0)
JUST_NOW = timedelta(seconds=2)
POLL_NEW = timedelta(milliseconds=500)
POLL_TURN = timedelta(seconds=20)  # a released slot wakes the next one; this is only the fallback
POLL_KEY = timedelta(seconds=30)  # key_sent wakes it at once; this is only the net below
KEY_DEADLINE = timedelta(hours=24)  # Slack may be away for hours; capacity is not held for ever
POLL_START = timedelta(seconds=5)
LET_IN_AGAIN = timedelta(minutes=5)
POLL_STOPPED = timedelta(minutes=1)
START_TRIES = timedelta(minutes=10)  # after a restore or a move that failed; then it is its owner's to start
POLL_COPY = timedelta(seconds=3)
POLL_MISSING = timedelta(seconds=10)
GIVE_UP_NODE = timedelta(seconds=45)  # a node unresponsive for so long in the middle of a build is left


def waits_for_list(job: Job) -> bool:
    """Whether the next step needs the node's list of machines."""
    placement = job.placement
    return placement.server_id is not None and (
        placement.state is PlacementState.ACTIVE or placement.tries > 0
    )


def is_new_server(job: Job) -> bool:
    """Whether all that is of interest is how far a server is that was asked for lately."""
    return job.building and job.rental.kind is Kind.SERVER


class Steps:
    """The acts. Every one returns how long to wait before the next check, in seconds."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], who: str) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = Rows(context, who)
        self.releaser = ResourceCleaner(context, nodes, self.rows)
        self.boots = BootWatch(context, nodes, self.rows)
        self.renewer = KeyRotator(context, nodes, self.rows, self.boots)
        self.rebuilder = Rebuilder(context, nodes, self.rows, self.boots)
        self.resizer = Resizer(context, nodes, self.rows, self.boots)
        resumption = Resumption(context, nodes, self.rows, self.boots)
        self.power = PowerWatch(context, self.rows, self.boots, resumption)
        self.moves = Relocator(context, nodes, self.rows)
        self._let_in_at: dict[int, datetime] = {}  # by placement, when a node that refused is asked again
        self._heard: dict[str, datetime] = {}  # when each node last said that it is there

    def step(self, job: Job, machines: dict[str, Machine] | NodeError) -> timedelta:
        """Do the next act for this placement.

        Raises:
            NodeError: If the node didn't do it; see ``failed``.
        """
        if job.placement.state is PlacementState.DELETING:
            return POLL_COPY if self._is_being_copied(job) else self.releaser.release(job, machines)
        if self.moves.cancel(job) or (job.rental.moving and self.moves.decide(job)):
            return AT_ONCE
        if job.rental.status is Status.REQUESTED and not self.rows.apply(job, self._begin):
            return AT_ONCE
        if job.placement.floating_ip is None:
            self._ping_once(self._node(job))  # a dead node costs seconds here, not a long read timeout
            self._ensure_address(job, lambda port_id: self._build_on(job, port_id))
            if job.placement.server_id is not None:
                return POLL_NEW
        if not job.rental.key_settled:
            return self._look_for_key(job)
        if job.placement.server_id is None:
            return self._build(job, address_of(job.placement)) if self._has_image(job) else POLL_COPY
        if isinstance(machines, NodeError):
            raise machines
        if job.placement.down_since is not None:
            self.rows.apply(job, lambda s, r, p: setattr(p, "down_since", None))
        machine = machines.get(job.rental.mark)
        if job.rental.status is Status.BUILDING:
            building = sum(one.state is MachineState.BUILDING for one in machines.values())
            return self.boots.watch(job, machine, alone=building == 1)
        return self._watch_lent(job, machine)

    def _is_being_copied(self, job: Job) -> bool:
        """A copy that was promised is made before its server is deleted; who ends has no new one."""
        if job.placement.server_id is None or job.placement.remains:
            return False
        with self.context.store.read() as session:
            return copies.under_way(session, job.rental.id)

    # -- building

    def _ensure_address(self, job: Job, with_port: Callable[[str], None] | None = None) -> None:
        """The network place, with the proxy let in where the rental has a web address."""
        web = self.context.config.web
        address = self._node(job).ensure_address(spec_of(job.rental, web), with_port)
        let_in = _noted(proxies_of(job.rental, web))
        self.rows.apply(job, lambda s, r, p: _keep_address(p, address, let_in))

    def _ping_once(self, node: Node) -> None:
        """Ask whether the node is there, once for all that begin at the same time."""
        if not timedelta(0) <= self.context.now() - self._heard.get(node.name, NEVER) < JUST_NOW:
            node.ping()
            self._heard[node.name] = self.context.now()

    def _begin(self, session: Session, rental: Rental, placement: Placement) -> None:
        rental.move_to(Status.BUILDING, self.context.now(), event=Placed(placement.node))
        self._tell_line(session, placement, new=rental.id)

    def _look_for_key(self, job: Job) -> timedelta:
        """The key may have been sent while the address was made."""
        self.rows.apply(job, lambda s, r, p: None)
        if job.rental.key_settled:
            return AT_ONCE
        placed_at = job.rental.placements[0].held_at  # what was waited for room before doesn't count
        if self.context.now() - placed_at > KEY_DEADLINE:
            self.rows.apply(job, lambda s, r, p: self._fail(r, Failed(Reason.NO_KEY, p.node)))
        return POLL_KEY

    def _has_image(self, job: Job) -> bool:
        """Whether the node can build it: the copy that it is made from may still be on its way (images/carrier.py).

        Raises:
            NodeRefused: If the node doesn't get the copy.
        """
        if job.rental.copy_id is None or job.placement.image_at is not None:
            return True
        if job.placement.image_refusal is not None:
            raise NodeRefused(job.placement.node, job.placement.image_refusal, "it doesn't get the copy")
        return False

    def _build_on(self, job: Job, port_id: str) -> None:
        """Ask for the server while its address is still made: it needs only the port. Otherwise it comes later."""
        noted = self.rows.apply(job, lambda s, r, p: setattr(p, "port_id", port_id))
        wanted = noted and job.rental.kind is Kind.SERVER and job.rental.key_settled
        if wanted and job.placement.server_id is None and self._has_image(job):
            self._build(job, address_of(job.placement))

    def _build(self, job: Job, address: Address) -> timedelta:
        """Ask for the server when it is its turn: a node builds ``max_builds`` at a time."""
        if not self._may_have_slot(job) or not self.rows.apply(job, self._take_slot):
            return POLL_TURN
        server_id = _ensure_machine(self._node(job), spec_of(job.rental, self.context.config.web), address)
        self.rows.apply(job, lambda s, r, p: setattr(p, "server_id", server_id))
        return POLL_NEW

    def _may_have_slot(self, job: Job) -> bool:
        """Checked before anything is locked: while a line waits, this is asked again and again."""
        if job.placement.server_at is not None:
            return True
        with self.context.store.read() as session:
            return build_slots.free_slots(session, self.context.config, job.placement.node) > 0

    def _take_slot(self, session: Session, rental: Rental, placement: Placement) -> bool:
        if placement.server_at is not None:
            return True
        queries.lock_build_slots(session, placement.node)
        now = self.context.now()
        if not build_slots.may_start(session, self.context.config, rental, placement.node, now):
            return False
        placement.server_at = now
        rental.record(BuildStarted(placement.node), now)
        self._tell_line(session, placement)
        return True

    def _tell_line(self, session: Session, placement: Placement, new: str | None = None) -> None:
        session.flush()
        build_slots.tell(session, self.context.config, placement.node, self.context.now(), new)

    def _fail(self, rental: Rental, failed: Failed) -> None:
        end(rental, failed, self.context.now())

    # -- lent

    def _watch_lent(self, job: Job, machine: Machine | None) -> timedelta:
        """Ready or past its end: it runs or not, as it should; if it was deleted behind our back, it has ended."""
        if (wait := self.rebuilder.reset(job, machine)) is not None:
            return wait
        if machine is None:
            return self._watch_missing(job)
        if job.placement.missing or job.placement.tries:
            self.rows.apply(job, _seen)
        if (wait := self.resizer.resize(job, machine)) is not None:
            return wait
        if job.rental.moving:
            return self.moves.stop(job, machine)
        if job.rental.status is Status.STOPPED:
            return self._keep_off(job, machine)
        if job.rental.to_start:
            return self._start(job, machine)
        if job.rental.status is not Status.READY:
            return POLL_READY
        if (wait := self.renewer.renew(job)) is not None:
            return wait
        self._let_proxy_in(job)
        return self.power.watch(job, machine) or self.boots.look_for_host_keys(job, machine) or POLL_READY

    def _let_proxy_in(self, job: Job) -> None:
        """A web address that was asked for later, or at another port, is no use while its group lets nobody in.

        A node that refuses (its quota of rules, for example) is asked again after a while; all else goes on.
        """
        now, placement = self.context.now(), job.placement
        wanted = _noted(proxies_of(job.rental, self.context.config.web))
        if not wanted or wanted == placement.let_in or now < self._let_in_at.get(placement.id, now):
            return
        try:
            self._ensure_address(job)
        except NodeRefused as error:
            log.warning("rental %s: can't let the proxy in: %s", job.rental.id, error)
            self._let_in_at[placement.id] = now + LET_IN_AGAIN

    def _keep_off(self, job: Job, machine: Machine) -> timedelta:
        self.power.note(job, machine)
        if machine.state is MachineState.ACTIVE:
            self._switch(job, machine, MachineAction.STOP)
            return POLL_STOPPED
        return POLL_READY

    def _start(self, job: Job, machine: Machine) -> timedelta:
        """A node that is still busy with stopping it says no for a while."""
        late = self.context.now() - (job.placement.act_at or NEVER) > START_TRIES
        if machine.state is not MachineState.ACTIVE and not late:
            self._switch(job, machine, MachineAction.START)
            return POLL_START
        self.rows.apply(job, lambda s, r, p: setattr(r, "to_start", False))
        return AT_ONCE

    def _switch(self, job: Job, machine: Machine, action: MachineAction) -> None:
        """A machine that can't be stopped runs on until its grace period has ended; that harms nobody."""
        try:
            self._node(job).act(job.rental.kind, machine.id, action)
        except NodeRefused as error:
            log.info("rental %s: can't %s it yet: %s", job.rental.id, action, error)

    def _watch_missing(self, job: Job) -> timedelta:
        """It has to be missing twice; one that is being moved, and was copied, is not missed."""
        if self.moves.outlives(job):
            return POLL_MISSING
        if job.placement.missing < 1:
            self.rows.apply(job, lambda s, r, p: setattr(p, "missing", 1))
            return POLL_MISSING
        self.rows.apply(job, lambda s, r, p: self._vanished(r, p))
        return AT_ONCE

    def _vanished(self, rental: Rental, placement: Placement) -> None:
        end(rental, Vanished(node=placement.node), self.context.now())

    # -- failing and moving on

    def failed(self, job: Job, error: NodeError) -> timedelta:
        """What a node's refusal, or no answer, means for this placement."""
        if not job.building:
            self.rows.apply(job, lambda s, r, p: _failed_look(p))
            return min(RETRY_MOST, timedelta(seconds=2 ** min(job.placement.tries, 6)))
        wait = AT_ONCE

        def change(session: Session, rental: Rental, held: Placement) -> None:
            nonlocal wait
            wait = self._after_failure(session, rental, held, error)

        self.rows.apply(job, change, capacity=True)
        return wait

    def _after_failure(
        self, session: Session, rental: Rental, held: Placement, error: NodeError
    ) -> timedelta:
        now = self.context.now()
        held.down_since = held.down_since or now
        patient = isinstance(error, NodeDown) and held.server_id is not None
        if patient and now - held.down_since < GIVE_UP_NODE:
            return POLL_BUILD
        if self._move_on(session, rental, held, error):
            return AT_ONCE
        if isinstance(error, NodeRefused) and may_wait_again(session, rental, error.reason):
            return self._wait_again(rental, held, error)
        return self._stay_or_fail(rental, held, error)

    def _move_on(self, session: Session, rental: Rental, held: Placement, error: NodeError) -> bool:
        """Leaves this node for the next one that fits, if there is one. Under capacity_turn()."""
        tried = frozenset(placement.node for placement in rental.placements) | left_by(session, rental)
        wish = PlacementRequest(
            rental.kind, rental.wanted_image, rental.wanted_size, tried, held.node if rental.pinned else None
        )
        book = WaitingList(session, self.context.config, self.context.expiry, self.context.now())
        chosen = book.room_for(wish, rental.ends_on)
        if chosen is None:
            return False
        held.leave(self.context.now())
        held.refusal, held.detail = error.reason, error.detail[:2000]
        session.flush()
        place(rental, chosen, self.context.now())
        rental.record(Moved(chosen, refused=held.node, refusal=error.reason), self.context.now())
        log.info("rental %s: moving from %s to %s (%s)", rental.id, held.node, chosen, error.reason)
        return True

    def _wait_again(self, rental: Rental, held: Placement, error: NodeError) -> timedelta:
        """It had waited for room that isn't there: back to where it stood."""
        now = self.context.now()
        held.leave(now)
        held.refusal, held.detail = error.reason, error.detail[:2000]
        rental.move_to(Status.WAITING, now, event=WaitingForNode(held.node, refusal=error.reason))
        return AT_ONCE

    def _stay_or_fail(self, rental: Rental, held: Placement, error: NodeError) -> timedelta:
        """No other node fits: without an answer KWS waits until the deadline; a refusal is the end."""
        if isinstance(error, NodeDown) and not self.boots.overdue(held):
            held.tries += 1
            if held.tries == 1:
                rental.record(WaitingForNode(held.node, refusal=error.reason), self.context.now())
            return min(RETRY_MOST, timedelta(seconds=2 ** min(held.tries, 6)))
        held.refusal, held.detail = error.reason, error.detail[:2000]
        self._fail(rental, Failed(Reason.NO_NODE, held.node, refusal=error.reason))
        return AT_ONCE

    def fail_over(self, node: str, error: NodeError) -> None:
        """Move on what an unresponsive node has not yet made a server for, where another node has room.

        A thread may still hang in a call to the node; what it finds changed it leaves, and what it made
        is deleted with the placement.
        """
        with self.context.store.read() as session:
            waiting = [p.rental_id for p in work_queue.unbuilt_on(session, node)]
        for rental_id in waiting:
            with queries.capacity_turn(self.context.store) as session:
                rental = queries.rental(session, rental_id, lock=True)
                held = rental.placement if rental else None
                if rental and held and held.node == node and held.server_id is None:
                    self._move_on(session, rental, held, error)
            self.context.work.set()
            self.context.mail.set()

    # -- shared

    def _node(self, job: Job) -> Node:
        return self.nodes[job.placement.node]


def _ensure_machine(node: Node, spec: ServerSpec | ContainerSpec, address: Address) -> str:
    if isinstance(spec, ContainerSpec):
        return node.ensure_container(spec, address)
    return node.ensure_server(spec, address)


def _failed_look(placement: Placement) -> None:
    placement.tries, placement.remains = placement.tries + 1, None


def _seen(session: Session, rental: Rental, placement: Placement) -> None:
    placement.missing, placement.tries = 0, 0


def _noted(proxies: Iterable[LetIn]) -> str:
    """As the placement keeps what its group lets in."""
    return ",".join(f"{one.source}:{one.port}" for one in proxies)


def _keep_address(placement: Placement, address: Address, let_in: str) -> None:
    placement.let_in = let_in
    placement.port_id, placement.floating_ip_id = address.port_id, address.floating_ip_id
    placement.floating_ip, placement.fixed_ip = address.floating_ip, address.fixed_ip
