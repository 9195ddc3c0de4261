"""A thread that runs a tick again and again, at once when there is news."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

log = logging.getLogger(__name__)

AFTER_ERROR = timedelta(seconds=2)


class Loop:
    """Calls ``tick``, then waits as long as it said, or until ``wake`` is set."""

    def __init__(
        self,
        name: str,
        tick: Callable[[], timedelta],
        wake: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.tick = tick
        self._wake = wake
        self._clock = clock
        self._turned = self._ticked = clock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._turned = self._ticked = self._clock()
        self._thread.start()

    def stop(self, timeout: float = 10) -> None:
        """End after the tick that is under way, or after ``timeout`` seconds."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def since_turn(self) -> float:
        """Seconds since it last came round, whether or not the tick failed: a large figure is a hang."""
        return self._clock() - self._turned

    def since_tick(self) -> float:
        """Seconds since a tick last did its work."""
        return self._clock() - self._ticked

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            wait = self.turn()
            self._turned = self._clock()
            self._wake.wait(wait.total_seconds())

    def turn(self) -> timedelta:
        """One tick; in how long the next is due. An error ends in the log."""
        try:
            wait = self.tick()
        except Exception:
            log.exception("%s: tick failed", self.name)
            return AFTER_ERROR
        self._ticked = self._clock()
        return wait
