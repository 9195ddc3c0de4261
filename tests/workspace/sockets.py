"""A SocketModeHandler that connects and ends at once.

slack_sdk's websocket-client looks for a new session twice a second, waits a second for its queue at the
end, and websocket-client sleeps up to ten in a select() when it closes by itself. Tests have no such time.
"""

from __future__ import annotations

from collections.abc import Iterable

from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk.socket_mode.interval_runner import IntervalRunner

from bot.workspace import Workspace


def connected(app: App, workspace: Workspace, *, ping_interval: float = 0.2) -> SocketModeHandler:
    """The app, joined by Socket Mode and seen by the workspace."""
    before = workspace.connections
    handler = SocketModeHandler(app, workspace.app_token, ping_interval=ping_interval)
    handler.client.current_session_runner.event.set()
    handler.client.current_session_runner = IntervalRunner(handler.client._run_current_session, 0.01).start()
    handler.connect()
    workspace.wait_connected(before + 1)
    return handler


def end(handlers: Iterable[SocketModeHandler], workspace: Workspace) -> None:
    """Close them all; the workspace cuts its end first, which wakes them."""
    for handler in handlers:
        handler.client.closed, handler.client.auto_reconnect_enabled = True, False
    workspace.disconnect(abrupt=True)
    for handler in handlers:
        handler.client.enqueue_message('{"type": "end"}')
        handler.client.close()
