"""Planted faults: without each of these the replicas must be seen to do harm, else their test is worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from kws_core.cluster import heartbeat
from kws_core.database import job_ledger
from kws_core.database.leases import Leases
from kws_core.scheduling import work_queue


def no_lease_on_telling() -> None:
    """Everybody tells the owner."""

    @contextmanager
    def acquire(self: Leases, what: str) -> Iterator[bool]:
        yield True

    Leases.acquire = acquire  # type: ignore[method-assign]


def no_lease_on_placements() -> None:
    """Everybody acts on what is due."""
    real = work_queue.claim_due

    def claim_due(session: Any, node: str, now: Any, who: str, lease: Any) -> Any:
        return real(session, node, now, who, timedelta(0))

    work_queue.claim_due = claim_due


def no_burial() -> None:
    """What a dead one held stays held until its lease is over."""
    heartbeat.Heartbeat._expire_replica = lambda self, who: None  # type: ignore[method-assign]


def no_ledger() -> None:
    """Everybody runs the nightly cleanup."""
    real = job_ledger.claim

    def claim(*args: Any, **more: Any) -> bool:
        real(*args, **more)
        return True

    job_ledger.claim = claim
    job_ledger.is_finished = lambda *args: False


MUTANTS: dict[str, Callable[[], None]] = {
    "no lease on telling": no_lease_on_telling,
    "no lease on placements": no_lease_on_placements,
    "no burial of the dead": no_burial,
    "no ledger of nightly cleanups": no_ledger,
}


def apply(name: str | None) -> None:
    """Plants a fault in this process."""
    if name:
        MUTANTS[name]()
