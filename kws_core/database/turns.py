"""Turns of this process's threads: those first for whom somebody waits, the others as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

IN_A_ROW = 3  # of the first, while others wait: they must come to their turn, too


@dataclass(slots=True, eq=False)
class _Waiter:
    alone: bool
    gate: Lock = field(default_factory=Lock)


class Turns:
    """As many threads at a time as there are ``places``, but of those that are to be ``alone`` only one.

    A plain lock has no order: under load it lets some wait for seconds.
    """

    def __init__(self, places: int = 1) -> None:
        self._guard = Lock()
        self._free = places
        self._alone = False  # whether one of those has a turn
        self._row = 0  # of the first, since another one had a turn
        self._first: deque[_Waiter] = deque()
        self._others: deque[_Waiter] = deque()

    def __len__(self) -> int:
        """How many wait for theirs."""
        return len(self._first) + len(self._others)

    @contextmanager
    def turn(self, *, first: bool = False, alone: bool = False) -> Iterator[None]:
        """Wait for a turn, and have it for the length of the block. ``first``: before those that aren't.

        A thread that has a turn must not ask for another one.
        """
        self._take(first, alone)
        try:
            yield
        finally:
            self._give_back(alone)

    def _take(self, first: bool, alone: bool) -> None:
        with self._guard:
            if self._free and not (alone and self._alone):
                self._begin(alone)
                return
            mine = _Waiter(alone)
            mine.gate.acquire()
            (self._first if first else self._others).append(mine)
        mine.gate.acquire()  # until one before gives its turn back

    def _begin(self, alone: bool) -> None:
        self._free -= 1
        self._alone = self._alone or alone

    def _give_back(self, alone: bool) -> None:
        with self._guard:
            self._free += 1
            self._alone = self._alone and not alone
            while self._free and (following := self._next()):
                self._begin(following.alone)
                following.gate.release()

    def _next(self) -> _Waiter | None:
        """Take the next one of those that may, out of its line."""
        lines = [self._first, self._others]
        for line in lines if self._row < IN_A_ROW else reversed(lines):
            for waiter in line:
                if not (waiter.alone and self._alone):
                    line.remove(waiter)
                    self._row = self._row + 1 if line is self._first else 0
                    return waiter
        return None
