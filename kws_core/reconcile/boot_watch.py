"""From a server that the node was asked for to one that lets its owner in.

Ready is said when the owner gets in, not when a port is open: what is asked is the guest's own SSH server. Host keys
that the guest prints on its console take the place of those seen over the network.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import job_ledger
from kws_core.errors import NodeError, NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.values import LoginCheck, Machine, MachineState
from kws_core.reconcile.guarded_update import Job, Rows
from kws_core.reconcile.node_specs import address_of, login_of
from kws_core.rentals.lifecycle import end
from kws_core.tables.details.events import Failed, HostKeysPrinted, Ready, SlowBoot
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, HostKeySource, Reason, Status
from kws_core.values import Kind

log = logging.getLogger(__name__)

NEVER = datetime.min.replace(tzinfo=UTC)
POLL_BUILD = timedelta(seconds=1)
POLL_DUE = timedelta(milliseconds=300)  # while a single build is expected to end
POLL_SLOW = timedelta(seconds=3)  # for who has waited for three minutes
POLL_PASSWORD = timedelta(seconds=2)  # until an SSH server that answers takes passwords
POLL_LOGIN = timedelta(
    seconds=5
)  # OpenSSH 9.8 and later shut out for a while who offers wrong keys more often
TAKES = timedelta(minutes=10)  # a start, a stop or a reboot on an old PC; later nobody waits for it
POLL_PRINTED = timedelta(seconds=20)  # a boot prints host keys last
PRINTED = timedelta(minutes=15)  # later nobody waits for them
POLL_READY = timedelta(minutes=5)
LAG = timedelta(seconds=30)  # how long a new server may be missing from the list
SLOW = tuple(timedelta(minutes=m) for m in (3, 8, 15, 30, 45))  # when people are told that it takes long
LIFE = timedelta(minutes=2)  # a guest that wrote to its console within so long is still booting
LAST_LINES = 5
SLOWEST = 3  # times build_timeout, for such a guest


class BootWatch:
    """The reconciler's side of a boot."""

    def __init__(self, context: Context, nodes: Mapping[str, Node], rows: Rows) -> None:
        self.context = context
        self.nodes = nodes
        self.rows = rows
        self._console: dict[int, tuple[str, datetime]] = {}  # placement: its last lines, when they were new
        self._took: dict[str, timedelta] = {}  # by node, how long the last build there took until ACTIVE

    def watch(self, job: Job, machine: Machine | None, *, alone: bool = False) -> timedelta:
        """Watch a server that was requested: is it there, does it run, does it let its owner in?

        ``alone``: it is the only server that its node is creating, so a few more looks cost its node nothing that others wait for.

        Raises:
            NodeRefused: If the node says that it is broken.
        """
        seen = LoginCheck()
        if machine is None:
            self._check_lag(job.placement)
        elif machine.state is MachineState.BROKEN:
            raise NodeRefused(job.placement.node, machine.refusal or Refusal.FAILED, machine.fault)
        elif machine.state is MachineState.ACTIVE:
            if job.placement.active_at is None:
                self.rows.apply(job, lambda s, r, p: setattr(p, "active_at", self.context.now()))
                self._took[job.placement.node] = self._waited(job.placement)
            seen = self.check_login(job)
            if seen.accepted:
                return self._let_in(job, machine, seen)
        elif alone and self._is_due(job.placement):
            return POLL_DUE
        return self._wait(job, machine, seen)

    def gets_in(self, job: Job) -> bool:
        """Whether the owner of a machine that runs gets in; of one taken over only that it answers is known."""
        return self.lets_in(job, self.check_login(job))

    def lets_in(self, job: Job, seen: LoginCheck) -> bool:
        """The same of a check that was made."""
        return seen.answers if job.rental.access is Access.NONE else seen.accepted

    def overdue(self, placement: Placement) -> bool:
        """Whether ``build_timeout`` has ended."""
        return self._waited(placement) > self._limit

    def _is_due(self, placement: Placement) -> bool:
        """Whether its build will soon have taken as long as the last one there."""
        took = self._took.get(placement.node)
        return took is not None and took * 0.8 <= self._waited(placement) <= took * 1.2

    @property
    def _limit(self) -> timedelta:
        return timedelta(seconds=self.context.config.openstack.build_timeout)

    def _waited(self, placement: Placement) -> timedelta:
        return self.context.now() - (placement.server_at or placement.held_at)

    def check_login(self, job: Job) -> LoginCheck:
        """What its SSH server shows. A container that runs is ready: nobody knows what its ports speak."""
        if job.rental.kind is Kind.CONTAINER:
            return LoginCheck(answers=True, accepted=True)
        return self.nodes[job.placement.node].check_login(address_of(job.placement), login_of(job.rental))

    def look_for_host_keys(self, job: Job, machine: Machine) -> timedelta | None:
        """When to look again for what the guest prints, None when nothing more is expected."""
        booted = max(job.rental.ready_at or NEVER, job.placement.rebuilt_at or NEVER)
        late = self.context.now() - booted > PRINTED
        if late or job.rental.host_keys_from is not HostKeySource.NETWORK:
            return None
        printed = self.printed_keys(job, machine)
        if not printed:
            return POLL_PRINTED
        self.rows.apply(job, lambda s, r, p: self._keep_printed(r, printed))
        return None

    def _let_in(self, job: Job, machine: Machine, seen: LoginCheck) -> timedelta:
        printed = self.printed_keys(job, machine)
        self.rows.apply(job, lambda s, r, p: self._ready(r, p, printed, seen))
        self._console.pop(job.placement.id, None)
        return POLL_READY if printed or not seen.host_keys else POLL_PRINTED

    def _wait(self, job: Job, machine: Machine | None, seen: LoginCheck) -> timedelta:
        waited = self._waited(job.placement)
        if self._is_over(job, machine):
            reason = Reason.NO_LOGIN if seen.answers else Reason.NO_ANSWER
            self.rows.apply(job, lambda s, r, p: end(r, Failed(reason, p.node), self.context.now()))
            self._console.pop(job.placement.id, None)
        elif any(moment <= waited < moment + LIFE for moment in SLOW):
            self._tell_slow(job, waited)
        if not seen.answers:
            return max(POLL_BUILD, min(POLL_SLOW, waited / 60))
        return POLL_PASSWORD if job.rental.public_key is None else POLL_LOGIN

    def _tell_slow(self, job: Job, waited: timedelta) -> None:
        """A word in between, while an old PC takes its time."""
        minutes = max(moment for moment in SLOW if moment <= waited) // timedelta(minutes=1)
        key = f"slow:{job.placement.node}:{minutes}"

        def tell(session: Session, rental: Rental, placement: Placement) -> None:
            if (rental.id, key) not in job_ledger.told_once(session, [rental.id]):
                rental.record(SlowBoot(placement.node, minutes), self.context.now(), key=key)

        self.rows.apply(job, tell)

    def _is_over(self, job: Job, machine: Machine | None) -> bool:
        """Whether it took too long; a guest that still writes to its console gets three times ``build_timeout``."""
        if not self.overdue(job.placement):
            return False
        running = machine is not None and machine.state is MachineState.ACTIVE
        return self._waited(job.placement) > self._limit * SLOWEST or not running or not self._is_alive(job)

    def _is_alive(self, job: Job) -> bool:
        now = self.context.now()
        try:
            node, machine = self.nodes[job.placement.node], job.placement.server_id or ""
            lines = node.console(job.rental.kind, machine, LAST_LINES)
        except NodeError as error:
            log.info("rental %s: can't read its console: %s", job.rental.id, error)
            return False
        known, since = self._console.get(job.placement.id, ("", now))
        since = now if lines != known else since
        self._console[job.placement.id] = (lines, since)
        return bool(lines) and now - since < LIFE

    def _check_lag(self, placement: Placement) -> None:
        if placement.server_at and self.context.now() - placement.server_at > LAG:
            raise NodeRefused(placement.node, Refusal.FAILED, "the server no longer exists")

    def printed_keys(self, job: Job, machine: Machine) -> list[str]:
        """The host keys that a server printed as it booted, [] as long as there are none."""
        if job.rental.kind is Kind.CONTAINER:
            return []
        try:
            return self.nodes[job.placement.node].host_keys(machine.id)
        except NodeError as error:
            log.warning("rental %s: can't read its host keys: %s", job.rental.id, error)
            return []

    def _ready(self, rental: Rental, placement: Placement, printed: list[str], seen: LoginCheck) -> None:
        now = self.context.now()
        rental.ready_at = now
        keep_host_keys(rental, printed, seen)
        placement.tries, placement.down_since = 0, None
        rental.move_to(Status.READY, now, event=Ready(placement.node))

    def _keep_printed(self, rental: Rental, printed: list[str]) -> None:
        rental.host_keys, rental.host_keys_from = printed, HostKeySource.CONSOLE
        rental.record(HostKeysPrinted(), self.context.now())


def keep_host_keys(rental: Rental, printed: list[str], seen: LoginCheck) -> None:
    """What is known of them: printed on the console, otherwise seen over the network."""
    if printed or seen.host_keys:
        rental.host_keys = printed or list(seen.host_keys)
        rental.host_keys_from = HostKeySource.CONSOLE if printed else HostKeySource.NETWORK
