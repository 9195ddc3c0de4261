"""A Bolt app that does nothing but open one static modal: what Bolt and the SDK cost by themselves.

``python -m benchmarks.bare_app VIEW.json``, with the environment of ``kws run``. Connections and threads are those of KWS.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

CONNECTIONS, THREADS = 2, 32


def main() -> None:
    """Run until SIGTERM."""
    view = json.loads(Path(sys.argv[1]).read_text())
    token = os.environ["SLACK_BOT_TOKEN"]
    client = WebClient(token, base_url=os.environ["SLACK_API_URL"])
    app = App(
        client=client,
        authorize=lambda enterprise_id, team_id: AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=token
        ),
        signing_secret="unused",  # noqa: S106 - there are no Request URLs
        token_verification_enabled=False,
        listener_executor=ThreadPoolExecutor(THREADS),
    )
    logging.disable(logging.WARNING)

    @app.command("/kws")
    def opened(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=view)

    for _ in range(CONNECTIONS):
        handler = SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], concurrency=THREADS)
        handler.connect()  # type: ignore[no-untyped-call]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)  # its sockets need no farewell


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
