"""A SocketModeHandler that connects and ends at once.

slack_sdk's websocket-client looks for a new session twice a second, waits a second for its queue at the
end, and websocket-client sleeps up to ten in a select() when it closes by itself. Tests have no such time.
"""

from __future__ import annotations

import threading

from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk.socket_mode.interval_runner import IntervalRunner
from slack_sdk.socket_mode.websocket_client import SocketModeClient

from slack_workspace import Workspace


def connected(
    app: App, workspace: Workspace, *, ping_interval: float = 5, hasty: bool = True
) -> SocketModeHandler:
    """The app, joined by Socket Mode and seen by the workspace.

    The client looks after its connection every `ping_interval` seconds; make it short for outages.
    Not `hasty`, it is left as it comes: for the sake of what happens when it reconnects.
    """
    before = workspace.connections
    handler = SocketModeHandler(app, workspace.app_token, ping_interval=ping_interval)
    if hasty:
        hasten(handler.client)
    handler.client.current_app_monitor_started = (
        True  # else it looks before there is a session, and connects again
    )
    handler.connect()
    workspace.wait_connected(before + 1)
    handler.client.current_app_monitor.start()
    return handler


def hasten(client: SocketModeClient) -> None:
    """It looks for a new session a hundred times a second."""
    client.current_session_runner.event.set()
    client.current_session_runner = IntervalRunner(client._run_current_session, 0.01).start()


def end(handlers: list[SocketModeHandler], workspace: Workspace) -> None:
    """Close them all; the workspace cuts its end first, which wakes them."""
    ended = [_ended(handler) for handler in handlers]
    workspace.disconnect(abrupt=True)
    for handler, event in zip(handlers, ended, strict=True):
        event.wait(2)
        handler.client.enqueue_message('{"type": "end"}')
        handler.client.close()


def hang_up(clients: list[SocketModeClient], workspace: Workspace) -> None:
    """The workspace cuts the sessions, and nobody comes back: a client that is then closed waits for no select().

    Closed without that, slack_sdk looks a thousand times a second for the ten seconds that its select() lasts.
    """
    for client in clients:
        client.auto_reconnect_enabled = client.default_auto_reconnect_enabled = False
        client.current_session_runner.event.set()
    workspace.disconnect(abrupt=True)


def _ended(handler: SocketModeHandler) -> threading.Event:
    """Set when the client has noticed the end of its session, after which it does not come back."""
    event, client = threading.Event(), handler.client
    client.on_close_listeners.append(lambda _: event.set())
    client.closed, client.auto_reconnect_enabled = True, False
    if not client.is_connected():
        event.set()
    return event
