"""Turns of this process's threads: those first for whom somebody waits, the others as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

IN_A_ROW = 3  # of the first, while others wait: they must come to their turn, too


class Turns:
    """One thread at a time, or as many as there are ``places``. A plain lock has no order: under load it lets some wait for seconds."""

    def __init__(self, places: int = 1) -> None:
        self._guard = Lock()
        self._free = places
        self._row = 0  # of the first, since another one had a turn
        self._first: deque[Lock] = deque()
        self._others: deque[Lock] = deque()

    def __len__(self) -> int:
        """How many wait for theirs."""
        return len(self._first) + len(self._others)

    @contextmanager
    def turn(self, *, first: bool = False) -> Iterator[None]:
        """Wait for a turn, and have it for the length of the block. ``first``: before those that aren't.

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
            if not len(self):
                self._free += 1
                return
            first = bool(self._first) and (self._row < IN_A_ROW or not self._others)
            self._row = self._row + 1 if first else 0
            (self._first if first else self._others).popleft().release()
