"""Small tools for a node that is used by several threads at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Lock, RLock
from typing import Any, TypeVar

from cachetools import TTLCache, cached

T = TypeVar("T")


class Locks:
    """One lock per key, kept only while somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._locks: dict[Hashable, tuple[RLock, int]] = {}

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Hold the key's lock within this block."""
        with self._guard:
            lock, users = self._locks.get(key, (RLock(), 0))
            self._locks[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)


class TtlCache:
    """Answers that are true for some minutes, such as the ids behind names."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._turn = Condition()
        self._known: TTLCache[Hashable, Any] = TTLCache(math.inf, seconds, timer=clock)
        self._load = cached(self._known, key=lambda key, load: key, condition=self._turn)(_loaded)

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """What is remembered of ``key``, otherwise ``load()``; several threads load it once."""
        return self._load(key, load)  # type: ignore[no-any-return]

    def known(self, key: Hashable) -> Any:
        """What is remembered of ``key``, otherwise None."""
        with self._turn:
            return self._known.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Remember this."""
        with self._turn:
            self._known[key] = value

    def drop(self, *keys: Hashable) -> None:
        """Forget these."""
        with self._turn:
            for key in keys:
                self._known.pop(key, None)


def _loaded(key: Hashable, load: Callable[[], Any]) -> Any:
    return load()


@dataclass(slots=True)
class _Flight:
    keys: set[str] = field(default_factory=set)
    answer: Future[Any] = field(default_factory=Future)


class SingleFlight:
    """One answer for all who ask at the same time, and never one that is older than its question.

    A caller that comes while the answer is being fetched waits for the next one.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._one_at_a_time = Lock()
        self._next: _Flight | None = None

    def get(self, load: Callable[[], T]) -> T:
        """What ``load()`` of one of those who ask says, or raises; it begins after this was called."""
        return self.get_for("", lambda _: load())

    def get_for(self, key: str, load: Callable[[Sequence[str]], T]) -> T:
        """The same for those who each ask about a key of their own: ``load`` is given the keys of all of them."""
        with self._guard:
            first = self._next is None
            flight = self._next = self._next or _Flight()
            flight.keys.add(key)
        if first:
            self._fetch(flight, load)
        return flight.answer.result()  # type: ignore[no-any-return]

    def _fetch(self, flight: _Flight, load: Callable[[Sequence[str]], Any]) -> None:
        with self._one_at_a_time:
            with self._guard:
                self._next = None  # who comes from now on is too late for this one
            try:
                flight.answer.set_result(load(sorted(flight.keys)))
            except BaseException as error:
                flight.answer.set_exception(error)


class Workers:
    """A few threads for look-ups that do not depend on each other. Not to be used from its own threads."""

    def __init__(self, name: str, count: int = 4) -> None:
        self._name = name
        self._count = count
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def gather(self, *calls: Callable[[], Any]) -> list[Any]:
        """All results in order. Waits for every call, then raises the first error there was."""
        futures: list[Future[Any]] = [self._executor().submit(call) for call in calls[1:]]
        first: Future[Any] = Future()
        try:
            first.set_result(calls[0]())
        except Exception as error:
            first.set_exception(error)
        wait(futures)
        return [future.result() for future in (first, *futures)]

    def close(self) -> None:
        """Let the threads end; the next gather() starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix=f"kws-{self._name}")
            return self._pool
