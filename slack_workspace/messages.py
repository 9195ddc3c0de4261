"""Messages and their visibility: post, edit, remove, hide."""

from __future__ import annotations

from slack_workspace.errors import Json, SlackError
from slack_workspace.people import Channel
from slack_workspace.state import Ephemeral, State

MAX_TEXT = 40_000


def bot_message(state: State, text: str, blocks: list[Json] | None, **more: object) -> Json:
    """A message object by the bot, not yet posted; `more` entries of None are left out."""
    message: Json = {
        "type": "message", "user": state.bot_user, "bot_id": state.bot_id, "app_id": state.app_id,
        "team": state.team_id, "ts": state.new_ts(), "text": text[:MAX_TEXT],
    }  # fmt: skip
    if blocks:
        message["blocks"] = state.with_ids(blocks)
    return message | {key: value for key, value in more.items() if value is not None}


def post(state: State, channel: Channel, message: Json) -> Json:
    """Put a message into a channel and tell its thread."""
    with state.changed:
        parent_ts = message.get("thread_ts")
        if parent_ts and parent_ts != message["ts"]:
            _count_reply(find(channel, parent_ts, error="thread_not_found"), message)
        channel.messages.append(message)
        state.touch()
    return message


def _count_reply(parent: Json, reply: Json) -> None:
    parent["thread_ts"] = parent["ts"]
    parent["reply_count"] = parent.get("reply_count", 0) + 1
    parent["latest_reply"] = reply["ts"]
    users = parent.setdefault("reply_users", [])
    if reply["user"] not in users:
        users.append(reply["user"])


def find(channel: Channel, ts: object, *, error: str = "message_not_found") -> Json:
    """Return the message with that ts.

    Raises:
        SlackError: With `error`, if there is none.
    """
    for message in channel.messages:
        if message["ts"] == str(ts):
            return message
    raise SlackError(error)


def remove(state: State, channel: Channel, message: Json) -> None:
    """Take a message out of its channel."""
    with state.changed:
        channel.messages.remove(message)
        state.touch()


def post_ephemeral(state: State, user: str, channel: str, message: Json) -> Json:
    """Show a message to one person in one channel."""
    with state.changed:
        shown = {**message, "is_ephemeral": True}
        state.ephemerals.append(Ephemeral(user, channel, shown))
        state.touch()
    return shown


def hide_ephemeral(state: State, ts: str) -> None:
    """Take an ephemeral message from the screen."""
    with state.changed:
        state.ephemerals[:] = [one for one in state.ephemerals if one.message["ts"] != ts]
        state.touch()


def rewrite(state: State, message: Json, *, text: str | None, blocks: list[Json] | None) -> None:
    """Edit in place. Blocks that are not given stay, an empty list removes them, as chat.update has it."""
    with state.changed:
        if text is not None:
            message["text"] = text[:MAX_TEXT]
        if blocks is not None:
            message.pop("blocks", None)
            if blocks:
                message["blocks"] = state.with_ids(blocks)
        message["edited"] = {"user": state.bot_user, "ts": state.new_ts()}
        state.touch()
