"""The threads of one process: some for each sort of work, and separate ones for each node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from kws_core.config import Config

LISTENERS = 32  # of each Socket Mode connection
WORKERS = 16
NOTIFIERS = 8
IMAGES = 3


class NodeExecutors:
    """Threads per node and sort of work, so that no node can take another's."""

    def __init__(self, config: Config) -> None:
        self._builds = {node.name: node.max_builds for node in config.nodes}
        self._pools: dict[tuple[str, str], ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    def __call__(self, node: str, sort: str) -> Executor:
        """The node's executor for "round", "list", "refresh" or "work"."""
        with self._lock:
            if (node, sort) not in self._pools:
                size = self._builds.get(node, 2) + 6 if sort == "work" else 1
                self._pools[node, sort] = ThreadPoolExecutor(size, thread_name_prefix=f"{node}-{sort}")
            return self._pools[node, sort]

    def shutdown(self, deadline: float) -> None:
        """Wait for work under way until ``deadline`` (seconds of time.monotonic); what has not begun is dropped."""
        with self._lock:
            pools = list(self._pools.values())
        _drain(pools, deadline, drop=True)


@dataclass(frozen=True, slots=True)
class Threads:
    """``workers`` serve what Slack sends, ``notifiers`` tell people."""

    nodes: NodeExecutors
    workers: Executor
    notifiers: Executor
    pictures: Executor
    images: Executor

    @classmethod
    def of(cls, config: Config) -> Threads:
        """As many as a lab needs."""
        return cls(
            NodeExecutors(config),
            ThreadPoolExecutor(WORKERS, thread_name_prefix="worker"),
            ThreadPoolExecutor(NOTIFIERS, thread_name_prefix="notify"),
            ThreadPoolExecutor(1, thread_name_prefix="picture"),
            ThreadPoolExecutor(IMAGES, thread_name_prefix="images"),
        )

    def shutdown(self, deadline: float, listeners: Sequence[Executor]) -> None:
        """Wait until ``deadline`` (seconds of time.monotonic): what was acknowledged is served, no picture is begun.

        ``listeners`` acknowledge what Slack sends, and come first: they give the workers more to do.
        """
        self.pictures.shutdown(wait=False, cancel_futures=True)
        _drain(listeners, deadline)
        _drain([self.workers, self.pictures, self.images, self.notifiers], deadline)
        self.nodes.shutdown(deadline)


def _drain(pools: Iterable[Executor], deadline: float, *, drop: bool = False) -> None:
    """Shuts pools down and waits for their work, but not beyond the deadline; ``drop`` what has not begun."""
    for pool in pools:
        pool.shutdown(wait=False, cancel_futures=drop)

    def wait_for_all() -> None:
        for pool in pools:
            pool.shutdown(wait=True)

    waiter = threading.Thread(target=wait_for_all, daemon=True)
    waiter.start()
    waiter.join(max(0.1, deadline - time.monotonic()))
