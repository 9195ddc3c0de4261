"""The web page's server: who may ask, what comes down the stream, files, the side panel."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from slack_sdk import WebClient

from slack_workspace import EmptyStage, Workspace

Json = dict[str, Any]
EVIL = "http://evil.example"


def ask(workspace: Workspace, method: str, path: str, body: str | None = None, **headers: str) -> Any:
    """The answer; `headers` with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", workspace.port, timeout=5)
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"Host": "evil.example"}),  # DNS rebinding: the name is another's, the address ours
        ("GET", "/", {"Host": "127.0.0.1.evil.example:80"}),
        ("GET", "/_control/screen?user=mina", {"Host": "evil.example:8710"}),
        ("POST", "/_control/say", {"Origin": EVIL}),
        ("POST", "/_control/say", {"Origin": "null"}),
        ("POST", "/_control/say", {"Origin": "http://127.0.0.1:1"}),  # another port is another page
        ("POST", "/_page/stage/clock", {"Origin": EVIL}),
        ("GET", "/_page/stream?user=mina", {"Sec_Fetch_Site": "cross-site"}),
        ("GET", "/_page/file/F1/key?user=mina", {"Sec_Fetch_Site": "same-site"}),
        ("GET", "/", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}),
    ],
)  # fmt: skip
def test_other_pages_are_kept_out(workspace: Workspace, method: str, path: str, headers: Json) -> None:
    before = workspace.revision
    body = json.dumps({"user": "mina", "text": "planted"}) if method == "POST" else None
    assert ask(workspace, method, path, body, **headers).status == 403
    assert workspace.revision == before


def test_a_form_of_another_page_is_no_json(workspace: Workspace) -> None:
    answer = ask(workspace, "POST", "/_page/stage/clock", "step=day", Content_Type="text/plain")
    assert answer.status == 415


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_page_itself_may_be_opened_and_loads_nothing_from_elsewhere(
    workspace: Workspace, host: str
) -> None:
    answer = ask(
        workspace,
        "GET",
        "/",
        Host=f"{host}:{workspace.port}",
        Sec_Fetch_Site="cross-site",
        Sec_Fetch_Mode="navigate",
    )
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = answer.body.decode()
    assert "http://" not in text
    assert "https://" not in text
    for name in ("app.js", "style.css", "icon.svg"):
        assert ask(workspace, "GET", f"/page/{name}").status == 200


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2fserver.py", "%2e%2e%2fpage_routes.py", "", "index.html%00"]
)
def test_only_files_of_the_page_are_served(workspace: Workspace, name: str) -> None:
    assert ask(workspace, "GET", f"/page/{name}").status == 404


@contextmanager
def stream(workspace: Workspace, user: str) -> Iterator[Any]:
    """Yields a function that reads the next event: its name and its data."""
    connection = http.client.HTTPConnection("127.0.0.1", workspace.port, timeout=5)
    connection.request("GET", f"/_page/stream?user={user}")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"

    def following() -> tuple[str, Json]:
        name = answer.readline().decode().removeprefix("event: ").strip()
        data = json.loads(answer.readline().decode().removeprefix("data: "))
        answer.readline()
        return name, data

    yield following
    answer.close()
    connection.close()


def test_the_stream_tells_what_changes(workspace: Workspace, client: WebClient) -> None:
    workspace.stage = Stage()
    with stream(workspace, "mina") as following:
        name, hello = following()
        assert (name, hello["me"], hello["words"]) == ("hello", "U0MINA0001", {"Close": "닫기"})
        assert [hello["people"][one]["name"] for one in hello["cast"]] == ["mina", "joon", "admin"]
        name, screen = following()
        assert (name, screen["connections"], screen["views"]) == ("screen", 0, [])
        assert following() == ("panel", {"nodes": []})
        client.chat_postMessage(channel="U0MINA0001", text="hello &lt;you&gt;")
        name, screen = following()
        dm = next(one for one in screen["channels"] if one["id"] == screen["dm"])
        assert dm["messages"][-1]["text"] == "hello &lt;you&gt;"
    with stream(workspace, "joon") as following:
        following()
        assert "hello" not in str(following()), "what is Mina's stays hers"
    assert ask(workspace, "GET", "/_page/stream?user=nobody").status == 404


def test_a_file_goes_to_who_may_see_it_as_a_download(workspace: Workspace, client: WebClient) -> None:
    mina = workspace.person("mina")
    dm = client.conversations_open(users=mina.id)["channel"]["id"]
    client.files_upload_v2(channel=dm, filename="kws-ü.ppk", content="<script>secret</script>")
    (file,) = mina.files()
    answer = ask(workspace, "GET", f"/_page/file/{file['id']}/kws-%C3%BC.ppk?user=mina")
    assert (answer.status, answer.body) == (200, b"<script>secret</script>")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''kws-%C3%BC.ppk"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert ask(workspace, "GET", f"/_page/file/{file['id']}/x?user=joon").status == 404


class Stage(EmptyStage):
    """One that remembers."""

    def __init__(self) -> None:
        self.acts: list[Any] = []

    def words(self, locale: str) -> dict[str, str]:
        return {"Close": "닫기"} if locale == "ko-KR" else {}

    def panel(self) -> Json | None:
        return {"nodes": []}

    def act(self, verb: str, arguments: Json) -> None:
        if verb != "clock":
            raise LookupError(verb)
        self.acts.append(arguments)


def test_the_side_panel_acts_on_the_stage(workspace: Workspace) -> None:
    stage = workspace.stage = Stage()
    assert ask(workspace, "POST", "/_page/stage/clock", '{"step": "day"}').status == 200
    assert stage.acts == [{"step": "day"}]
    assert ask(workspace, "POST", "/_page/stage/bomb", "{}").status == 409


def test_hands_for_the_page(workspace: Workspace, client: WebClient) -> None:
    """Writing into a channel, and taking away what only one person sees."""
    mina = workspace.person("mina")
    mina.say("good morning", channel="C0GENERAL1")
    assert workspace.channel_messages("#general")[-1]["user"] == mina.id
    client.chat_postEphemeral(channel="C0GENERAL1", user=mina.id, text="psst")
    ts = mina.ephemeral()[-1]["ts"]
    path = "/_control/dismiss"
    assert ask(workspace, "POST", path, json.dumps({"user": "joon", "ts": ts})).status == 409
    assert ask(workspace, "POST", path, json.dumps({"user": "mina", "ts": ts})).status == 200
    assert mina.ephemeral() == []
