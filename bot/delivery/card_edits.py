"""Edits of cards, of which Slack takes about 50 a minute: they wait, and what people wait for goes on.

Keys and notifications are other methods with limits of their own. So no more than a few threads are in an edit at a
time, and once Slack says "slower" nobody edits until it may be tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from slack_sdk.errors import SlackApiError

from bot.slack.messages import MessageClient
from bot.slack.retries import retry_after
from bot.views.rental_card import Message

AT_ONCE = 3  # threads; the notifier has eight
BUSY = timedelta(seconds=2)


class CardEdits:
    """``edit()`` never waits for other edits."""

    def __init__(self, post: MessageClient, now: Callable[[], datetime]) -> None:
        self._post = post
        self._now = now
        self._editors = threading.BoundedSemaphore(AT_ONCE)
        self._again_at: datetime | None = None

    def edit(self, channel: str, ts: str, message: Message) -> timedelta | None:
        """Edits it, or says in how long that may be tried again. SlackApiError for all but a 429."""
        now = self._now()
        if self._again_at is not None and now < self._again_at:
            return self._again_at - now
        if not self._editors.acquire(blocking=False):
            return BUSY
        try:
            self._post.edit(channel, ts, message)
        except SlackApiError as error:
            wait = retry_after(error)
            if wait is None:
                raise
            self._again_at = self._now() + wait
            return wait
        finally:
            self._editors.release()
        return None
