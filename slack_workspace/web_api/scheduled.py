"""chat.scheduleMessage and chat.deleteScheduledMessage."""

from __future__ import annotations

from slack_workspace.errors import Json, SlackError
from slack_workspace.messages import bot_message, post
from slack_workspace.parts import WorkspaceParts
from slack_workspace.state import Scheduled
from slack_workspace.web_api.chat import checked, writable

FARTHEST = 120 * 86400  # seconds
TOO_LATE = 60  # seconds before its time from which it can't be taken back


def schedule(core: WorkspaceParts, args: Json) -> Json:
    """Serve chat.scheduleMessage.

    Raises:
        SlackError: If the time is invalid, past, or too far away.
    """
    channel = writable(core, args)
    checked(core, "chat.scheduleMessage", args)
    try:
        at = float(args.get("post_at") or 0)
    except ValueError as error:
        raise SlackError("invalid_time") from error
    ahead = at - core.state.clock()
    if ahead <= 0 or ahead > FARTHEST:
        raise SlackError("time_in_past" if ahead <= 0 else "time_too_far")
    message = bot_message(core.state, args.get("text") or "", args.get("blocks"))
    key = core.state.new_id("Q")
    core.state.scheduled[key] = Scheduled(channel.id, message, at)
    return {"channel": channel.id, "scheduled_message_id": key, "post_at": int(at), "message": message}


def delete(core: WorkspaceParts, args: Json) -> Json:
    """Serve chat.deleteScheduledMessage.

    Raises:
        SlackError: `invalid_scheduled_message_id`.
    """
    channel, key = core.state.channel(args.get("channel")), str(args.get("scheduled_message_id"))
    found = core.state.scheduled.get(key)
    if found is None or found.channel != channel.id or found.at - core.state.clock() < TOO_LATE:
        raise SlackError("invalid_scheduled_message_id")
    del core.state.scheduled[key]
    return {}


def post_due(core: WorkspaceParts) -> None:
    """Post what is due by now."""
    for key, one in list(core.state.scheduled.items()):
        if one.at <= core.state.clock():
            del core.state.scheduled[key]
            post(core.state, core.state.channel(one.channel), {**one.message, "ts": core.state.new_ts()})


METHODS = {"chat.scheduleMessage": schedule, "chat.deleteScheduledMessage": delete}
