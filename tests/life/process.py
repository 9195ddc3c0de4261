"""Processes of the core that may die, or be overtaken, at each commit, each call of a node and each message.

One is as ``kws run`` on SQLite has it. Several share one database file, with everything in force that several need
on PostgreSQL: leases, the pulse, burials. All of it runs in the test's thread: what another process does meanwhile is
done by an *intruder*, at a moment when no transaction is open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread
from typing import Any

from harness.caddy_kit import PAGES, FakeCaddy
from harness.world import Clock, Inline
from sqlalchemy import literal

from kws_core.cluster.heartbeat import Heartbeat
from kws_core.config import Config
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.images.carrier import Carrier
from kws_core.images.service import Images
from kws_core.nightly.cleanup import Nightly
from kws_core.nodes.fake.node import FakeNode
from kws_core.outbox.pending_messages import Outbox
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.extension import Extensions
from kws_core.tables.base import UtcDateTime
from kws_core.web.caddy import Json
from kws_core.web.proxy import Proxy

NODE_CALLS = frozenset(
    {"ping", "images", "capacity", "ensure_address", "ensure_server", "machines", "new_servers", "release", "check_login", "host_keys",
     "put_key", "act", "rebuild", "cpu_seconds"}
)  # fmt: skip
SHELF_CALLS = frozenset({"list", "look", "create", "fill", "change", "delete", "ensure_copy"})
ON_ONE = frozenset({"ensure_address", "ensure_server", "release", "put_key", "rebuild"})  # of one rental each


class Killed(BaseException):
    """The process is dead: nothing of it runs any more, no except and no finally."""


class Fate:
    """Counts the points of a process; at the chosen one it dies, or something else comes in."""

    def __init__(self) -> None:
        self.dead = False
        self.die_in: int | None = None
        self.die_at: str | None = None
        self.intrude_in: int | None = None
        self.intrude_at: str | None = None
        self.intruder: Callable[[], object] = lambda: None

    def point(self, what: str) -> None:
        """Something is about to happen, or has just happened."""
        if self.dead:
            raise Killed
        if self.die_in is not None:
            self.die_in -= 1
        if what == self.die_at or (self.die_in is not None and self.die_in <= 0):
            self.dead = True
            raise Killed(what)

    def gap(self, what: str) -> None:
        """No transaction is open: people may click now, and other processes work."""
        if self.intrude_in is not None:
            self.intrude_in -= 1
        if what == self.intrude_at or (self.intrude_in is not None and self.intrude_in <= 0):
            self.intrude_in = self.intrude_at = None
            self.intruder()

    def calm(self) -> None:
        """Nothing is to happen any more."""
        self.die_in = self.die_at = self.intrude_in = self.intrude_at = None


class Transactions:
    """How many are open, in whatever process: only one can be, and meanwhile nobody else gets in."""

    open = 0


class MortalStore(Store):
    """A Store whose process may die just before or just after a commit, or be overtaken after it."""

    def __init__(self, url: str, fate: Fate, transactions: Transactions, alone: bool) -> None:
        super().__init__(url)
        self.fate, self._transactions, self._alone = fate, transactions, alone

    @property
    def single_process(self) -> bool:
        """Whether everything that several processes need is left out."""
        return self.__dict__.get("_alone", True)

    @contextmanager
    def write(self, **how: Any) -> Iterator[Any]:
        """As Store's."""
        with self._committed(super().write(**how)) as session:
            yield session

    @contextmanager
    def note(self) -> Iterator[Any]:
        """As Store's."""
        with self._committed(super().note()) as connection:
            yield connection

    @contextmanager
    def _committed(self, transaction: AbstractContextManager[Any]) -> Iterator[Any]:
        if self.fate.dead:
            raise Killed
        self._transactions.open += 1
        try:
            with transaction as database:
                yield database
                self.fate.point("commit?")
        finally:
            self._transactions.open -= 1
        self.fate.point("committed")
        if not self._transactions.open:
            self.fate.gap("committed")


class Acting:
    """Which process is at which rental on which node now."""

    def __init__(self) -> None:
        self.now: dict[tuple[str, str], str] = {}
        self.stalled: set[str] = set()  # who stands still in a call, and may have been taken for dead
        self.clashes: list[str] = []

    @contextmanager
    def at(self, node: str, mark: str, who: str) -> Iterator[None]:
        """For the length of a call."""
        other = self.now.get((node, mark))
        if other not in (None, who) and other not in self.stalled:
            self.clashes.append(f"two processes are at {mark} on {node}")
        self.now[node, mark] = who
        try:
            yield
        finally:
            if other is None:
                self.now.pop((node, mark), None)
            else:
                self.now[node, mark] = other


class MortalNode:
    """A FakeNode as one process reaches it: its caller may die, or be overtaken, before and after each call."""

    def __init__(self, node: FakeNode, fate: Fate, acting: Acting, who: str) -> None:
        self._node, self._fate, self._acting, self._who = node, fate, acting, who

    @property
    def shelf(self) -> MortalShelf:
        """Its images."""
        return MortalShelf(self._node, self._fate)

    def __getattr__(self, name: str) -> Any:
        if name not in NODE_CALLS:
            return getattr(self._node, name)

        def call(*args: Any, **more: Any) -> Any:
            self._fate.point(f"{name}?")
            if name not in ON_ONE:
                return self._called(name, *args, **more)
            first = getattr(args[0], "spec", args[0])
            mark = first if isinstance(first, str) else getattr(first, "mark", str(first))
            with self._acting.at(self._node.name, mark, self._who):
                return self._called(name, *args, **more)

        return call

    def _called(self, name: str, *args: Any, **more: Any) -> Any:
        result = getattr(self._node, name)(*args, **more)
        self._fate.gap(name)
        self._fate.point(f"{name} done")
        return result


class MortalShelf:
    """The same for the images of a node."""

    def __init__(self, node: FakeNode, fate: Fate) -> None:
        self._shelf, self._fate = node.shelf, fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._shelf, name)
        if name not in SHELF_CALLS:
            return found

        def call(*args: Any, **more: Any) -> Any:
            self._fate.point(f"image {name}?")
            result = found(*args, **more)
            self._fate.gap(f"image {name}")
            self._fate.point(f"image {name} done")
            return result

        return call


class MortalCaddy(FakeCaddy):
    """The proxy as one process reaches it."""

    def __init__(self, caddy: FakeCaddy, fate: Fate) -> None:
        super().__init__()
        self._real, self._fate = caddy, fate

    def config(self) -> Json:
        """As Caddy's."""
        return self._called("caddy config", self._real.config)

    def load(self, config: Json) -> None:
        """As Caddy's."""
        self._called("caddy load", lambda: self._real.load(config))

    def _called(self, name: str, call: Callable[[], Any]) -> Any:
        self._fate.point(f"{name}?")
        result = call()
        self._fate.gap(name)
        self._fate.point(f"{name} done")
        return result


def at_once(target: Callable[[], object], name: str) -> Thread:
    """What a thread of its own would do, done now."""
    target()
    return Thread(name=name)


class Process:
    """The core's parts, as a process has them. ``number`` stays, ``who`` is another after each start."""

    births = itertools.count(1)

    def __init__(
        self,
        number: int,
        url: str,
        config: Config,
        clock: Clock,
        nodes: dict[str, FakeNode],
        caddy: FakeCaddy,
        acting: Acting,
        transactions: Transactions,
        alone: bool,
    ) -> None:
        self.number, self.fate = number, Fate()
        self.store = MortalStore(url, self.fate, transactions, alone)
        self.context = Context(config, self.store, clock, at_once)
        self.who = self.context.who
        reached = {name: MortalNode(node, self.fate, acting, self.who) for name, node in nodes.items()}
        self.outbox, self.terms, self.nightly = (
            Outbox(self.context),
            Extensions(self.context),
            Nightly(self.context),
        )
        self.pulse = Heartbeat(self.context, lambda: literal(clock(), UtcDateTime()))
        self.reconciler = Reconciler(self.context, reached, lambda node, sort: Inline())  # type: ignore[arg-type]
        images = Images(self.context, reached, pause=lambda _: None)  # type: ignore[arg-type]
        self.carrier = Carrier(self.context, reached, images)  # type: ignore[arg-type]
        self.proxy = Proxy(self.context, PAGES, lambda _: MortalCaddy(caddy, self.fate))

    def start(self) -> None:
        """As the service starts."""
        self.pulse.start()
        self.reconciler.start()

    def beat(self) -> None:
        """The pulse's tick, where there is one."""
        if not self.store.single_process:
            self.pulse.tick()

    def work(self) -> None:
        """What is due at the nodes."""
        self.beat()
        self.reconciler.tick()
        self.carrier.tick()
        self.proxy.tick()
