"""While somebody waits for room, owners of servers that look unused are asked whether they still need them.

The node is asked with no transaction open; then one transaction keeps what was seen, and asks. Of several processes only
one asks: the rules are checked again in that transaction, in which requests take turns.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import job_ledger, queries
from kws_core.errors import NodeError
from kws_core.nodes import Node
from kws_core.scheduling import idle
from kws_core.scheduling.idle import Unused
from kws_core.scheduling.waiters import anybody_waits
from kws_core.scheduling.waiting_list import WaitingList
from kws_core.tables.details.idle_events import IdleAsked

log = logging.getLogger(__name__)


class IdleWatch:
    """``look`` is to be called about once an hour for each node; it costs one query while nobody waits."""

    def __init__(self, context: Context, nodes: Mapping[str, Node]) -> None:
        self.context = context
        self.nodes = nodes

    def look(self, name: str) -> None:
        """Read the CPU time of the node's servers that may be unused, and ask their owners."""
        if not self.context.config.policy.ask_idle:
            return
        with self.context.store.read() as session:
            if not anybody_waits(session):
                return
            found = idle.unused(session, self.context.expiry, name, self.context.now())
        for one in found:
            try:
                seconds = self.nodes[name].cpu_seconds(one.placement.server_id or "")
            except NodeError as error:  # nobody knows: in an hour again
                log.info("node %s: can't read CPU time: %s", name, error)
                return
            self._note(name, one, seconds)

    def _note(self, name: str, seen: Unused, seconds: float | None) -> None:
        with queries.capacity_turn(self.context.store) as session:
            now = self.context.now()
            if queries.rental(session, seen.rental.id, lock=True) is None:
                return
            still = {one.rental.id: one for one in idle.unused(session, self.context.expiry, name, now)}
            one = still.get(seen.rental.id)
            if one is None or one.placement.server_id != seen.placement.server_id:
                return
            if idle.note_cpu(one.placement, one.rental.vcpus, seconds, now) and self._may_ask(session, now):
                self._ask(session, one, now)
        self.context.mail.set()

    def _may_ask(self, session: Session, now: datetime) -> bool:
        if now.astimezone(self.context.config.kws.zone).hour not in idle.BY_DAY:
            return False
        midnight = self.context.expiry.midnight(self.context.expiry.day_of(now))
        return idle.asked_since(session, midnight) < idle.MOST_A_DAY

    def _ask(self, session: Session, one: Unused, now: datetime) -> None:
        rental, ends = one.rental, self.context.expiry
        book = WaitingList(session, self.context.config, ends, now)
        waiting = idle.waiting_for(book, one.placement.node, rental.owner)
        key = f"idle:{ends.day_of(now):%G-W%V}"
        if waiting and (rental.id, key) not in job_ledger.told_once(session, [rental.id]):
            rental.record(IdleAsked(ends.day_of(one.since), waiting), now, key=key)
            log.info("rental %s %s looks unused: asked its owner", rental.id, rental.name)
