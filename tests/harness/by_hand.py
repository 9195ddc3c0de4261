"""A whole service whose work is done by whoever asks it to, not by threads of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from harness.sockets import hasten
from harness.world import Inline

from bot.ops.threads import NodeExecutors, Threads
from bot.service import Parts, Service
from bot.slack.client import slack_client
from kws_core.config import Config

PICTURE = b"\x89PNG picture"


class NodesByHand(NodeExecutors):
    """What is to be done on a node is done at once."""

    def __call__(self, node: str, sort: str) -> Executor:
        return Inline()


def threads_by_hand(config: Config) -> Threads:
    """Nodes and owners are served by whoever ticks the loops; requests of Slack by threads, as ever."""
    return replace(Threads.of(config), nodes=NodesByHand(config), notifiers=Inline())


def no_threads(config: Config) -> Threads:
    """Everything is done by who asks for it."""
    return Threads(NodesByHand(config), *(Inline() for _ in range(4)))


def parts_by_hand(sleep: Callable[[float], None] = lambda seconds: None, **others: Any) -> Parts:
    """No picture is drawn, and where Slack's client would wait it calls ``sleep`` with the seconds."""
    usual: dict[str, Any] = {
        "threads": threads_by_hand,
        "client": lambda environment: slack_client(environment, sleep),
        "draw": lambda data: PICTURE,
        "goodbye": 0.02,
    }
    return Parts(**{**usual, **others})


def begin(service: Service) -> None:
    """Its first tick."""
    service.reconciler.start()
    service.reconciler.tick()
    for socket in service.sockets:
        hasten(socket.client)
