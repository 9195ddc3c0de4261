"""Which scopes Slack wants for a method, after the page of each method at docs.slack.dev."""

from __future__ import annotations

from slack_workspace.errors import Json, SlackError

# "{kind}" depends on the conversation: channels, groups or im
SCOPES = {
    "bots.info": "users:read",
    "chat.delete": "chat:write",
    "chat.deleteScheduledMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.scheduleMessage": "chat:write",
    "chat.update": "chat:write",
    "conversations.history": "{kind}:history",
    "conversations.info": "{kind}:read",
    "conversations.members": "{kind}:read",
    "conversations.open": "im:write",
    "conversations.replies": "{kind}:history",
    "files.completeUploadExternal": "files:write",
    "files.delete": "files:write",
    "files.getUploadURLExternal": "files:write",
    "files.info": "files:read",
    "team.info": "team:read",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "users.conversations": "channels:read",
    "users.info": "users:read",
    "users.list": "users:read",
}
FREE = frozenset(
    {"api.test", "apps.connections.open", "auth.test", "chat.getPermalink",
     "views.open", "views.publish", "views.push", "views.update"}
)  # fmt: skip
_KINDS = {"C": "channels", "G": "groups"}


def needed(method: str, args: Json) -> str:
    """The scope for this call, "" for none."""
    kind = _KINDS.get(str(args.get("channel") or "")[:1], "im")
    return SCOPES.get(method, "").format(kind=kind)


def check(granted: frozenset[str], method: str, args: Json) -> None:
    """Check that the scope was granted.

    Raises:
        SlackError: `missing_scope`.
    """
    scope = needed(method, args)
    if scope and scope not in granted:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(granted)))
