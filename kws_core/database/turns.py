"""Turns of this process's threads: those first for whom somebody waits, the others as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """So many threads at a time. A plain lock has no order: under load it lets some wait for seconds."""

    def __init__(self, places: int = 1) -> None:
        self._guard = Lock()
        self._free = places
        self._first: deque[Lock] = deque()
        self._others: deque[Lock] = deque()

    def __len__(self) -> int:
        """How many wait for theirs."""
        return len(self._first) + len(self._others)

    @contextmanager
    def turn(self, *, first: bool = False) -> Iterator[None]:
        """Wait for a turn, and have it for the length of the block. ``first``: before all that aren't.

        A thread that has a turn must not ask for another one.
        """
        self._take(first)
        try:
            yield
        finally:
            self._pass_on()

    def _take(self, first: bool) -> None:
        with self._guard:
            if self._free:
                self._free -= 1
                return
            mine = Lock()
            mine.acquire()
            (self._first if first else self._others).append(mine)
        mine.acquire()  # until the one before passes its turn on

    def _pass_on(self) -> None:
        with self._guard:
            waiting = self._first or self._others
            if waiting:
                waiting.popleft().release()
            else:
                self._free += 1
