"""Processes of the bot that die and are started again, over one database, one Slack and the same nodes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

from crash.line import Line
from crash.mortal import Fate, Killed, MortalCaddy, MortalClient, MortalNode, MortalStore
from harness import aftermath
from harness.by_hand import no_threads
from harness.caddy_kit import FakeCaddy
from harness.world import SECOND, Clock, make_config, next_due
from slack_sdk.webhook import WebhookClient
from sqlalchemy import select

from bot.service import Parts, Service
from bot.slack import files
from bot.slack.retries import SlackRetryHandler
from kws_core.config import Environment
from kws_core.nodes.fake.node import FakeNode
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Rental
from slack_workspace import Workspace

PATIENCE = 4  # times that a person tries something again


class CrashLab:
    """``do`` is a person who tries until it worked; ``settle`` is time that passes."""

    def __init__(self, folder: Path, database: Path, fate: Fate, policy: str = "", web: str = "") -> None:
        shutil.copy(database, folder / "kws.db")
        self.fate = fate
        self.clock = Clock()
        self.config = make_config(2, policy=policy, web=web)
        self.nodes = {n.name: FakeNode(n.name, self.clock, vcpus=64, ram_mb=65536) for n in self.config.nodes}
        self.workspace = Workspace(ack_timeout=0.0).start()
        self.line = Line()
        self.workspace.parts.sockets = self.line  # type: ignore[assignment]
        self.environment = Environment(
            bot_token=self.workspace.bot_token,
            app_token="",
            slack_api_url=self.workspace.api_url,
            database_url=f"sqlite:///{folder / 'kws.db'}",
        )
        self.caddy = FakeCaddy()  # goes on whatever happens to the bot
        self.births = 0
        self.watch: Callable[[], list[str]] = list  # what is wrong right now, asked every second
        self.broken: set[str] = set()  # all that it ever said
        self.service = self.born()

    def close(self) -> None:
        """Stops the process that lives, and Slack."""
        self.service.store.close()
        self.workspace.stop()

    def born(self) -> Service:
        """A process with nothing in its memory; all its threads are this one."""
        self.fate.born_again()
        self.line.killed = False
        self.births += 1
        mortal = {name: MortalNode(node, self.fate) for name, node in self.nodes.items()}
        service = Service(self.config, self.environment, mortal, self.clock, self._parts())  # type: ignore[arg-type]
        self.line.app = service.app
        service.reconciler.start()
        return service

    def _parts(self) -> Parts:
        """The real ones, but for the calls to the outside being counted, and all threads this one."""
        return Parts(
            store=lambda url: MortalStore(url, self.fate),
            client=self._client,
            threads=no_threads,
            spawn=at_once,  # type: ignore[arg-type]
            upload=counted(self.fate, "upload", files.send),
            caddy=lambda _: MortalCaddy(self.caddy, self.fate),  # type: ignore[arg-type,return-value]
        )

    def _client(self, environment: Environment) -> MortalClient:
        handlers = [SlackRetryHandler(sleep=lambda seconds: None)]
        token, url = environment.bot_token, environment.slack_api_url
        client = MortalClient(token=token, base_url=url, retry_handlers=handlers)
        client.fate = self.fate
        return client

    def restart(self) -> None:
        """The process has died."""
        self.service.store.close()
        self.service = self.born()

    def guarded(self, deed: Callable[[], Any]) -> bool:
        """Whether it was done without a death; after a death a new process lives."""
        try:
            deed()
        except Killed:
            self.line.killed = True
        if self.line.killed or self.fate.dead:
            self.restart()
            return False
        return True

    def do(self, deed: Callable[[], Any], done: Callable[[], bool]) -> None:
        """Somebody does it, and again for as long as they see that it did not work."""
        for _ in range(PATIENCE):
            self.guarded(deed)
            if done():
                return
        raise AssertionError("it does not work, however often it is tried")

    def settle(self, rounds: int = 14) -> None:
        """Seconds pass, all at once those in which nothing is due; what dies is started again, and has its turns all the same."""
        calm = 0
        while calm < rounds:
            lived = self.guarded(self._beat)
            self.broken |= set(self.watch())
            seconds = min(rounds - calm, self._until_due()) if lived else 1
            calm += seconds * lived
            self.clock.advance(seconds=seconds)

    def _until_due(self) -> int:
        return max(1, ceil((next_due(self.service.store, self.clock.at) - self.clock.at) / SECOND))

    def _beat(self) -> None:
        self.service.reconciler.tick()
        self.service.notifier.tick()
        self.service.admin_notices.deliver_due()
        self.service.image_jobs.close_broken()
        self.service.key_files.remove_due()
        self.service.carrier.tick()
        self.service.proxy.tick()

    def night(self) -> None:
        """The minute's tick, and what follows from it."""
        for chore in ("nightly", "monthly"):
            while not self.guarded(lambda chore=chore: getattr(self.service, chore).tick()):
                self.clock.advance(seconds=1)
        self.settle()

    def noon(self, days: int, hour: int = 12) -> None:
        """The clock goes to an hour of the lab's day in so many days."""
        zone = self.config.kws.zone
        day = self.clock.at.astimezone(zone).date() + timedelta(days=days)
        self.clock.at = datetime(day.year, day.month, day.day, hour, 1, tzinfo=zone).astimezone(UTC)

    def rentals(self) -> list[Rental]:
        """All rentals that there ever were."""
        with self.service.store.read() as session:
            return list(session.scalars(select(Rental).order_by(Rental.name)))

    def copies(self) -> list[Copy]:
        """All copies that there ever were."""
        with self.service.store.read() as session:
            return list(session.scalars(select(Copy).order_by(Copy.requested_at)))

    def rental(self, name: str = "web01") -> Rental:
        """The one of that name."""
        return next(r for r in self.rentals() if r.name == name)

    def problems(self) -> list[str]:
        """Every rule that is broken now that all has settled."""
        rentals = self.rentals()
        once = [message for message in self.messages() if message not in self.handed_away]
        return [
            *sorted(self.broken), *aftermath.on_nodes(rentals, self.nodes, self.copies()), *aftermath.shown_twice(once), *self._untold(),
            *(aftermath.wrong_keys(rentals, self.workspace, self.nodes, self.old_keys) if self.keys_stay else ()),
            *(f"Slack: {v}" for v in self.workspace.violations),
        ]  # fmt: skip

    def messages(self) -> list[dict[str, Any]]:
        """Everything that stands in any channel."""
        return aftermath.messages(self.workspace)

    def _untold(self) -> list[str]:
        due = [f"untold: {rental}" for rental in self.service.notifier.outbox.due()]
        return due + [f"admins untold: {n.key}" for n in self.service.admin_notices.box.due()]

    keys_stay = True  # in Slack
    old_keys = 0  # of earlier times, which a key reset leaves in place
    handed_away: Sequence[dict[str, Any]] = ()  # messages of who had the rental before


class Over:
    """A thread that has done its work."""

    def join(self, timeout: float | None = None) -> None:
        """It is over."""

    def is_alive(self) -> bool:
        return False


def at_once(target: Callable[[], object], name: str) -> Over:
    """Does the work when the thread would begin, so that calls have an order.

    Edits of how far a copy is, every few seconds, are left out: nothing hangs on them.
    """
    if name != "images-progress":
        target()
    return Over()


def patched(fate: Fate) -> Any:
    """Answers go out over a client of slack_sdk's own making, which nobody can hand in."""
    return patch.object(WebhookClient, "send_dict", counted(fate, "response_url", WebhookClient.send_dict))


def counted(fate: Fate, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """The same as a call of that name."""

    def call(*args: Any, **more: Any) -> Any:
        with fate.call(name):
            return real(*args, **more)

    return call
