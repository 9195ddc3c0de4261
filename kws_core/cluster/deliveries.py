"""Deliveries of Slack: each is acted on once, by one process."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from kws_core.context import Context
from kws_core.database import queries

FORGET_AFTER = timedelta(days=7)
WRITE_EVERY = timedelta(seconds=2)  # Slack delivers again after three (docs.slack.dev/apis/events-api)


class Deliveries:
    """Which deliveries were acted on."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._guard = threading.Lock()
        self._unwritten: dict[str, datetime] = {}

    def first_time(self, key: str) -> bool:
        """Whether this Slack delivery has not been acted on before, by any process."""
        with self._guard:
            known = key in self._unwritten
        return not known and queries.first_delivery(self.context.store, key, self.context.now())

    def note(self, key: str) -> None:
        """Remember a delivery that was acted on; other processes know it from the next ``write`` on.

        Only for what does no harm twice: a process that dies before has forgotten it.
        """
        with self._guard:
            self._unwritten.setdefault(key, self.context.now())

    def write(self) -> None:
        """Tell the other processes what was noted, all at once; to be called every ``WRITE_EVERY``."""
        with self._guard:
            batch = dict(self._unwritten)
        if not batch:
            return
        queries.add_deliveries(self.context.store, batch)  # what fails is written with the next batch
        with self._guard:
            for key in batch:
                self._unwritten.pop(key, None)  # at a stop two threads may write

    def forget_old_deliveries(self) -> None:
        """Keep the table of deliveries short."""
        with self.context.store.write() as session:
            queries.forget_deliveries(session, self.context.now() - FORGET_AFTER)
