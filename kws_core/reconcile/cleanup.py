"""Deleting what a placement has on its node, until the node shows nothing of it.

A network of the person's own goes with its last user on that node.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import NodeError
from kws_core.nodes import Node
from kws_core.nodes.values import Machine, MachineState, RemainingResources
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.tables.details.events import Ended
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import PlacementState, Status
from kws_core.values import owner_tag

log = logging.getLogger(__name__)

AT_ONCE = timedelta(0)
POLL = timedelta(milliseconds=700)
RETRY_MOST = timedelta(seconds=60)
LINGER = timedelta(minutes=2)  # how long after our time-out a node may still carry out what it was asked
AT_A_TIME = 8  # of those that a node deletes may look every POLL; more are checked less often
PASS_EVERY = 10  # looks at a server that is being deleted between two passes of deletion


class ResourceCleaner:
    """``release`` is one look or one pass, and returns how long to wait before the next."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows
        self.linger = LINGER

    def release(self, job: Job, machines: dict[str, Machine] | NodeError) -> timedelta:
        """One pass of deletion; gone is believed only when the node shows nothing.

        While the shared list still shows the machine, another pass would find nothing new to do.
        """
        tries = job.placement.tries if job.placement.remains else 0  # passes that the node took
        if tries % PASS_EVERY and isinstance(machines, dict) and job.rental.mark in machines:
            self.rows.apply(job, _tried)
            return _pause(machines)
        node = self.nodes[job.placement.node]
        remains = node.release(job.rental.mark) or self._release_network(job, node)
        return self._again(job, remains) if remains else self._done(job)

    def _release_network(self, job: Job, node: Node) -> RemainingResources:
        network = job.rental.network_id
        if network is None:
            return RemainingResources()
        with self.context.store.read() as session:
            if queries.others_in_network(session, network, job.placement):
                return RemainingResources()
        return node.release(owner_tag(network))

    def _again(self, job: Job, remains: RemainingResources) -> timedelta:
        kinds = ", ".join(remains.kinds())
        self.rows.apply(job, lambda s, r, p: _left(p, kinds))
        if job.placement.tries % 50 == 0:
            log.warning("rental %s: still on %s: %s", job.rental.id, job.placement.node, remains.kinds())
        return min(RETRY_MOST, POLL * (1 + job.placement.tries // 20))

    def _done(self, job: Job) -> timedelta:
        """What was asked for and never answered may still appear: such a node is looked at again, later."""
        left_at = job.placement.left_at or self.context.now()
        if job.placement.ambiguous and self.context.now() - left_at < self.linger:
            return self.linger / 4
        self.rows.apply(job, self._gone)
        return AT_ONCE

    def _gone(self, session: Session, rental: Rental, placement: Placement) -> None:
        placement.state = PlacementState.DELETED
        if rental.status is Status.ENDING and all(
            p.state is PlacementState.DELETED for p in rental.placements
        ):
            rental.ended_at = self.context.now()
            rental.move_to(Status.ENDED, rental.ended_at, event=Ended(why=rental.reason))
            session.flush()
            queries.drop_unused_network(session, rental)


def _pause(machines: Mapping[str, Machine]) -> timedelta:
    """A node deletes one after the other: a hundred who looked every POLL would only load the database."""
    going = sum(machine.state is MachineState.DELETING for machine in machines.values())
    return POLL * (1 + going // AT_A_TIME)


def _left(placement: Placement, kinds: str) -> None:
    placement.remains, placement.tries = kinds, placement.tries + 1


def _tried(session: Session, rental: Rental, placement: Placement) -> None:
    placement.tries += 1
