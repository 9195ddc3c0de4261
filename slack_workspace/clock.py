"""Time as the workspace sees it; tests hand in a clock they can turn."""

from __future__ import annotations

import threading
import time


class ManualClock:
    """A clock that stands still until it is told to move: `Workspace(clock=ManualClock())`."""

    def __init__(self, now: float | None = None) -> None:
        self._now = time.time() if now is None else now
        self._lock = threading.Lock()

    def __call__(self) -> float:
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
