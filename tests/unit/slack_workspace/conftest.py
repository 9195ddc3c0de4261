"""A workspace and a real Bolt app in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from harness.sockets import connected, end
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk import WebClient

from slack_workspace import ManualClock, Person, Workspace

Join = Callable[..., SocketModeHandler]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def workspace(clock: ManualClock) -> Iterator[Workspace]:
    with Workspace(clock=clock, ack_timeout=1.0, event_retries=(0.0,)) as workspace:
        yield workspace


@pytest.fixture
def client(workspace: Workspace) -> WebClient:
    return WebClient(workspace.bot_token, base_url=workspace.api_url, timeout=5)


@pytest.fixture
def app(client: WebClient) -> App:
    return App(name="test", client=client, raise_error_for_unhandled_request=False)


@pytest.fixture
def join(workspace: Workspace) -> Iterator[Join]:
    """`join(app)` connects an app by Socket Mode and waits until the workspace sees it."""
    handlers: list[SocketModeHandler] = []

    def connect(app: App, ping_interval: float = 5, hasty: bool = True) -> SocketModeHandler:
        handlers.append(connected(app, workspace, ping_interval=ping_interval, hasty=hasty))
        return handlers[-1]

    yield connect
    end(handlers, workspace)


@pytest.fixture
def mina(workspace: Workspace) -> Person:
    return workspace.person("mina")
