"""Messages as the bot posts, edits and finds them again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.views.rental_card import Message

log = logging.getLogger(__name__)

LOOK_BACK = 200  # messages searched for one that may have been posted
UNEDITABLE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class MessageClient:
    """What is posted is found again by the id of its first block: Slack has no idempotency key."""

    def __init__(self, client: WebClient) -> None:
        self.client = client

    def send(self, channel: str, message: Message, thread_ts: str | None = None) -> str:
        """Post it; a message in a thread is shown in the channel as well. Returns its ts."""
        answer = self.client.chat_postMessage(
            channel=channel,
            text=message.text,
            blocks=message.blocks,
            thread_ts=thread_ts,
            reply_broadcast=True if thread_ts else None,
            unfurl_links=False,
        )
        return str(answer["ts"])

    def edit(self, channel: str, ts: str, message: Message) -> None:
        """Edit it, if it can still be edited."""
        try:
            self.client.chat_update(channel=channel, ts=ts, text=message.text, blocks=message.blocks)
        except SlackApiError as error:
            if error.response.get("error") not in UNEDITABLE:
                raise
            log.info("message %s/%s can no longer be edited: %s", channel, ts, error.response.get("error"))

    def find(self, channel: str, block_id: str, thread_ts: str | None = None) -> str | None:
        """The ts of our message with that block, looked for where it would be."""
        ask: Callable[..., Any] = self.client.conversations_history
        arguments: dict[str, Any] = {"channel": channel, "limit": LOOK_BACK}
        if thread_ts:
            ask, arguments["ts"] = self.client.conversations_replies, thread_ts
        messages: list[dict[str, Any]] = ask(**arguments).get("messages") or []
        for message in messages:
            if any(block.get("block_id") == block_id for block in message.get("blocks") or ()):
                return str(message["ts"])
        return None
