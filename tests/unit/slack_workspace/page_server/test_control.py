"""The workspace as another process uses it: `python -m slack_workspace` and `/_control/*`."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from harness.workspace_kit import entry, modal, text_input
from slack_bolt import App
from slack_sdk import WebClient

from slack_workspace import Workspace

Json = dict[str, Any]


def ask(workspace: Workspace, path: str, body: Json | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    url = workspace.api_url.replace("/api/", f"/_control/{path}")
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_a_story_over_http(workspace: Workspace, app: App, join: Any) -> None:
    @app.command("/kws")
    def kws(ack: Any, body: Json, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal(entry(text_input(), "name")))
        ack()

    @app.view("rent")
    def rent(ack: Any, body: Json, view: Json, client: WebClient) -> None:
        ack()
        client.chat_postMessage(
            channel=body["user"]["id"], text=view["state"]["values"]["name"]["text"]["value"]
        )

    join(app)
    assert ask(workspace, "command", {"user": "mina", "text": "/kws"})["outcome"]["acked"]
    assert ask(workspace, "screen?user=mina")["view"]["callback_id"] == "rent"
    ask(workspace, "fill", {"user": "mina", "name": "name", "value": "vm1"})
    assert ask(workspace, "submit", {"user": "mina"})["outcome"]["acked"]
    workspace.wait_for(lambda: workspace.person("mina").dm())
    assert ask(workspace, "screen?user=mina")["dm"][0]["text"] == "vm1"
    log = ask(workspace, "log")
    assert log["violations"] == [] and log["calls"][-1]["method"] == "chat.postMessage"
    assert "mina" in [one["name"] for one in ask(workspace, "users")["users"]]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("submit", {"user": "mina"}, 409),
        ("click", {"user": "nobody"}, 409),
        ("explode", {"user": "mina"}, 404),
    ],
)
def test_what_cannot_be_done_is_said(workspace: Workspace, path: str, body: Json, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        ask(workspace, path, body)
    assert refusal.value.code == status


def test_trouble_over_http(workspace: Workspace, client: WebClient) -> None:
    ask(workspace, "faults", {"method": "auth.test", "error": "account_inactive"})
    assert workspace.faults.take("auth.test") is not None


def test_the_standalone_workspace_prints_what_a_bot_needs() -> None:
    command = [sys.executable, "-m", "slack_workspace", "--users", "sora:en-US:Europe/Paris"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        client = WebClient(lines["SLACK_BOT_TOKEN"], base_url=lines["SLACK_API_URL"])
        assert client.users_info(user="U0EXTRA000", include_locale=True)["user"]["locale"] == "en-US"
        assert lines["SLACK_APP_TOKEN"].startswith("xapp-")
        process.terminate()
        assert process.wait(5) == 0
