"""Keeps a dead node from costing everybody a timeout: a circuit breaker, and a Node guarded by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.findings import Finding, Wanted
from kws_core.nodes import Node
from kws_core.nodes.guarded_image_store import GuardedImageStore
from kws_core.nodes.image_store import ImageStore
from kws_core.nodes.values import (
    Action,
    Address,
    Capacity,
    ContainerSpec,
    Image,
    Login,
    LoginCheck,
    Machine,
    Rebuild,
    RemainingResources,
    ServerSpec,
)
from kws_core.values import Kind

T = TypeVar("T")

THRESHOLD = 2  # failures in a row until it opens
FIRST_PAUSE = 5.0  # seconds
LONGEST_PAUSE = 60.0


class CircuitBreaker:
    """Pure: time comes from ``now``. Two NodeDown in a row open it for 5 s, then 10, 20 … 60 s.

    After each pause one call is let through; its success closes the breaker, its failure doubles the pause.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._until: datetime | None = None
        self._probing = False

    @property
    def open_until(self) -> datetime | None:
        """When the next call is let through; None while the breaker is closed."""
        return self._until

    def admit(self) -> bool:
        """Whether a call may go now. A True must be followed by succeeded(), failed() or abandoned()."""
        with self._lock:
            if self._until is None:
                return True
            if self._probing or self._now() < self._until:
                return False
            self._probing = True
            return True

    def succeeded(self) -> None:
        """The node answered."""
        with self._lock:
            self._failures, self._pause, self._until, self._probing = 0, FIRST_PAUSE, None, False

    def failed(self) -> None:
        """The node did not answer."""
        with self._lock:
            self._failures += 1
            if self._until is not None and not self._probing:
                return  # a call from before it opened: it says nothing new
            if self._probing:
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
            if self._probing or self._failures >= THRESHOLD:
                self._until = self._now() + timedelta(seconds=self._pause)
            self._probing = False

    def abandoned(self) -> None:
        """The call ended without an answer of the node (a bug of ours): let another one try."""
        with self._lock:
            self._probing = False


class GuardedNode:
    """Any Node behind a CircuitBreaker: while that is open every call raises NodeDown at once.

    ``last_error`` is the last NodeDown's text ("" since it answered), ``latency`` the seconds that the
    last answered call took (None before the first).
    """

    def __init__(
        self, node: Node, breaker: CircuitBreaker, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._node = node
        self._breaker = breaker
        self._timer = timer
        self.last_error = ""
        self._last_reason: str = Refusal.DOWN
        self.latency: float | None = None
        self.shelf: ImageStore = GuardedImageStore(node.shelf, self._guard)

    @property
    def name(self) -> str:
        """As in nodes.toml."""
        return self._node.name

    def ping(self) -> None:
        """See Node."""
        self._guard(self._node.ping)

    def images(self) -> list[Image]:
        """See Node."""
        return self._guard(self._node.images)

    def cidrs(self) -> list[str]:
        """See Node."""
        return self._guard(self._node.cidrs)

    def capacity(self) -> Capacity:
        """See Node."""
        return self._guard(self._node.capacity)

    def ensure_address(
        self, spec: ServerSpec | ContainerSpec, with_port: Callable[[str], None] | None = None
    ) -> Address:
        """See Node."""
        return self._guard(lambda: self._node.ensure_address(spec, with_port))

    def ensure_server(self, spec: ServerSpec, address: Address) -> str:
        """See Node."""
        return self._guard(lambda: self._node.ensure_server(spec, address))

    def ensure_container(self, spec: ContainerSpec, address: Address) -> str:
        """See Node."""
        return self._guard(lambda: self._node.ensure_container(spec, address))

    def machines(self, kinds: Collection[Kind] = tuple(Kind)) -> dict[str, Machine]:
        """See Node."""
        return self._guard(lambda: self._node.machines(kinds))

    def new_servers(self, ids: Collection[str]) -> dict[str, Machine]:
        """See Node."""
        return self._guard(lambda: self._node.new_servers(ids))

    def release(self, mark: str) -> RemainingResources:
        """See Node."""
        return self._guard(lambda: self._node.release(mark))

    def marked(self) -> dict[str, RemainingResources]:
        """See Node."""
        return self._guard(self._node.marked)

    def tidy(self, dry_run: bool = False) -> list[str]:
        """See Node."""
        return self._guard(lambda: self._node.tidy(dry_run))

    def act(self, kind: Kind, machine_id: str, action: Action) -> None:
        """See Node."""
        self._guard(lambda: self._node.act(kind, machine_id, action))

    def rebuild(self, again: Rebuild, address: Address) -> str | None:
        """See Node."""
        return self._guard(lambda: self._node.rebuild(again, address))

    def console(self, kind: Kind, machine_id: str, lines: int) -> str:
        """See Node."""
        return self._guard(lambda: self._node.console(kind, machine_id, lines))

    def cpu_seconds(self, server_id: str) -> float | None:
        """See Node."""
        return self._guard(lambda: self._node.cpu_seconds(server_id))

    def put_key(self, machine_id: str, public_key: str) -> None:
        """See Node."""
        self._guard(lambda: self._node.put_key(machine_id, public_key))

    def host_keys(self, machine_id: str) -> list[str]:
        """See Node."""
        return self._guard(lambda: self._node.host_keys(machine_id))

    def check_login(self, address: Address, login: Login) -> LoginCheck:
        """See Node. It asks the machine, not the node's API, so it neither opens nor closes the breaker.

        Raises:
            NodeDown: While the breaker is open.
        """
        until = self._breaker.open_until
        if until is not None:
            raise self._refuse(until)
        return self._node.check_login(address, login)

    def diagnose(self, wanted: Wanted) -> Iterator[Finding]:
        """See Node; not guarded: it is asked just when something is wrong."""
        return self._node.diagnose(wanted)

    def raw(self) -> Any:
        """See Node; not guarded."""
        return self._node.raw()

    def close(self) -> None:
        """See Node; not guarded."""
        self._node.close()

    def _guard(self, call: Callable[[], T]) -> T:
        if not self._breaker.admit():
            raise self._refuse(self._breaker.open_until)
        started = self._timer()
        try:
            result = call()
        except NodeDown as error:
            self.last_error, self._last_reason = error.detail or str(error), error.reason
            self._breaker.failed()
            raise
        except NodeRefused:
            self._answered(started)
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        self._answered(started)
        return result

    def _answered(self, started: float) -> None:
        self.latency = self._timer() - started
        self.last_error = ""
        self._breaker.succeeded()

    def _refuse(self, until: datetime | None) -> NodeDown:
        when = f"{until.astimezone(UTC):%H:%M:%S} UTC" if until else "now"
        return NodeDown(
            self.name, self._last_reason, f"not asked again before {when}; last error: {self.last_error}"
        )
