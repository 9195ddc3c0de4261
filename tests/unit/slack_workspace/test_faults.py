"""Trouble on request: failing calls, lost answers, reconnects, duplicates, an unreachable Slack."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError

import pytest
import websocket
from harness.workspace_kit import entry, modal, text_input
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler, ServerErrorRetryHandler

from slack_workspace import ManualClock, Person, Workspace
from slack_workspace.faults import TIERS

MINA = "U0MINA0001"


def test_a_rate_limited_call_is_repeated_after_the_pause(
    workspace: Workspace, client: WebClient, mina: Person
) -> None:
    pauses: list[float] = []
    client.retry_handlers.append(_patient(pauses))
    workspace.faults.fail("chat.postMessage", status=429, retry_after=7, times=2)
    client.chat_postMessage(channel=MINA, text="x")
    assert len(mina.dm()) == 1 and pauses == [7, 7]
    assert len(workspace.calls_of("chat.postMessage")) == 3


def _patient(pauses: list[float]) -> RateLimitErrorRetryHandler:
    """The SDK's handler, noting its pauses instead of sleeping them."""

    class Noting(RateLimitErrorRetryHandler):
        def prepare_for_next_attempt(
            self, *, state: Any, request: Any, response: Any = None, error: Any = None
        ) -> None:
            state.next_attempt_requested = True
            pauses.append(float(response.headers["Retry-After"][0]))
            state.increment_current_attempt()

    return Noting(max_retry_count=3)


def test_one_message_a_second_and_channel(
    workspace: Workspace, client: WebClient, clock: ManualClock
) -> None:
    workspace.faults.limit_rate(1.0)
    client.chat_postMessage(channel=MINA, text="one")
    client.chat_postMessage(channel="C0GENERAL1", text="elsewhere")
    with pytest.raises(SlackApiError) as refusal:
        client.chat_postMessage(channel=MINA, text="two")
    assert refusal.value.response.status_code == 429 and refusal.value.response.headers["Retry-After"] == "1"
    clock.advance(1)
    client.chat_postMessage(channel=MINA, text="two")


def test_so_many_calls_of_a_method_a_minute(
    workspace: Workspace, client: WebClient, clock: ManualClock
) -> None:
    workspace.faults.limit_tiers()
    for _ in range(TIERS["conversations.open"]):
        client.conversations_open(users=[MINA])
    client.users_info(user=MINA)
    with pytest.raises(SlackApiError) as refusal:
        client.conversations_open(users=[MINA])
    assert refusal.value.response.headers["Retry-After"] == "1"
    assert workspace.faults.limited == {"conversations.open": 1}
    clock.advance(2)
    client.conversations_open(users=[MINA])


@pytest.mark.parametrize("status", [500, 503])
def test_slack_itself_is_broken(workspace: Workspace, client: WebClient, mina: Person, status: int) -> None:
    workspace.faults.fail("chat.postMessage", status=status)
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel=MINA, text="x")
    assert mina.dm() == []
    client.retry_handlers.append(ServerErrorRetryHandler(max_retry_count=1))


def test_a_refusal_on_request(workspace: Workspace, client: WebClient) -> None:
    workspace.faults.fail("chat.postMessage", error="restricted_action")
    with pytest.raises(SlackApiError) as refusal:
        client.chat_postMessage(channel=MINA, text="x")
    assert refusal.value.response["error"] == "restricted_action"


def test_a_lost_answer_makes_the_sdk_post_twice(
    workspace: Workspace, client: WebClient, mina: Person
) -> None:
    workspace.faults.fail("chat.postMessage", drop_after=True)
    client.chat_postMessage(channel=MINA, text="x")
    assert len(mina.dm()) == 2
    workspace.faults.fail("chat.postMessage", drop_before=True)
    client.chat_postMessage(channel=MINA, text="y")
    assert len(mina.dm()) == 3


def test_a_hanging_call(workspace: Workspace, mina: Person) -> None:
    hasty = WebClient(workspace.bot_token, base_url=workspace.api_url, timeout=1, retry_handlers=[])
    hasty.timeout = 0.1  # type: ignore[assignment]
    workspace.faults.fail("chat.postMessage", before=0.3)
    with pytest.raises(TimeoutError):
        hasty.chat_postMessage(channel=MINA, text="x")
    workspace.wait_for(mina.dm)


@pytest.mark.parametrize("step", ["files.getUploadURLExternal", "upload", "files.completeUploadExternal"])
def test_an_upload_fails_at_each_step(
    workspace: Workspace, client: WebClient, mina: Person, step: str
) -> None:
    channel = client.conversations_open(users=MINA)["channel"]["id"]
    workspace.faults.fail(step, status=500)
    with pytest.raises((SlackApiError, SlackRequestError, HTTPError)):
        client.files_upload_v2(channel=channel, content="x", filename="x")
    assert mina.dm() == [] and mina.files() == []
    client.files_upload_v2(channel=channel, content="x", filename="x")
    assert len(mina.files()) == 1


@pytest.mark.parametrize("abrupt", [False, True])
def test_the_bot_comes_back_after_a_disconnect(
    workspace: Workspace, app: App, join: Any, mina: Person, abrupt: bool
) -> None:
    app.command("/kws")(lambda ack: ack("here"))
    join(app, hasty=False)
    opened = len(workspace.calls_of("apps.connections.open"))
    workspace.disconnect(abrupt=abrupt, linger=0)
    workspace.wait_for(lambda: len(workspace.calls_of("apps.connections.open")) > opened, 5)
    workspace.wait_for(lambda: workspace.connections == 1 and not _retiring(workspace), 5)
    assert mina.command("/kws").text == "here"


def _retiring(workspace: Workspace) -> bool:
    return any(one.retiring for one in workspace.parts.sockets.connections)


def test_the_bot_comes_back_after_an_outage(
    workspace: Workspace, app: App, join: Any, mina: Person, client: WebClient
) -> None:
    app.command("/kws")(lambda ack: ack("here"))
    join(app, ping_interval=0.2)
    port = workspace.port
    workspace.down()
    assert mina.command("/kws").error == "dispatch_failed"
    client.retry_handlers.clear()
    with pytest.raises(OSError, match="refused"):
        client.auth_test()
    workspace.up()
    assert workspace.port == port and client.auth_test()["ok"]
    workspace.wait_connected()
    assert mina.command("/kws").text == "here"


def test_a_payload_goes_to_one_of_the_sockets_or_twice_on_request(
    workspace: Workspace, app: App, join: Any, mina: Person
) -> None:
    heard: list[str] = []

    @app.command("/kws")
    def kws(ack: Any, body: dict[str, Any]) -> None:
        heard.append(body["trigger_id"])
        ack()
        workspace.state.touch()

    join(app)
    join(app)
    assert workspace.connections == 2
    for _ in range(5):
        mina.command("/kws")
    assert len(heard) == len(set(heard)) == 5
    workspace.faults.duplicate_next("slash_commands")
    mina.command("/kws")
    workspace.wait_for(lambda: len(heard) == 7)
    assert heard[5] == heard[6]


def test_a_submission_twice_on_request(
    workspace: Workspace, app: App, join: Any, mina: Person, client: WebClient
) -> None:
    heard: list[Any] = []

    @app.view("rent")
    def rent(ack: Any, view: dict[str, Any]) -> None:
        heard.append((view["id"], view["hash"]))
        ack()
        workspace.state.touch()

    app.command("/kws")(lambda ack: ack())
    join(app)
    client.views_open(
        trigger_id=str(mina.command("/kws").trigger_id), view=modal(entry(text_input(initial_value="x")))
    )
    workspace.faults.duplicate_next("view_submission")
    assert mina.submit().acked
    workspace.wait_for(lambda: len(heard) == 2)
    assert heard[0] == heard[1] and mina.open_view is None


def test_an_event_without_ack_is_sent_again() -> None:
    with Workspace(ack_timeout=0.1, event_retries=(0.0, 0.0)) as workspace:
        socket = _socket(workspace)
        assert socket.recv().startswith('{"type": "hello"')
        with ThreadPoolExecutor(1) as pool:
            outcome = pool.submit(workspace.person("mina").open_home)
            first, second = _envelope(socket), _envelope(socket)
        assert not outcome.result().acked
        assert first["payload"]["event_id"] == second["payload"]["event_id"]
        assert "retry_attempt" not in first
        assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")
        socket.close()


def test_the_eleventh_socket_is_one_too_many(workspace: Workspace) -> None:
    sockets = [_socket(workspace) for _ in range(10)]
    assert all('"hello"' in one.recv() for one in sockets)
    eleventh = _socket(workspace)
    assert "too_many_websockets" in eleventh.recv()
    for one in [*sockets, eleventh]:
        one.close()


def test_a_socket_address_is_good_once(workspace: Workspace, client: WebClient) -> None:
    url = client.apps_connections_open(app_token=workspace.app_token)["url"]
    first = websocket.create_connection(url, timeout=2)
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(url, timeout=2)
    first.close()


def test_waiting_is_woken_by_changes_and_gives_up(
    workspace: Workspace, client: WebClient, mina: Person
) -> None:
    before = workspace.revision
    threading.Thread(target=client.chat_postMessage, kwargs={"channel": MINA, "text": "x"}).start()
    assert workspace.wait_for(mina.dm)[0]["text"] == "x"
    assert workspace.revision > before
    with pytest.raises(TimeoutError, match="last calls"):
        workspace.wait_for(lambda: False, timeout=0.01)


def _socket(workspace: Workspace) -> websocket.WebSocket:
    client = WebClient(base_url=workspace.api_url)
    return websocket.create_connection(
        client.apps_connections_open(app_token=workspace.app_token)["url"], timeout=2
    )


def _envelope(socket: websocket.WebSocket) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(socket.recv())
    return found
