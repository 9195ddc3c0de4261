"""The manifest asks for the least that the code uses: derived from the calls, not from what we remember."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from harness.commands import kws
from slack_sdk import WebClient

from bot.slack import manifest
from slack_workspace.web_api import scopes

ROOT = Path(__file__).parents[4]
SOURCES = [p for p in (ROOT / "bot").rglob("*.py") if "workspace" not in p.parts and "locale" not in p.parts]
LISTENERS = [path for path in SOURCES if "cli" not in path.parts]  # their app is Typer's
CALL = re.compile(r'api_call\(\s*"([A-Za-z.]+)"')
SOCKET_MODE = "apps.connections.open"  # slack_sdk's socket client asks for it, with the app-level token


def methods_of(name: str) -> set[str]:
    """What a method of slack_sdk's WebClient calls: ``users_info`` → ``users.info``."""
    function = getattr(WebClient, name, None)
    return set(CALL.findall(inspect.getsource(function))) if inspect.isfunction(function) else set()


def used(text: str) -> Iterator[str]:
    """Every Web API method that a source mentions: client.users_info, say(), client.api_call("…")."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and "client" in ast.unparse(node.value).lower():
            yield from methods_of(node.attr)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "api_call"
        ):
            handed_on = ast.unparse(node.func.value) == "super()" and isinstance(node.args[0], ast.Name)
            assert handed_on, "api_call(…) hides from this test; use the method of its own name"
        if isinstance(node, ast.arg) and node.arg == "say":
            yield "chat.postMessage"


def registered(text: str) -> Iterator[tuple[str, str]]:
    """(kind, name) of what a source listens for: ``app.event("…")``, ``app.command(…)``, ``app.options(…)``."""
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if ast.unparse(node.func.value).split(".")[-1] == "app":
            name = node.args[0]
            yield node.func.attr, str(name.value) if isinstance(name, ast.Constant) else ast.unparse(name)


@cache
def all_used() -> frozenset[str]:
    return frozenset({method for path in SOURCES for method in used(path.read_text())} | {SOCKET_MODE})


@cache
def all_registered() -> frozenset[tuple[str, str]]:
    return frozenset(pair for path in LISTENERS for pair in registered(path.read_text()))


def test_the_reader_of_calls_sees_them() -> None:
    assert set(used("self.post.client.conversations_open(users=[x])")) == {"conversations.open"}
    assert set(used("ask = self.client.usergroups_users_list")) == {"usergroups.users.list"}
    assert set(used("client.files_getUploadURLExternal(length=1)")) == {"files.getUploadURLExternal"}
    assert set(used("def f(ack, say): say('x')")) == {"chat.postMessage"}
    with pytest.raises(AssertionError):
        set(used("self.web.api_call('conversations.list')"))
    assert list(registered("app.event('app_home_opened')(f)")) == [("event", "app_home_opened")]


def test_every_call_is_declared_and_every_declared_call_is_made() -> None:
    declared = {method for scope in manifest.SCOPES for method in scope.methods}
    assert declared | set(manifest.WITHOUT_SCOPE) == all_used()


def test_the_scopes_are_the_least_that_the_calls_need() -> None:
    assert all_used() <= set(scopes.SCOPES) | scopes.FREE, "say which scope Slack wants for it"
    needed = {scopes.needed(method, {"channel": "D0"}) for method in all_used()} - {""}
    commands = [name for kind, name in all_registered() if kind == "command"]
    assert commands == ["ids.COMMAND"]
    assert set(manifest.BOT_SCOPES) == needed | {"commands"}
    for scope in manifest.SCOPES:
        for method in scope.methods:
            assert scopes.needed(method, {"channel": "D0"}) == scope.name


def test_the_subscriptions_are_those_that_the_code_listens_for() -> None:
    listening = {name for kind, name in all_registered() if kind in ("event", "message")}
    assert listening == set(manifest.EVENTS)
    home = manifest.manifest()["features"]["app_home"]
    assert home["home_tab_enabled"] == ("app_home_opened" in listening)


def test_the_file_is_fresh() -> None:
    assert (ROOT / "manifest.yaml").read_text() == manifest.manifest_text(), (
        "run: kws manifest > manifest.yaml"
    )
    assert manifest.scope_table() in (ROOT / "docs/reference/slack-scopes.md").read_text(), (
        "docs/reference/slack-scopes.md: the table of scopes"
    )


def test_slacks_own_limits_are_kept() -> None:
    made = manifest.manifest()
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    (command,) = made["features"]["slash_commands"]
    assert len(command["command"]) <= 32 and command["should_escape"] is False
    assert made["settings"]["socket_mode_enabled"] is True
    assert "url" not in command and "request_url" not in made["settings"]["interactivity"]


def test_request_urls_for_http() -> None:
    for given in (
        "https://kws.example.org",
        "https://kws.example.org/",
        "https://kws.example.org/slack/events",
    ):
        made = manifest.manifest(given)
        assert made["features"]["slash_commands"][0]["url"] == "https://kws.example.org/slack/events"
        assert made["settings"]["interactivity"]["request_url"] == "https://kws.example.org/slack/events"
        assert made["settings"]["socket_mode_enabled"] is False


def test_kws_manifest_prints_it(tmp_path: Path) -> None:
    def printed(*words: str) -> subprocess.CompletedProcess[str]:
        return kws(tmp_path, "manifest", *words)

    assert printed().stdout == manifest.manifest_text()
    assert yaml.safe_load(printed("--http", "https://a.example").stdout) == manifest.manifest(
        "https://a.example"
    )
    wrong = printed("--http", "http://a.example")
    assert wrong.returncode == 2
    assert "https://" in wrong.stderr
