"""A whole service whose work is done by whoever asks it to, not by threads of its own."""

from __future__ import annotations

from collections.abc import Callable

from harness.world import Inline
from slack_sdk.socket_mode.interval_runner import IntervalRunner

from bot.service import Service
from bot.slack.retries import SlackRetryHandler


def drive_by_hand(service: Service, sleep: Callable[[float], None]) -> None:
    """Its first tick is done here; where Slack's client would wait it calls ``sleep`` with the seconds."""
    service.client.retry_handlers = [SlackRetryHandler(sleep=sleep)]
    service.reconciler.executors = lambda node, sort: Inline()
    service.operations.executors = service.reconciler.executors
    service.notifier.executor = Inline()
    service.reconciler.start()
    service.reconciler.tick()
    for socket in service.sockets:  # slack_sdk looks for a new session only twice a second
        socket.client.current_session_runner.event.set()
        socket.client.current_session_runner = IntervalRunner(
            socket.client._run_current_session, 0.01
        ).start()
