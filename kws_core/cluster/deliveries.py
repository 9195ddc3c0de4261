"""Deliveries of Slack: each is acted on once, by one process."""

from __future__ import annotations

from datetime import timedelta

from kws_core.context import Context
from kws_core.database import queries

FORGET_AFTER = timedelta(days=7)


class Deliveries:
    """Which deliveries were acted on."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def first_time(self, key: str) -> bool:
        """Whether this Slack delivery has not been acted on before, by any process."""
        return queries.first_delivery(self.context.store, key, self.context.now())

    def forget_old_deliveries(self) -> None:
        """Keep the table of deliveries short."""
        with self.context.store.write() as session:
            queries.forget_deliveries(session, self.context.now() - FORGET_AFTER)
