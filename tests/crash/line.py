"""The line between the local workspace and the bot without a socket: what a person does is served at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from crash.mortal import Killed
from slack_bolt import App, BoltRequest

Payload = dict[str, Any]


class Line:
    """Stands in for the workspace's sockets. ``app`` is the process that lives now."""

    def __init__(self) -> None:
        self.app: App | None = None
        self.connections = [object()]
        self.killed = False
        self.base_url = ""

    def deliver(
        self,
        kind: str,
        payload: Payload,
        *,
        interaction: str = "",
        react: Callable[[Payload | None], None] | None = None,
    ) -> Future[Payload | None]:
        """Serves it in this thread; a process that dies on the way acknowledges nothing."""
        answered: Future[Payload | None] = Future()
        assert self.app is not None
        try:
            answer = self.app.dispatch(BoltRequest(body=copy.deepcopy(payload), mode="socket_mode"))
        except Killed:
            self.killed = True
            return answered
        if answer.status == 200:
            content = _content(answer.body)
            answered.set_running_or_notify_cancel()
            if react:
                react(content)
            answered.set_result(content)
        return answered

    def deliver_event(
        self, payload: Payload, _retry_after: Iterable[float], _ack_timeout: float
    ) -> Future[Payload | None]:
        """The same for the Events API."""
        return self.deliver("events_api", payload)

    def cut(self, connection: object) -> None:
        """There is nothing to cut."""


def _content(body: str | None) -> Payload | None:
    if not body:
        return None
    try:
        content: Payload = json.loads(body)
    except ValueError:
        return {"text": body}
    return content
