"""A simulated node that can also be made slow, as a person at the side panel wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from kws_core.nodes.fake import FakeNode

T = TypeVar("T")
SLOW = 3.0  # seconds until a slow node answers a call
NORMAL, SLOWED, DEAD = "normal", "slow", "dead"


class DemoNode(FakeNode):
    """A FakeNode whose calls can be made to wait, each on its caller's thread."""

    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.mood = NORMAL
        self._hurry = threading.Event()
        self._hurry.set()

    def become(self, mood: str) -> None:
        """Takes "normal", "slow" or "dead"; calls that wait go on at once when it is not slow any more."""
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

    def _call(self, method: str, do: Callable[[], T]) -> T:
        self._hurry.wait(SLOW)
        return super()._call(method, do)
