"""A bot on a local workspace, driven step by step: what the stories are told with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.caddy_kit import FakeCaddy
from harness.world import Clock, next_due, next_refresh

from bot.service import Service
from kws_core.nodes.fake.node import FakeNode
from kws_core.tables.rental import Rental
from slack_workspace import Workspace

SIGNING_SECRET = "0123456789abcdef"


@dataclass
class Story:
    """A bot on a workspace; ``settle`` lets the reconciler and the notifier do what is due."""

    workspace: Workspace
    service: Service
    nodes: dict[str, FakeNode]
    clock: Clock
    service_folder: Path
    caddy: FakeCaddy

    def settle(self, rounds: int = 12) -> None:
        """So many seconds pass; those in which nothing is due are left out."""
        until = self.clock.at + timedelta(seconds=rounds)
        while self.clock.at < until:
            self.service.reconciler.tick()
            self.service.proxy.tick()
            self.service.notifier.tick()
            refresh = next_refresh(self.service.reconciler, self.clock.at)
            self.clock.at = min(until, next_due(self.service.store, self.clock.at, refresh))
        self.service.notifier.tick()

    def night(self) -> None:
        """The clock has moved: the minute's tick, and everything that follows from it."""
        self.service.nightly.tick()
        self.service.monthly.tick()
        self.settle(4)
        self.service.admin_notices.deliver_due()

    def rent(self, person: Any, name: str = "web01", **fields: Any) -> None:
        """Opens the form, fills it in, and submits it."""
        person.command("/kws rent")
        self.workspace.wait_for(lambda: person.open_view)
        person.fill_form({"name": name, "image": "debian-12", **fields})
        person.submit()

    def rentals(self) -> list[Rental]:
        """Everybody's rentals."""
        return list(self.service.rental_queries.all_rentals())
