"""What KWS asks of Slack, each scope with its reason; the app's manifest is made from it.

``tests/unit/bot/slack/test_manifest.py`` compares this with the calls in the code, both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from bot.views import ids

PATH = "/slack/events"  # of every Request URL with --http


@dataclass(frozen=True, slots=True)
class Scope:
    """A bot scope: the Web API methods that need it, and why KWS calls them."""

    name: str
    methods: tuple[str, ...]
    why: str


SCOPES = (
    Scope("commands", (), f"the slash command {ids.COMMAND}"),
    Scope(
        "chat:write",
        ("chat.postMessage", "chat.update", "chat.scheduleMessage", "chat.deleteScheduledMessage"),
        "the card in the direct message, its edits, warnings, notices to the admins; "
        "`kws doctor` asks for a message to the admin channel a day ahead and takes it back at once",
    ),
    Scope("im:write", ("conversations.open",), "opens the direct message"),
    Scope(
        "im:history",
        ("conversations.history", "conversations.replies"),
        "after a failure, looks in the direct message whether a message or file arrived",
    ),
    Scope(
        "files:write",
        ("files.getUploadURLExternal", "files.completeUploadExternal", "files.delete"),
        "uploads the private key; deletes its file once it is saved, and that of a try that failed",
    ),
    Scope("users:read", ("users.info", "bots.info"), "language, guest or member, who has left"),
    Scope("usergroups:read", ("usergroups.users.list",), "members of the user groups in `admins`"),
)
WITHOUT_SCOPE = (
    "auth.test",
    "apps.connections.open",
    "views.open",
    "views.publish",
    "views.push",
    "views.update",
)
EVENTS: tuple[str, ...] = ("app_home_opened",)  # what the bot subscribes to; none of these needs a scope

BOT_SCOPES = tuple(scope.name for scope in SCOPES)

_HEADER = "# The Slack app, made by `kws manifest`. Do not edit: the scopes are those that the code needs.\n"


def manifest(url: str | None = None) -> dict[str, Any]:
    """The app's manifest, for Socket Mode; with ``url`` (https://host) for Request URLs there."""
    there = f"{url.rstrip('/').removesuffix(PATH)}{PATH}" if url else ""
    command: dict[str, Any] = {"command": ids.COMMAND}
    command |= {"url": there} if there else {}
    command |= {
        "description": "Servers for the lab",
        "usage_hint": "rent | list | return NAME | status | keys | help",
        "should_escape": False,
    }
    settings: dict[str, Any] = {"interactivity": _listening({"is_enabled": True}, there)}
    if EVENTS:
        settings["event_subscriptions"] = _listening({"bot_events": [*EVENTS]}, there)
    settings |= {
        "org_deploy_enabled": False,
        "socket_mode_enabled": not there,
        "token_rotation_enabled": False,  # KWS reads its tokens once, at its start
    }
    return {
        "display_information": {
            "name": "KWS",
            "description": "Rent a server or a container of the lab",
            "background_color": "#1f2d3d",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": "app_home_opened" in EVENTS,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "kws", "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": [*BOT_SCOPES]}},
        "settings": settings,
    }


def manifest_text(url: str | None = None) -> str:
    """manifest.yaml."""
    return _HEADER + yaml.safe_dump(manifest(url), sort_keys=False, allow_unicode=True, width=110)


def scope_table() -> str:
    """The scopes as a Markdown table, for docs/reference/slack-scopes.md."""
    rows = ["| Scope | Methods | Why |", "|---|---|---|"]
    for scope in SCOPES:
        methods = ", ".join(f"`{method}`" for method in scope.methods) or "-"
        rows.append(f"| `{scope.name}` | {methods} | {scope.why} |")
    return "\n".join(rows)


def _listening(setting: dict[str, Any], url: str) -> dict[str, Any]:
    return {"request_url": url, **setting} if url else setting
