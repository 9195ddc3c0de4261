"""What Slack sends is acknowledged by the thread that takes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from harness.by_hand import no_threads, parts_by_hand
from harness.world import MINA, World
from slack_bolt import BoltRequest

from bot.service import Service
from kws_core.config import Environment

COMMAND = {
    "command": "/kws",
    "text": "rent",
    "user_id": MINA.id,
    "team_id": "T1",
    "trigger_id": "1.a",
    "response_url": "https://hooks.slack.com/x",
}


class Later(Executor):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[Callable[..., Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.given.append(fn)
        return Future()


def test_no_thread_is_begun_and_none_waited_for_before_the_acknowledgement(world: World) -> None:
    workers = Later()
    parts = parts_by_hand(threads=lambda config: replace(no_threads(config), workers=workers))
    environment = Environment(bot_token="xoxb-1", database_url=str(world.store.engine.url))
    service = Service(world.config, environment, world.nodes, world.clock, parts)
    before = threading.active_count()
    answer = service.app.dispatch(BoltRequest(mode="socket_mode", body=COMMAND))
    assert (answer.status, len(workers.given)) == (200, 1)
    assert threading.active_count() == before
    service.store.close()
