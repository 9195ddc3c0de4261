"""Slack as KWS needs it: tokens, scopes, Socket Mode, the admins and their channel. Nobody sees anything of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.slack.manifest import BOT_SCOPES
from kws_core.config import DEFAULT_SLACK_API_URL, Config
from kws_core.findings import Finding, clock_finding, fail, note, ok

TIMEOUT = 8  # seconds for one call
AHEAD = 86400  # seconds until the message that is asked for and taken back would be posted
APP = re.compile(r"xapp-\d+-(A[A-Z0-9]{8,})-")
REFUSALS = {
    "channel_not_found": "channel_unknown",
    "not_in_channel": "channel_not_member",
    "is_archived": "channel_archived",
}
_UNREACHABLE = (SlackClientError, HTTPException, OSError, ValueError)


def findings(env: Mapping[str, str], config: Config | None, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Every finding; without Slack the first one is the last."""
    bot_token, app_token = env.get("SLACK_BOT_TOKEN", ""), env.get("SLACK_APP_TOKEN", "")
    secret = env.get("SLACK_SIGNING_SECRET", "")
    yield from _variables(bot_token, app_token, secret)
    url = env.get("SLACK_API_URL") or DEFAULT_SLACK_API_URL
    client = WebClient(bot_token, base_url=f"{url.rstrip('/')}/", timeout=TIMEOUT, retry_handlers=[])
    try:
        bot = None
        if bot_token.startswith("xoxb-"):
            bot = yield from _login(client, now)
        if app_token.startswith("xapp-"):
            yield from _socket_mode(client, app_token)
            if bot:
                yield from _same_app(client, bot, app_token)
        if bot and config:
            yield from _admins(client, config)
            yield from _channel(client, config, now)
    except SlackApiError as error:
        if _status(error) < 500:
            yield fail("slack_refuses", error=_said(error))
        else:
            yield fail("slack_silent", url=client.base_url, why=f"HTTP {_status(error)}")
    except _UNREACHABLE as error:
        yield fail("slack_silent", url=client.base_url, why=str(error) or type(error).__name__)


def _variables(bot_token: str, app_token: str, secret: str) -> Iterator[Finding]:
    for variable, value, prefix in (
        ("SLACK_BOT_TOKEN", bot_token, "xoxb-"),
        ("SLACK_APP_TOKEN", app_token, "xapp-"),
    ):
        if value and not value.startswith(prefix):
            yield fail("environment_wrong", variable=variable, prefix=prefix)
    if not bot_token:
        yield fail("bot_token_missing")
    if not app_token and not secret:
        yield fail("no_way_in")
    elif not app_token:
        yield ok("request_urls")


def _login(client: WebClient, now: Callable[[], datetime]) -> Any:
    """Findings; returns Slack's answer to auth.test, None when it refuses the token."""
    asked = now()
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        if _status(error) >= 500:
            raise
        yield fail("bot_token_refused", error=_said(error))
        return None
    yield ok("slack_login", team=answer.get("team"), user=answer.get("user"))
    headers = {key.lower(): _first(value) for key, value in answer.headers.items()}
    yield from _scopes(headers.get("x-oauth-scopes"))
    try:
        told = parsedate_to_datetime(headers.get("date") or "")
    except ValueError:
        return answer
    yield clock_finding((told - asked).total_seconds(), "Slack")
    return answer


def _scopes(header: str | None) -> Iterator[Finding]:
    if header is None:
        yield note("scopes_unknown")
        return
    granted = {scope.strip() for scope in header.split(",") if scope.strip()}
    missing, extra = sorted(set(BOT_SCOPES) - granted), sorted(granted - set(BOT_SCOPES))
    if missing:
        yield fail("scopes_missing", scopes=", ".join(missing))
    else:
        yield ok("scopes", count=len(BOT_SCOPES))
    if extra:
        yield note("scopes_extra", scopes=", ".join(extra))


def _socket_mode(client: WebClient, app_token: str) -> Iterator[Finding]:
    # The URL is not opened: a connection would be sent its share of what people do, and lose it.
    try:
        client.apps_connections_open(app_token=app_token)
    except SlackApiError as error:
        if _status(error) >= 500:
            raise
        code = "app_token_scope" if _said(error) == "missing_scope" else "app_token_refused"
        yield fail(code, error=_said(error))
    else:
        yield ok("socket_mode")


def _same_app(client: WebClient, bot: Any, app_token: str) -> Iterator[Finding]:
    theirs = APP.match(app_token)
    if theirs is None or not bot.get("bot_id"):
        return
    ours = client.bots_info(bot=bot["bot_id"])["bot"].get("app_id")
    if ours and ours != theirs[1]:
        yield fail("two_apps", bot=ours, app=theirs[1])


def _admins(client: WebClient, config: Config) -> Iterator[Finding]:
    admins = config.kws.admins
    if not admins:
        yield note("admins_none")
        return
    try:
        wrong = [finding for admin in admins if (finding := _admin(client, admin))]
    except SlackApiError as error:
        if _said(error) != "missing_scope":
            raise
        return  # said already
    yield from wrong
    if not wrong:
        yield ok("admins", admins=", ".join(admins))


def _admin(client: WebClient, admin: str) -> Finding | None:
    """What is wrong with one entry of ``admins``."""
    try:
        if admin.startswith("S"):
            members = client.usergroups_users_list(usergroup=admin)["users"]
            return None if members else fail("admin_group_empty", admin=admin)
        user = client.users_info(user=admin)["user"]
    except SlackApiError as error:
        if _said(error) == "missing_scope" or _status(error) >= 500:
            raise
        return fail("admin_unknown", admin=admin, error=_said(error))
    if user.get("deleted"):
        return fail("admin_left", admin=admin)
    guest = user.get("is_restricted") or user.get("is_bot") or user.get("is_stranger")
    return fail("admin_no_member", admin=admin) if guest else None


def _channel(client: WebClient, config: Config, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Whether the bot may post there, without a scope to read channels: a message is ordered and taken back."""
    channel = config.kws.admin_channel
    if channel is None:
        return
    try:
        ordered = client.chat_scheduleMessage(
            channel=channel, post_at=int(now().timestamp()) + AHEAD, text="kws doctor: can I post here?"
        )
    except SlackApiError as error:
        said = _said(error)
        if said in REFUSALS:
            yield fail(REFUSALS[said], channel=channel)
        elif said != "missing_scope":  # else it was said already
            yield fail("channel_refused", channel=channel, error=said)
        return
    client.chat_deleteScheduledMessage(channel=channel, scheduled_message_id=ordered["scheduled_message_id"])
    yield ok("channel", channel=channel)


def _said(error: SlackApiError) -> str:
    response: Any = error.response
    return str(response.get("error") or error) if hasattr(response, "get") else str(error)


def _status(error: SlackApiError) -> int:
    """The HTTP status of Slack's answer; slack_sdk keeps it in one of two places."""
    response: Any = error.response
    status = getattr(response, "status_code", None)
    return int(status or (response.get("status") if isinstance(response, dict) else None) or 200)


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value)
