"""chat.*"""

from __future__ import annotations

import json

from slack_workspace.errors import Json, SlackError
from slack_workspace.messages import bot_message, find, post, post_ephemeral, remove, rewrite
from slack_workspace.parts import WorkspaceParts
from slack_workspace.people import Channel
from slack_workspace.responses import check_content

MAX_BLOCKS_JSON = 13_000


def is_true(value: object) -> bool:
    """A boolean argument as forms and JSON spell it."""
    return str(value).lower() in ("1", "true")


def writable(core: WorkspaceParts, args: Json) -> Channel:
    """Return the channel, if the bot may post there.

    Raises:
        SlackError: `not_in_channel`.
    """
    channel = core.state.channel(args.get("channel"))
    if core.state.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def checked(core: WorkspaceParts, source: str, args: Json) -> None:
    """Check blocks and text.

    Raises:
        SlackError: If Slack would refuse them.
    """
    check_content(core.state, source, args)
    if len(json.dumps(args.get("blocks") or [], ensure_ascii=False)) > MAX_BLOCKS_JSON:
        core.state.violate(source, ["msg_blocks_too_long"])
        raise SlackError("msg_blocks_too_long")


def _metadata(args: Json) -> Json | None:
    metadata = args.get("metadata")
    if metadata is not None and not (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    ):
        raise SlackError("invalid_metadata_format")
    return metadata


def post_message(core: WorkspaceParts, args: Json) -> Json:
    """chat.postMessage; a user id as the channel means the DM with that user."""
    channel = writable(core, args)
    checked(core, "chat.postMessage", args)
    message = bot_message(
        core.state, args.get("text") or "", args.get("blocks"), attachments=args.get("attachments"),
        thread_ts=args.get("thread_ts"), metadata=_metadata(args),
        subtype="thread_broadcast" if is_true(args.get("reply_broadcast")) else None,
    )  # fmt: skip
    post(core.state, channel, message)
    return {"channel": channel.id, "ts": message["ts"], "message": message}


def update(core: WorkspaceParts, args: Json) -> Json:
    """Serve chat.update, for the bot's own messages.

    Raises:
        SlackError: `cant_update_message`, for those of others.
    """
    channel = core.state.channel(args.get("channel"))
    message = find(channel, args.get("ts"))
    if message.get("bot_id") != core.state.bot_id:
        raise SlackError("cant_update_message")
    if args.get("blocks") != []:
        checked(core, "chat.update", args)
    rewrite(core.state, message, text=args.get("text"), blocks=args.get("blocks"))
    if "metadata" in args:
        message["metadata"] = _metadata(args)
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}


def delete(core: WorkspaceParts, args: Json) -> Json:
    """Serve chat.delete, for the bot's own messages.

    Raises:
        SlackError: `cant_delete_message`, for those of others.
    """
    channel = core.state.channel(args.get("channel"))
    message = find(channel, args.get("ts"))
    if message.get("bot_id") != core.state.bot_id:
        raise SlackError("cant_delete_message")
    remove(core.state, channel, message)
    return {"channel": channel.id, "ts": message["ts"]}


def post_ephemeral_message(core: WorkspaceParts, args: Json) -> Json:
    """Serve chat.postEphemeral.

    Raises:
        SlackError: `user_not_in_channel`.
    """
    channel = writable(core, args)
    user = core.state.user(args.get("user"))
    if user.id not in channel.members:
        raise SlackError("user_not_in_channel")
    checked(core, "chat.postEphemeral", args)
    message = bot_message(
        core.state, args.get("text") or "", args.get("blocks"), thread_ts=args.get("thread_ts")
    )
    post_ephemeral(core.state, user.id, channel.id, message)
    return {"message_ts": message["ts"]}


def permalink(core: WorkspaceParts, args: Json) -> Json:
    """chat.getPermalink."""
    channel = core.state.channel(args.get("channel"))
    message = find(channel, args.get("message_ts"))
    link = (
        f"https://{core.state.team_domain}.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    )
    if message.get("thread_ts", message["ts"]) != message["ts"]:
        link += f"?thread_ts={message['thread_ts']}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


METHODS = {
    "chat.postMessage": post_message, "chat.update": update, "chat.delete": delete,
    "chat.postEphemeral": post_ephemeral_message, "chat.getPermalink": permalink,
}  # fmt: skip
