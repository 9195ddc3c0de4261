"""One step of one placement: what to ask of its node now, and what the answer means for the rental.

Whatever instant the process dies at, the rows say what may exist on which node: intent is committed
before the node is called, and every making on a node looks first. A change is applied only if the
placement is still what it was when it was loaded, so a return that came meanwhile wins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from kws_core import catalogue, cloud_init, store
from kws_core.core import Core, end, place
from kws_core.errors import NodeDown, NodeError, NodeRefused
from kws_core.model import EventKind, Placement, PlacementState, Reason, Rental, Status
from kws_core.nodes import Address, Machine, MachineState, Node, PortRange, Refusal, ServerSpec
from kws_core.placement import Wish, choose

log = logging.getLogger(__name__)

AT_ONCE = timedelta(0)
POLL_BUILD = timedelta(seconds=1)
POLL_NEW = timedelta(milliseconds=500)
POLL_KEY = timedelta(seconds=30)  # key_sent wakes it at once; this is only the net below
POLL_READY = timedelta(minutes=5)
POLL_MISSING = timedelta(seconds=10)
POLL_RELEASE = timedelta(milliseconds=700)
LAG = timedelta(seconds=30)  # how long a new server may be missing from the list
GIVE_UP_NODE = timedelta(seconds=45)  # a node silent for so long in the middle of a build is left
RETRY_MOST = timedelta(seconds=60)
PASS_EVERY = 10  # looks at a server that is being deleted between two passes of deletion


@dataclass(slots=True)
class Job:
    """A placement with its rental, as loaded; replaced by the fresh rows at each change."""

    placement: Placement
    rental: Rental

    @property
    def building(self) -> bool:
        """Whether it is on its way to ready."""
        wanted = self.rental.status in (Status.REQUESTED, Status.BUILDING)
        return wanted and self.placement.state is PlacementState.HELD


Change = Callable[[Session, Rental, Placement], object]


def waits_for_list(job: Job) -> bool:
    """Whether the next step needs the node's list of machines."""
    placement = job.placement
    return placement.server_id is not None and (placement.state is PlacementState.HELD or placement.tries > 0)


class Steps:
    """The acts. Every one returns how long to wait before the next look."""

    def __init__(self, core: Core, nodes: Mapping[str, Node], who: str) -> None:
        self.core = core
        self.nodes = nodes
        self.who = who

    def step(self, job: Job, machines: dict[str, Machine] | NodeError) -> timedelta:
        """The next act for this placement. NodeError when the node did not do it: see ``failed``."""
        if job.placement.state is PlacementState.LEAVING:
            return self._release(job, machines)
        if job.rental.status is Status.REQUESTED and not self._apply(job, self._begin):
            return AT_ONCE
        if job.placement.floating_ip is None:
            self._node(job).ping()  # a dead node costs seconds here, not a long read timeout
            address = self._node(job).ensure_address(self._spec(job.rental))
            self._apply(job, lambda s, r, p: _keep_address(p, address))
        if not job.rental.key_settled:
            return self._look_for_key(job)
        if job.placement.server_id is None:
            return self._build(job)
        if isinstance(machines, NodeError):
            raise machines
        machine = machines.get(job.rental.mark)
        return (
            self._watch_ready(job, machine)
            if job.rental.status is Status.READY
            else self._watch(job, machine)
        )

    # -- building

    def _begin(self, session: Session, rental: Rental, placement: Placement) -> None:
        rental.move_to(Status.BUILDING, self.core.now(), event=EventKind.PLACED, node=placement.node)

    def _look_for_key(self, job: Job) -> timedelta:
        """The key may have been sent while the address was made."""
        self._apply(job, lambda s, r, p: None)
        return AT_ONCE if job.rental.key_settled else POLL_KEY

    def _build(self, job: Job) -> timedelta:
        """Asks for the server, at most ``max_builds`` on a node at a time."""
        if not self._apply(job, self._take_slot):
            return POLL_BUILD
        server_id = self._node(job).ensure_server(self._spec(job.rental), _address(job.placement))
        self._apply(job, lambda s, r, p: setattr(p, "server_id", server_id))
        return POLL_NEW

    def _take_slot(self, session: Session, rental: Rental, placement: Placement) -> bool:
        if placement.server_at is not None:
            return True
        section = self.core.config.node(placement.node)
        if store.building_on(session, placement.node) >= (section.max_builds if section else 1):
            return False
        placement.server_at = self.core.now()
        rental.record(EventKind.BUILDING, self.core.now(), node=placement.node)
        return True

    def _watch(self, job: Job, machine: Machine | None) -> timedelta:
        """A server that was made: is it there, does it run, does it answer?"""
        if machine is None:
            self._check_lag(job.placement)
        elif machine.state is MachineState.BROKEN:
            raise NodeRefused(job.placement.node, machine.refusal or Refusal.FAILED, machine.fault)
        elif machine.state is MachineState.ACTIVE and self._node(job).answers(_address(job.placement)):
            keys = self._host_keys(job, machine)
            self._apply(job, lambda s, r, p: self._ready(r, p, keys))
            return POLL_READY
        if self._too_late(job.placement):
            self._apply(job, lambda s, r, p: self._fail(r, Reason.NO_ANSWER, node=p.node))
        return POLL_BUILD

    def _check_lag(self, placement: Placement) -> None:
        if placement.server_at and self.core.now() - placement.server_at > LAG:
            raise NodeRefused(placement.node, Refusal.FAILED, "the server is not there any more")

    def _host_keys(self, job: Job, machine: Machine) -> list[str]:
        try:
            return self._node(job).host_keys(machine.id, _address(job.placement))
        except NodeError as error:
            log.warning("no host keys for rental %s: %s", job.rental.id, error)
            return []

    def _ready(self, rental: Rental, placement: Placement, keys: list[str]) -> None:
        now = self.core.now()
        rental.host_keys, rental.ready_at = keys, now
        placement.tries, placement.down_since = 0, None
        rental.move_to(Status.READY, now, event=EventKind.READY, node=placement.node)

    def _fail(self, rental: Rental, reason: Reason, **data: Any) -> None:
        end(rental, reason, self.core.now(), event=EventKind.FAILED, **data)

    def _too_late(self, placement: Placement) -> bool:
        since = placement.server_at or placement.held_at
        return self.core.now() - since > timedelta(seconds=self.core.config.openstack.build_timeout)

    # -- ready

    def _watch_ready(self, job: Job, machine: Machine | None) -> timedelta:
        """A machine deleted behind our back ends its rental; it has to be missing twice."""
        if machine is not None:
            if job.placement.tries:
                self._apply(job, lambda s, r, p: setattr(p, "tries", 0))
            return POLL_READY
        if job.placement.tries < 1:
            self._apply(job, lambda s, r, p: setattr(p, "tries", 1))
            return POLL_MISSING
        self._apply(job, lambda s, r, p: self._vanished(r, p))
        return AT_ONCE

    def _vanished(self, rental: Rental, placement: Placement) -> None:
        end(rental, Reason.VANISHED, self.core.now(), event=EventKind.VANISHED, node=placement.node)

    # -- failing and moving on

    def failed(self, job: Job, error: NodeError) -> timedelta:
        """What a node's no, or its silence, means for this placement."""
        if not job.building:
            self._apply(job, lambda s, r, p: setattr(p, "tries", p.tries + 1))
            return min(RETRY_MOST, timedelta(seconds=2 ** min(job.placement.tries, 6)))
        wait = AT_ONCE

        def change(session: Session, rental: Rental, held: Placement) -> None:
            nonlocal wait
            wait = self._after_failure(session, rental, held, error)

        self._apply(job, change)
        return wait

    def _after_failure(
        self, session: Session, rental: Rental, held: Placement, error: NodeError
    ) -> timedelta:
        now = self.core.now()
        held.down_since = held.down_since or now
        patient = isinstance(error, NodeDown) and held.server_id is not None
        if patient and now - held.down_since < GIVE_UP_NODE:
            return POLL_BUILD
        if self._move_on(session, rental, held, error):
            return AT_ONCE
        return self._stay_or_fail(rental, held, error)

    def _move_on(self, session: Session, rental: Rental, held: Placement, error: NodeError) -> bool:
        """Leaves this node for the next one that fits, if there is one."""
        store.lock_capacity(session)
        tried = frozenset(placement.node for placement in rental.placements)
        wish = Wish(rental.kind, rental.image, rental.wanted_size, tried)
        chosen = choose(catalogue.rooms(session, self.core.config), wish).node
        if chosen is None:
            return False
        held.state, held.refusal, held.detail = PlacementState.LEAVING, error.reason, error.detail[:2000]
        held.tries, held.down_since, held.next_look_at = 0, None, self.core.now()
        session.flush()
        place(rental, chosen, self.core.now())
        rental.record(EventKind.MOVED, self.core.now(), node=chosen, refused=held.node, refusal=error.reason)
        log.info("rental %s: moves from %s to %s (%s)", rental.id, held.node, chosen, error.reason)
        return True

    def _stay_or_fail(self, rental: Rental, held: Placement, error: NodeError) -> timedelta:
        """No other node fits: silence is waited out until the deadline, a clear no is the end."""
        if isinstance(error, NodeDown) and not self._too_late(held):
            held.tries += 1
            if held.tries == 1:
                rental.record(EventKind.WAITING, self.core.now(), node=held.node, refusal=error.reason)
            return min(RETRY_MOST, timedelta(seconds=2 ** min(held.tries, 6)))
        held.refusal, held.detail = error.reason, error.detail[:2000]
        self._fail(rental, Reason.NO_NODE, node=held.node, refusal=error.reason)
        return AT_ONCE

    def abandon(self, node: str, error: NodeError) -> None:
        """Moves on what a silent node has not yet made a server for, where another node has room.

        A thread may still hang in a call to the node; what it finds changed it leaves, and what it made
        is deleted with the placement.
        """
        with self.core.store.read() as session:
            waiting = [p.rental_id for p in store.unbuilt_on(session, node)]
        for rental_id in waiting:
            with self.core.store.write() as session:
                rental = store.rental(session, rental_id, lock=True)
                held = rental.held if rental else None
                if rental and held and held.node == node and held.server_id is None:
                    self._move_on(session, rental, held, error)
            self.core.mail.set()

    # -- releasing

    def _release(self, job: Job, machines: dict[str, Machine] | NodeError) -> timedelta:
        """One pass of deletion; gone is believed only when the node shows nothing.

        While the shared list still shows the server, another pass would find nothing new to do.
        """
        tries = job.placement.tries
        if tries % PASS_EVERY and isinstance(machines, dict) and job.rental.mark in machines:
            self._apply(job, lambda s, r, p: setattr(p, "tries", tries + 1))
            return POLL_RELEASE
        remains = self._node(job).release(job.rental.mark)
        if not remains:
            self._apply(job, self._gone)
            return AT_ONCE
        self._apply(job, lambda s, r, p: setattr(p, "tries", p.tries + 1))
        if job.placement.tries % 50 == 0:
            log.warning("rental %s: %s still shows %s", job.rental.id, job.placement.node, remains.kinds())
        return min(RETRY_MOST, POLL_RELEASE * (1 + job.placement.tries // 20))

    def _gone(self, session: Session, rental: Rental, placement: Placement) -> None:
        placement.state = PlacementState.GONE
        if rental.status is Status.ENDING and all(p.state is PlacementState.GONE for p in rental.placements):
            rental.ended_at = self.core.now()
            rental.move_to(Status.ENDED, rental.ended_at, event=EventKind.ENDED, why=rental.reason)

    # -- shared

    def _node(self, job: Job) -> Node:
        return self.nodes[job.placement.node]

    def _spec(self, rental: Rental) -> ServerSpec:
        data = ""
        if rental.public_key:
            data = cloud_init.user_data(rental.id, rental.name, rental.login, rental.public_key)
        return ServerSpec(
            mark=rental.mark,
            name=rental.name,
            image=rental.image,
            size=rental.wanted_size,
            user_data=data,
            owner=rental.owner,
            open_ports=tuple(PortRange(**entry) for entry in rental.open_ports),
        )

    def _apply(self, job: Job, change: Change) -> bool:
        """Applies ``change`` to the fresh rows, which replace the loaded ones in ``job``.

        False when the placement is no longer what it was, or when ``change`` itself says False.
        """
        with self.core.store.write() as session:
            rental = store.rental(session, job.rental.id, lock=True)
            fresh = next((p for p in rental.placements if p.id == job.placement.id), None) if rental else None
            same = fresh is not None and fresh.state is job.placement.state and fresh.leased_by == self.who
            if rental is None or fresh is None or not same:
                return False
            result = change(session, rental, fresh)
        job.rental, job.placement = rental, fresh
        self.core.mail.set()
        return result is not False


def _keep_address(placement: Placement, address: Address) -> None:
    placement.port_id, placement.floating_ip_id = address.port_id, address.floating_ip_id
    placement.floating_ip, placement.fixed_ip = address.floating_ip, address.fixed_ip


def _address(placement: Placement) -> Address:
    return Address(
        port_id=placement.port_id or "",
        floating_ip_id=placement.floating_ip_id or "",
        floating_ip=placement.floating_ip or "",
        fixed_ip=placement.fixed_ip or "",
    )
