"""When a Slack call is sent again by itself.

A 429 was not carried out: always safe. After a 5xx or a lost connection nobody knows, so only calls that
may be repeated are; messages and uploads are retried by the outbox, which looks in Slack first.

One handler built on slack_sdk's RetryHandler. Its three own handlers ignore which method is called, don't retry
502 and 504, wait as long as any Retry-After says, and raise if that is not a whole number; each of their methods
would have to be overridden.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler, RetryState

REPEATABLE = frozenset(
    {
        "auth.test", "apps.connections.open", "users.info", "usergroups.users.list", "conversations.open",
        "conversations.history", "conversations.replies", "conversations.info", "chat.update", "views.publish",
        "files.info", "team.info",
    }
)  # fmt: skip
LONGEST_PAUSE = 30.0  # seconds
PAUSES = {
    "views.open": 1.0,
    "views.push": 1.0,
}  # trigger_ids live 3 s: who waits longer keeps a thread for nothing


class SlackRetryHandler(RetryHandler):
    """429 after the time that Slack names; 5xx and lost connections where that can do no harm."""

    def __init__(self, max_retry_count: int = 3, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(max_retry_count)
        self._sleep = sleep

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        method = request.url.split("?")[0].rsplit("/", 1)[-1]
        if response is not None and response.status_code == 429:  # a longer one is for the outbox to wait out
            return _seconds(response.headers) <= PAUSES.get(method, LONGEST_PAUSE)
        return method in REPEATABLE and (
            error is not None or (response is not None and response.status_code >= 500)
        )

    def prepare_for_next_attempt(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Waits as long as Slack says, otherwise 0.5 s, 1 s, 2 s."""
        state.next_attempt_requested = True
        pause = 0.5 * 2**state.current_attempt
        if response is not None and response.status_code == 429:
            pause = _seconds(response.headers)
        self._sleep(pause)
        state.increment_current_attempt()


def retry_after(error: SlackApiError) -> timedelta | None:
    """How long Slack wants to be left alone, None when it does not say."""
    if getattr(error.response, "status_code", None) != 429:
        return None
    return timedelta(seconds=_seconds(error.response.headers))


def _seconds(headers: Mapping[str, Any]) -> float:
    found = {key.lower(): value for key, value in headers.items()}.get("retry-after", "1")
    try:
        return max(0.0, float(found[0] if isinstance(found, list) else found))
    except ValueError:
        return 1.0
