"""A simulated node that can also be made slow, as a person at the side panel wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from kws_core.nodes.fake.machines import REGISTRY
from kws_core.nodes.fake.network import ADDRESS
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import ContainerSpec

T = TypeVar("T")
SLOW = 3.0  # seconds until a slow node answers a call
WEB_PORT = 80  # of the web server on each simulated server
NORMAL, SLOWED, DEAD = "normal", "slow", "dead"


class Registry(Collection[str]):
    """Has every image that somebody may think of, except those called "no-such…"."""

    def __contains__(self, image: object) -> bool:
        return not str(image).startswith("no-such")

    def __iter__(self) -> Iterator[str]:
        return iter(REGISTRY)

    def __len__(self) -> int:
        return len(REGISTRY)


class DemoNode(FakeNode):
    """A FakeNode whose calls can be made to wait, each on its caller's thread."""

    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(name, registry=Registry(), **more)
        self.mood = NORMAL
        self._hurry = threading.Event()
        self._hurry.set()

    def become(self, mood: str) -> None:
        """Become "normal", "slow", or "dead"; calls that wait continue at once when the node is no longer slow.

        Raises:
            ValueError: For another mood.
        """
        if mood not in (NORMAL, SLOWED, DEAD):
            raise ValueError(mood)
        self.mood = mood
        if mood == DEAD:
            self.go_down()
        else:
            self.come_back()
        if mood == SLOWED:
            self._hurry.clear()
        else:
            self._hurry.set()

    def listens(self, address: str, port: int) -> str | None:
        """Return the name of the machine that answers visitors there: a server on port 80, a container on its ports."""
        with self._lock:
            ports = {one.port_id for one in self.network if (one.kind, one.text) == (ADDRESS, address)}
            here = [one for one in self.servers.values() if one.port_id in ports]
            for one in [] if self.down else here:
                spec = one.spec
                opened = any(
                    ports.protocol == "tcp" and ports.first <= port <= ports.last for ports in spec.open_ports
                )
                speaks = opened if isinstance(spec, ContainerSpec) else port == WEB_PORT
                if speaks and one.answers(self._now(), self.times):
                    return spec.name
        return None

    def _call(self, method: str, do: Callable[[], T]) -> T:
        self._hurry.wait(SLOW)
        return super()._call(method, do)
