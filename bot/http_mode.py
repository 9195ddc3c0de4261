"""Request URLs instead of Socket Mode: Bolt's WSGI handler on a threading server of the standard library.

Meant to stand behind a reverse proxy that speaks TLS. Bolt checks Slack's signature and timestamp.
"""

from __future__ import annotations

import logging
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler

log = logging.getLogger(__name__)

PATH = "/slack/events"


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A thread for each request."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Says nothing unless asked."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        log.debug(format, *args)


def serve(app: App, port: int, host: str = "127.0.0.1") -> WSGIServer:
    """Serves ``/slack/events`` on a thread of its own; ``shutdown()`` of what it returns ends it."""
    server = make_server(host, port, SlackRequestHandler(app, path=PATH), ThreadingServer, QuietHandler)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    log.info("serving %s on %s:%d", PATH, host, port)
    return server
