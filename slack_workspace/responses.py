"""response_url: up to five messages within thirty minutes, without a token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from slack_workspace.block_kit.validate import check_blocks
from slack_workspace.errors import Json, SlackError, invalid_blocks
from slack_workspace.messages import bot_message, find, hide_ephemeral, post, post_ephemeral, remove, rewrite
from slack_workspace.state import State

MAX_USES = 5
SECONDS = 30 * 60


@dataclass
class ResponseUrl:
    """Where an interaction came from, and the message that `replace_original` replaces."""

    user: str
    channel: str
    expires: float
    original_ts: str | None = None
    original_hidden: bool = True
    uses: int = 0


class Responses:
    """The response_urls handed out so far."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._urls: dict[str, ResponseUrl] = {}
        self.base_url = ""

    def issue(self, user: str, channel: str, *, original_ts: str | None = None, hidden: bool = True) -> str:
        with self._state.changed:
            token = secrets.token_hex(12)
            expires = self._state.clock() + SECONDS
            self._urls[token] = ResponseUrl(user, channel, expires, original_ts, hidden)
            return f"{self.base_url}/response/{token}"

    def acked_with(self, url: str, ts: str) -> None:
        """The message that came with the ack is what `replace_original` means for a command."""
        self._urls[url.rsplit("/", 1)[-1]].original_ts = ts

    def use(self, token: str, body: Json) -> None:
        """Take one POST by the bot.

        Raises:
            SlackError: `used_url`, `expired_url`, `invalid_blocks`, or `no_text`.
        """
        with self._state.changed:
            target = self._urls.get(token)
            if target is None or self._state.clock() > target.expires:
                raise SlackError("expired_url")
            if target.uses >= MAX_USES:
                raise SlackError("used_url")
            target.uses += 1
            self._apply(target, body)

    def _apply(self, target: ResponseUrl, body: Json) -> None:
        if body.get("delete_original"):
            self._delete(target)
            return
        check_content(self._state, "response_url", body)
        if body.get("replace_original") and target.original_ts:
            self._replace(target, body)
            return
        shown = self.show(target.user, target.channel, body)
        if target.original_ts is None:
            target.original_ts = shown["ts"]
            target.original_hidden = "is_ephemeral" in shown

    def show(self, user: str, channel: str, body: Json) -> Json:
        """Post what an ack or a response_url brought: ephemeral unless it says `in_channel`."""
        message = bot_message(
            self._state, body.get("text") or "", body.get("blocks"), thread_ts=body.get("thread_ts")
        )
        if body.get("response_type") == "in_channel":
            return post(self._state, self._state.channel(channel), message)
        return post_ephemeral(self._state, user, channel, message)

    def _delete(self, target: ResponseUrl) -> None:
        if target.original_hidden:
            hide_ephemeral(self._state, str(target.original_ts))
            return
        channel = self._state.channel(target.channel)
        remove(self._state, channel, find(channel, target.original_ts))

    def _replace(self, target: ResponseUrl, body: Json) -> None:
        if target.original_hidden:
            hide_ephemeral(self._state, str(target.original_ts))
            message = bot_message(self._state, body.get("text") or "", body.get("blocks"))
            message["ts"] = target.original_ts
            post_ephemeral(self._state, target.user, target.channel, message)
            return
        message = find(self._state.channel(target.channel), target.original_ts)
        rewrite(self._state, message, text=body.get("text"), blocks=body.get("blocks") or [])


def check_content(state: State, source: str, body: Json) -> None:
    """Refuse a message without content or with malformed blocks, and note the latter down.

    Raises:
        SlackError: `no_text`, or the error of the blocks.
    """
    blocks = body.get("blocks")
    if not (body.get("text") or blocks or body.get("attachments")):
        raise SlackError("no_text")
    problems = check_blocks(blocks, "message") if blocks else []
    if problems:
        state.violate(source, problems)
        raise invalid_blocks(problems, "invalid_blocks")
