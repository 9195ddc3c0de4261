"""What every part of the service shares: the clock and the executors."""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Protocol


def utcnow() -> datetime:
    """The real clock; everything takes its time from one of these."""
    return datetime.now(UTC)


class Executors(Protocol):
    """Gives the threads that a node's work of one sort ("round", "work", "refresh") runs on."""

    def __call__(self, node: str, sort: str) -> Executor:
        """The executor; the same one for the same arguments."""
