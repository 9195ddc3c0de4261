"""The payloads Slack sends, field for field."""

from __future__ import annotations

from slack_workspace.block_kit.forms import Control
from slack_workspace.errors import Json
from slack_workspace.parts import WorkspaceParts
from slack_workspace.people import Channel, User
from slack_workspace.views import LiveView

TOKEN = "local-verification-token"


def slash_command(core: WorkspaceParts, user: User, channel: Channel, command: str, text: str) -> Json:
    """A slash command typed in a channel; `text` is what follows the command."""
    """What every payload of a click or a form has; others add to it."""
    state = core.state
    return {
        "token": TOKEN, "team_id": user.team_id, "team_domain": state.team_domain,
        "channel_id": channel.id, "channel_name": "directmessage" if channel.is_im else channel.name,
        "user_id": user.id, "user_name": user.name, "command": command, "text": text,
        "api_app_id": state.app_id, "is_enterprise_install": "false",
        "response_url": core.responses.issue(user.id, channel.id), "trigger_id": state.new_trigger(user.id),
    }  # fmt: skip


def interactive(core: WorkspaceParts, user: User, kind: str, trigger_view: str | None = None) -> Json:
    """What every payload of a click or a form has; others add to it."""
    state = core.state
    return {
        "type": kind, "token": TOKEN, "api_app_id": state.app_id, "enterprise": None,
        "is_enterprise_install": False, "team": {"id": user.team_id, "domain": state.team_domain},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "trigger_id": state.new_trigger(user.id, trigger_view),
    }  # fmt: skip


def view_submission(core: WorkspaceParts, user: User, live: LiveView) -> Json:
    """Submit pressed on the view as it stands."""
    payload = interactive(core, user, "view_submission", live.id)
    return payload | {"view": core.views.as_slack(live), "response_urls": _response_urls(core, user, live)}


def _response_urls(core: WorkspaceParts, user: User, live: LiveView) -> list[Json]:
    """One for each conversation picked in a select that asks for it by `response_url_enabled`."""
    urls = []
    for block in live.body["blocks"]:
        element = block.get("element") or {}
        if element.get("response_url_enabled"):
            entry = live.values()[block["block_id"]][element["action_id"]]
            picked = entry.get("selected_conversation") or entry.get("selected_channel")
            if picked:
                urls.append(
                    {
                        "block_id": block["block_id"], "action_id": element["action_id"],
                        "channel_id": picked, "response_url": core.responses.issue(user.id, picked),
                    }
                )  # fmt: skip
    return urls


def view_closed(core: WorkspaceParts, user: User, live: LiveView, *, cleared: bool) -> Json:
    """Close pressed; `cleared` when the whole stack went."""
    payload = interactive(core, user, "view_closed")
    del payload["trigger_id"]
    return payload | {"view": core.views.as_slack(live), "is_cleared": cleared}


def action_of(core: WorkspaceParts, control: Control, entry: Json) -> Json:
    """The one entry of `actions`."""
    block_id, action_id = control.key
    shown: Json = {
        name: control.element[name] for name in ("text", "value", "style", "url") if name in control.element
    }
    ts = core.state.new_ts()
    return {
        "type": control.kind,
        "block_id": block_id,
        "action_id": action_id,
        "action_ts": ts,
        **shown,
        **entry,
    }


def block_actions_in_view(core: WorkspaceParts, user: User, live: LiveView, action: Json) -> Json:
    """An element used in a modal or the App Home."""
    return interactive(core, user, "block_actions", live.id) | {
        "container": {"type": "view", "view_id": live.id}, "view": core.views.as_slack(live), "actions": [action],
    }  # fmt: skip


def block_actions_in_message(
    core: WorkspaceParts, user: User, channel: Channel, message: Json, values: Json, action: Json
) -> Json:
    """An element used in a message; `values` is the state of all its elements."""
    hidden = bool(message.get("is_ephemeral"))
    container: Json = {
        "type": "message", "message_ts": message["ts"], "channel_id": channel.id, "is_ephemeral": hidden,
    }  # fmt: skip
    if "thread_ts" in message:
        container["thread_ts"] = message["thread_ts"]
    payload = interactive(core, user, "block_actions") | {
        "container": container, "state": {"values": values}, "actions": [action],
        "channel": {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name},
        "response_url": core.responses.issue(user.id, channel.id, original_ts=message["ts"], hidden=hidden),
    }  # fmt: skip
    return payload if hidden else payload | {"message": message}


def block_suggestion(core: WorkspaceParts, user: User, control: Control, query: str, place: Json) -> Json:
    """`place` holds `view` or `message` and `channel`, and the container."""
    block_id, action_id = control.key
    payload = interactive(core, user, "block_suggestion")
    del payload["trigger_id"]
    return payload | {"block_id": block_id, "action_id": action_id, "value": query} | place


def event(core: WorkspaceParts, user: User, body: Json) -> Json:
    """An events_api payload round an event body."""
    state = core.state
    authorization = {
        "enterprise_id": None, "team_id": state.team_id, "user_id": state.bot_user, "is_bot": True,
        "is_enterprise_install": False,
    }  # fmt: skip
    return {
        "type": "event_callback", "token": TOKEN, "team_id": state.team_id, "api_app_id": state.app_id,
        "event": body, "event_id": state.new_id("Ev"), "event_time": int(state.clock()),
        "authorizations": [authorization], "is_ext_shared_channel": False,
        "event_context": f"4-{body['type']}-{user.id}",
    }  # fmt: skip


def app_home_opened(core: WorkspaceParts, user: User, tab: str) -> Json:
    """The event of opening the App Home, with the view that is there."""
    home = core.views.home(user.id)
    body: Json = {
        "type": "app_home_opened", "user": user.id, "channel": core.state.dm(user.id).id, "tab": tab,
        "event_ts": core.state.new_ts(),
    }  # fmt: skip
    if home is not None and tab == "home":
        body["view"] = core.views.as_slack(home)
    return event(core, user, body)


def im_message(core: WorkspaceParts, user: User, channel: Channel, message: Json) -> Json:
    """The event of a message in the DM."""
    body = {**message, "channel": channel.id, "channel_type": "im", "event_ts": message["ts"]}
    return event(core, user, body)
