"""conversations.*"""

from __future__ import annotations

import base64
import binascii

from slack_workspace.errors import Json, SlackError
from slack_workspace.messages import find
from slack_workspace.parts import WorkspaceParts
from slack_workspace.people import Channel
from slack_workspace.web_api.chat import is_true


def open_dm(core: WorkspaceParts, args: Json) -> Json:
    """Serve conversations.open, for one user.

    Raises:
        SlackError: If not exactly one user is named, or they can't get DMs.
    """
    if args.get("channel"):
        return {"channel": core.state.channel(args["channel"]).as_slack(core.state.bot_user)}
    users = args.get("users") or ""
    wanted = [
        one.strip() for one in (users if isinstance(users, list) else str(users).split(",")) if one.strip()
    ]
    if not wanted:
        raise SlackError("users_list_not_supplied")
    if len(wanted) > 1:
        raise SlackError("method_not_supported_for_channel_type")
    user = core.state.user(wanted[0])
    if user.id == core.state.bot_user:
        raise SlackError("cannot_dm_bot")
    if user.deleted:
        raise SlackError("user_disabled")
    channel = core.state.dm(user.id)
    full = is_true(args.get("return_im"))
    return {"channel": channel.as_slack(core.state.bot_user) if full else {"id": channel.id}}


def history(core: WorkspaceParts, args: Json) -> Json:
    """conversations.history: newest first, without the replies in threads."""
    channel = _readable(core, args)
    shown = [one for one in channel.messages if _is_top_level(one)]
    return _page([one for one in reversed(shown) if _within(one, args)], args)


def replies(core: WorkspaceParts, args: Json) -> Json:
    """conversations.replies: the parent, then its thread, oldest first."""
    channel = _readable(core, args)
    parent = find(channel, args.get("ts"), error="thread_not_found")
    root = parent.get("thread_ts", parent["ts"])
    thread = [one for one in channel.messages if root in (one["ts"], one.get("thread_ts"))]
    return _page([one for one in thread if _within(one, args) or one["ts"] == root], args)


def _readable(core: WorkspaceParts, args: Json) -> Channel:
    channel = core.state.channel(args.get("channel"))
    if core.state.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _is_top_level(message: Json) -> bool:
    in_thread = message.get("thread_ts", message["ts"]) != message["ts"]
    return not in_thread or message.get("subtype") == "thread_broadcast"


def _within(message: Json, args: Json) -> bool:
    ts, inclusive = float(message["ts"]), is_true(args.get("inclusive"))
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    return oldest < ts < latest or (inclusive and ts in (oldest, latest))


def _page(messages: list[Json], args: Json) -> Json:
    start, limit = _offset(args), max(1, min(int(args.get("limit") or 100), 999))
    with_metadata = is_true(args.get("include_all_metadata"))
    shown = [
        one if with_metadata else {name: value for name, value in one.items() if name != "metadata"}
        for one in messages[start : start + limit]
    ]
    more = start + limit < len(messages)
    return {
        "messages": shown,
        "has_more": more,
        "pin_count": 0,
        **next_cursor(start + limit if more else None),
    }


def next_cursor(offset: int | None) -> Json:
    """`response_metadata` that leads to the rest of a list."""
    cursor = base64.b64encode(f"next:{offset}".encode()).decode() if offset is not None else ""
    return {"response_metadata": {"next_cursor": cursor}}


def _offset(args: Json) -> int:
    try:
        text = base64.b64decode(str(args.get("cursor") or "")).decode()
        return int(text.removeprefix("next:") or 0)
    except (binascii.Error, ValueError) as error:
        raise SlackError("invalid_cursor") from error


def info(core: WorkspaceParts, args: Json) -> Json:
    """conversations.info."""
    return {"channel": core.state.channel(args.get("channel")).as_slack(core.state.bot_user)}


def members(core: WorkspaceParts, args: Json) -> Json:
    """conversations.members."""
    found = core.state.channel(args.get("channel")).members
    start, limit = _offset(args), int(args.get("limit") or 100)
    more = start + limit < len(found)
    return {"members": found[start : start + limit], **next_cursor(start + limit if more else None)}


def of_user(core: WorkspaceParts, args: Json) -> Json:
    """users.conversations."""
    member = str(args.get("user") or core.state.bot_user)
    kinds = str(args.get("types") or "public_channel").split(",")
    found = [one for one in core.state.channels.values() if member in one.members and _kind(one) in kinds]
    return {"channels": [one.as_slack(core.state.bot_user) for one in found], **next_cursor(None)}


def _kind(channel: Channel) -> str:
    return "im" if channel.is_im else "private_channel" if channel.id.startswith("G") else "public_channel"


METHODS = {
    "conversations.open": open_dm, "conversations.history": history, "conversations.replies": replies,
    "conversations.info": info, "conversations.members": members, "users.conversations": of_user,
}  # fmt: skip
