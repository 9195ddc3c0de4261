"""The Web API: tokens, arguments, and which function answers which method."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from slack_workspace.errors import Json, SlackError
from slack_workspace.parts import WorkspaceParts
from slack_workspace.state import Call
from slack_workspace.web_api import scopes
from slack_workspace.web_api.chat import METHODS as CHAT
from slack_workspace.web_api.conversations import METHODS as CONVERSATIONS
from slack_workspace.web_api.directory import METHODS as DIRECTORY
from slack_workspace.web_api.files import METHODS as FILES
from slack_workspace.web_api.scheduled import METHODS as SCHEDULED
from slack_workspace.web_api.scheduled import post_due
from slack_workspace.web_api.views import METHODS as VIEWS

METHODS: dict[str, Callable[[WorkspaceParts, Json], Json]] = {
    **CHAT, **CONVERSATIONS, **DIRECTORY, **FILES, **SCHEDULED, **VIEWS,
}  # fmt: skip
JSON_FIELDS = ("blocks", "attachments", "view", "files", "metadata")
MALFORMED = {"blocks": "invalid_blocks_format", "metadata": "invalid_metadata_format"}


def call(core: WorkspaceParts, method: str, token: str | None, args: Json) -> Json:
    """Answer one API call; never raises SlackError."""
    with core.state.changed:
        core.state.calls.append(Call(method, args, core.state.clock()))
        try:
            return {"ok": True, **_answer(core, method, token, args)}
        except SlackError as refusal:
            return refusal.body()
        finally:
            core.state.touch()


def _answer(core: WorkspaceParts, method: str, token: str | None, args: Json) -> Json:
    if method not in METHODS:
        raise SlackError("unknown_method", req_method=method)
    post_due(core)
    if method != "api.test":
        _check_token(core, method, token)
        if core.scopes is not None and token == core.bot_token:
            scopes.check(core.scopes, method, args)
    return METHODS[method](core, decoded(args))


def _check_token(core: WorkspaceParts, method: str, token: str | None) -> None:
    if not token:
        raise SlackError("not_authed")
    if token not in (core.bot_token, core.app_token):
        raise SlackError("invalid_auth")
    if (token == core.app_token) != (method == "apps.connections.open"):
        raise SlackError("not_allowed_token_type")


def decoded(args: Json) -> Json:
    """Form fields hold JSON as text; JSON bodies may hold it either way."""
    plain = {name: value for name, value in args.items() if name != "token" and value is not None}
    for name in JSON_FIELDS:
        if isinstance(plain.get(name), str):
            plain[name] = _loaded(name, plain[name])
    return plain


def _loaded(name: str, text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise SlackError(MALFORMED.get(name, "invalid_arguments")) from error
