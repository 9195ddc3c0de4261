"""What an owner does with a machine that is ready: reboot, stop, start, read its console.

Asked of the node on the node's own threads, never in a transaction; each act is in the audit trail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from kws_core.context import Context, Executors
from kws_core.database import queries
from kws_core.errors import ErrorCode, NodeError, NodeRefused, Refusal, UserError
from kws_core.nodes import Node
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.rentals.access import check_settled
from kws_core.rentals.queries import RentalQueries
from kws_core.tables.details.events import Rebooted, SwitchedOff, SwitchedOn
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

log = logging.getLogger(__name__)

CONSOLE_LINES = 40
EVENTS = {
    MachineAction.REBOOT: Rebooted,
    MachineAction.STOP: SwitchedOff,
    MachineAction.START: SwitchedOn,
}

MUTE: dict[str, ErrorCode] = {Refusal.OFF: ErrorCode.CONSOLE_OFF, Refusal.NO_CONSOLE: ErrorCode.NO_CONSOLE}

Done = Callable[[str | Exception], None]  # the console's text, "" for an act, or what went wrong


class Operations:
    """``done`` is called on a thread of the node when it has answered."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], executors: Executors) -> None:
        self.context = context
        self.rental_queries = RentalQueries(self.context)
        self.nodes = nodes
        self.executors = executors

    def act(
        self, who: Actor, rental_id: str, action: MachineAction, done: Done, *, via: str | None = None
    ) -> None:
        """Reboots, stops or starts the machine. UserError at once if it can't be asked for."""
        rental = self._ready(who, rental_id)
        self._submit(rental, lambda node, machine: self._act(node, machine, rental, who, action, via), done)

    def console(self, who: Actor, rental_id: str, done: Done) -> None:
        """The last lines of a server's console, or of a container's output."""
        rental = self._ready(who, rental_id)

        def ask(node: Node, machine: str) -> str:
            """Ask the node for the console.

            Raises:
                UserError: If the node refuses, with why.
            """
            try:
                return node.console(rental.kind, machine, CONSOLE_LINES)
            except NodeRefused as error:
                if error.reason not in MUTE:
                    raise
                raise UserError(MUTE[error.reason], name=rental.name, node=node.name) from error

        self._submit(rental, ask, done)

    def _act(
        self, node: Node, machine: str, rental: Rental, who: Actor, action: MachineAction, via: str | None
    ) -> str:
        """Commit first what is wanted, so that what the node shows is never taken for somebody else's doing."""
        before = self._want(rental.id, off=action is MachineAction.STOP, at=self.context.now())
        try:
            node.act(rental.kind, machine, action)
        except NodeRefused:
            self._want(rental.id, *before)
            raise
        with self.context.store.write() as session:
            fresh = queries.rental(session, rental.id, lock=True)
            if fresh is not None:
                fresh.record(EVENTS[action](via=via), self.context.now(), actor=who.id)
                if fresh.placement:
                    fresh.placement.next_check_at = self.context.now()
        self.context.mail.set()
        self.context.work.set()
        return ""

    def _want(self, rental_id: str, off: bool, at: datetime | None) -> tuple[bool, datetime | None]:
        """Keep what is wanted of the machine, and since when that is to be seen; returns what was before."""
        with self.context.store.write() as session:
            rental = queries.rental(session, rental_id, lock=True)
            if rental is None or rental.placement is None:
                return off, at
            before = rental.switched_off, rental.placement.act_at
            rental.switched_off, rental.placement.act_at = off, at
            rental.placement.next_check_at = self.context.now()  # a node may do it and not say so
        return before

    def _ready(self, who: Actor, rental_id: str) -> Rental:
        rental = self.rental_queries.rental(who, rental_id)
        check_settled(rental)
        if (
            rental.status is not Status.READY
            or rental.placement is None
            or rental.placement.server_id is None
        ):
            raise UserError(ErrorCode.NOT_READY, name=rental.name)
        return rental

    def _submit(self, rental: Rental, ask: Callable[[Node, str], str], done: Done) -> None:
        assert rental.placement
        assert rental.placement.server_id
        node, machine = self.nodes.get(rental.placement.node), rental.placement.server_id
        if node is None:
            raise UserError(ErrorCode.NODE_SILENT, node=rental.placement.node)

        def run() -> None:
            try:
                result: str | Exception = ask(node, machine)
            except NodeError as error:
                log.warning("rental %s: %s", rental.id, error)
                result = UserError(ErrorCode.NODE_SILENT, node=node.name)
            except Exception as error:
                result = error
            done(result)

        self.executors(node.name, "work").submit(run)
