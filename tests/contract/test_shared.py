"""One answer for many who ask at once: fetched once, and never older than a question."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Semaphore
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kws_core.nodes.concurrency import SingleFlight
from kws_core.nodes.openstack.address_set import Lookups
from kws_core.nodes.openstack.api import Cloud

SECONDS = 10.0


class CountingLock:
    """Counts how often it was let go, so that a test sees who has asked."""

    def __init__(self) -> None:
        self._lock, self._freed = Lock(), Semaphore(0)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()
        self._freed.release()

    def until(self, times: int) -> None:
        """It was let go so often, since the last time that this was asked."""
        for _ in range(times):
            assert self._freed.acquire(timeout=SECONDS)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[SingleFlight, CountingLock]:
    shared, guard = SingleFlight(), CountingLock()
    monkeypatch.setattr(shared, "_guard", guard)
    return shared, guard


def test_who_comes_meanwhile_shares_the_next_answer(counted: tuple[SingleFlight, CountingLock]) -> None:
    shared, guard = counted
    go_on, loads = Event(), 0

    def load() -> int:
        nonlocal loads
        loads += 1
        if loads == 1:
            assert go_on.wait(SECONDS)
        return loads

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(shared.get, load)
        guard.until(2)  # it has asked, and begins
        later = [pool.submit(shared.get, load) for _ in range(8)]
        guard.until(8)
        go_on.set()
        assert first.result(SECONDS) == 1
        assert [asker.result(SECONDS) for asker in later] == [2] * 8
    assert shared.get(load) == 3


def test_who_asks_about_one_of_many_shares_the_answer_about_all(
    counted: tuple[SingleFlight, CountingLock],
) -> None:
    shared, guard = counted
    go_on, asked = Event(), []

    def load(keys: Sequence[str]) -> list[str]:
        asked.append(keys)
        if len(asked) == 1:
            assert go_on.wait(SECONDS)
        return [key.upper() for key in keys]

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(shared.get_for, "a", load)
        guard.until(2)
        later = [pool.submit(shared.get_for, key, load) for key in "cbc"]
        guard.until(3)
        go_on.set()
        assert first.result(SECONDS) == ["A"]
        assert [asker.result(SECONDS) for asker in later] == [["B", "C"]] * 3
    assert asked == [["a"], ["b", "c"]]


def test_of_a_shared_lookup_each_rental_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def list(self, *marks: str) -> list[Any]:
            return [SimpleNamespace(name=mark, marks=(mark,)) for mark in marks]

    monkeypatch.setattr(SingleFlight, "get_for", lambda _, mark, load: load(["kws-1", "kws-2"]))
    lookups, cloud = Lookups(), cast(Cloud, SimpleNamespace(security_groups=Found(), addresses=Found()))
    assert [group.name for group in lookups.groups(cloud, "kws-1")] == ["kws-1"]
    assert [address.name for address in lookups.addresses(cloud, "kws-2")] == ["kws-2"]


def test_all_who_share_it_hear_of_the_failure(counted: tuple[SingleFlight, CountingLock]) -> None:
    shared, guard = counted
    go_on = Event()

    def broken() -> str:
        raise ConnectionError("no answer")

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(shared.get, lambda: go_on.wait(SECONDS))
        guard.until(2)
        later = [pool.submit(shared.get, broken) for _ in range(2)]
        guard.until(2)
        go_on.set()
        assert first.result(SECONDS)
        for asker in later:
            with pytest.raises(ConnectionError):
                asker.result(SECONDS)
    assert shared.get(lambda: "again") == "again"
