"""Fake nodes for several processes: they live in the test's process and are reached over a socket.

A call takes a few milliseconds on either side of its effect, so that a death may fall on both. Calls that
change something are watched: two processes at one mark on one node at once is what leases are to prevent.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from kws_core.errors import NodeDown, NodeError, NodeRefused
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import Address, Machine

ACTS = frozenset({"ensure_address", "ensure_server", "ensure_container", "release", "put_key"})
ERRORS = {"NodeDown": NodeDown, "NodeRefused": NodeRefused}
SLOWEST = 0.02  # seconds on either side of an effect


class NodeServer:
    """Serves the nodes; ``acts`` counts, ``met`` says who was found at work at the same time."""

    def __init__(self, folder: Path, nodes: Mapping[str, FakeNode], dice: random.Random) -> None:
        self.nodes = nodes
        self.address = str(folder / "nodes")
        self.acts = 0
        self.met: list[str] = []
        self.who: dict[int, str] = {}  # process id -> the name it goes by among the replicas
        self._dice = dice
        self._guard = threading.Lock()
        self._at: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._listener = Listener(self.address, "AF_UNIX", backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def at_work(self) -> set[int]:
        """Process ids of those that a node is doing something for now."""
        with self._guard:
            return {pid for pids in self._at.values() for pid in pids}

    def close(self) -> None:
        """Nobody is let in any more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                line = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: Connection[Any, Any]) -> None:
        with line, suppress(EOFError, OSError):
            pid, who = line.recv()
            self.who[pid] = who
            while True:
                name, method, args, more = line.recv()
                line.send(self._call(pid, name, method, args, more))

    def _call(self, pid: int, name: str, method: str, args: Any, more: Any) -> tuple[str, Any]:
        with self._watched(pid, name, method, args):
            time.sleep(self._dice.uniform(0, SLOWEST))
            try:
                answer = ("done", getattr(self.nodes[name], method)(*args, **more))
            except NodeError as error:
                answer = ("error", (type(error).__name__, error.node, str(error.reason), error.detail))
            time.sleep(self._dice.uniform(0, SLOWEST))
        return answer

    @contextmanager
    def _watched(self, pid: int, name: str, method: str, args: Any) -> Iterator[None]:
        if method not in ACTS:
            yield
            return
        place = (name, str(getattr(args[0], "mark", args[0])))
        with self._guard:
            self.acts += 1
            others = self._at[place] - {pid}
            self._at[place].add(pid)
            if others:
                self.met.append(f"{method} of {place[1]} on {name} by two processes at once")
        try:
            yield
        finally:
            with self._guard:
                self._at[place].discard(pid)


class FarNode:
    """A node as a replica has it; each of its threads has a line of its own."""

    def __init__(self, name: str, address: str, pid: int, who: str) -> None:
        self.name = name
        self._address = address
        self._hello = (pid, who)
        self._lines = threading.local()

    def ensure_address(self, spec: Any, with_port: Callable[[str], None] | None = None) -> Address:
        """As Node's. A function can't be sent to the nodes, so it is called here, when all is made."""
        address: Address = self._ask("ensure_address", spec)
        if with_port:
            with_port(address.port_id)
        return address

    def new_servers(self, server_ids: Iterable[str]) -> dict[str, Machine]:
        """As Node's. A view of a dictionary can't be sent either."""
        found: dict[str, Machine] = self._ask("new_servers", list(server_ids))
        return found

    def __getattr__(self, method: str) -> Any:
        return partial(self._ask, method)

    def _ask(self, method: str, *args: Any, **more: Any) -> Any:
        line = self._line()
        line.send((self.name, method, args, more))
        kind, answer = line.recv()
        if kind == "error":
            raise ERRORS[answer[0]](*answer[1:])
        return answer

    def _line(self) -> Connection[Any, Any]:
        if not hasattr(self._lines, "line"):
            self._lines.line = Client(self._address, "AF_UNIX")
            self._lines.line.send(self._hello)
        line: Connection[Any, Any] = self._lines.line
        return line
