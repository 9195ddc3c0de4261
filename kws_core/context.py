"""What every part of the service shares: configuration, clock, store, leases and the wake-up events."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, date, datetime
from threading import Thread
from typing import Protocol

from kws_core.config import Config
from kws_core.database.leases import Leases
from kws_core.database.store import Store
from kws_core.expiry import ExpiryPolicy


def utcnow() -> datetime:
    """The real clock; everything takes its time from one of these."""
    return datetime.now(UTC)


class Spawn(Protocol):
    """Begins a thread."""

    def __call__(self, target: Callable[[], object], name: str) -> Thread:
        """The thread, which has begun."""


def spawn(target: Callable[[], object], name: str) -> Thread:
    """A daemon: nobody waits for it at the end of the process."""
    thread = Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


class Context:
    """One process of KWS on one database.

    ``work`` and ``mail`` are set when the reconciler and the notifier have something new. ``who`` names this
    process among those that work on the same database. ``spawn`` begins threads that may be left behind.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        now: Callable[[], datetime] = utcnow,
        spawn: Spawn = spawn,
    ) -> None:
        self.config = config
        self.store = store
        self.now = now
        self.spawn = spawn
        self.expiry = ExpiryPolicy(config)
        self.work = threading.Event()
        self.mail = threading.Event()
        self.who = f"{socket.gethostname()[:40]}-{uuid.uuid4().hex[:12]}"
        self.leases = Leases(store, self.who, now)

    def today(self) -> date:
        """The date in the lab's zone."""
        return self.expiry.day_of(self.now())


class Executors(Protocol):
    """Gives the threads that a node's work of one sort ("round", "list", "work", "refresh") runs on."""

    def __call__(self, node: str, sort: str) -> Executor:
        """The executor; the same one for the same arguments."""
