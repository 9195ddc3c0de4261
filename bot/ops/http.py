"""Request URLs instead of Socket Mode: Bolt's WSGI handler on a threading server of the standard library.

Meant to stand behind a reverse proxy that speaks TLS. Nothing of a request is looked into, by Bolt or by us,
before its signature is known to be Slack's and no older than five minutes.
"""

from __future__ import annotations

import io
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_bolt.middleware.request_verification import RequestVerification
from slack_sdk.signature import SignatureVerifier

log = logging.getLogger(__name__)

PATH = "/slack/events"
MOST_BYTES = 1_000_000  # of a request; Slack's largest, a full form, has a quarter of that
MOST_AT_ONCE = 64  # connections; who comes when all are taken is hung up on
PATIENCE = 10.0  # seconds without a byte
TYPES = ("application/json", "application/x-www-form-urlencoded")
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Refused(Exception):
    """What is answered instead of serving the request."""


class OnlySlack:
    """The WSGI application: what Slack has signed goes to Bolt, all else is refused in one line."""

    def __init__(self, app: App) -> None:
        self._bolt = SlackRequestHandler(app, path=PATH)
        self._verifier = verifier_of(app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = self._signed(environ)
            return self._bolt({**environ, "wsgi.input": io.BytesIO(body)}, start_response)  # type: ignore[arg-type]
        except Refused as refusal:
            status = str(refusal)
            log.debug("a request was refused: %s", status)
        except OSError:
            status = "408 Request Timeout"
        except Exception:
            log.exception("a signed request could not be served")
            status = "400 Bad Request"
        said = f"{status}\n".encode()
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
        return [said]

    def _signed(self, environ: dict[str, Any]) -> bytes:
        """The body; Refused unless all is as Slack does it."""
        if environ.get("PATH_INFO") != PATH:
            raise Refused("404 Not Found")
        if environ.get("REQUEST_METHOD") != "POST":
            raise Refused("405 Method Not Allowed")
        if str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower() not in TYPES:
            raise Refused("415 Unsupported Media Type")
        length, stamp = (
            str(environ.get(k) or "") for k in ("CONTENT_LENGTH", "HTTP_X_SLACK_REQUEST_TIMESTAMP")
        )
        if not (length.isascii() and length.isdigit()):
            raise Refused("411 Length Required")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise Refused("413 Content Too Large")
        signature = str(environ.get("HTTP_X_SLACK_SIGNATURE") or "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13 and SIGNATURE.fullmatch(signature)):
            raise Refused("401 Unauthorized")
        body: bytes = environ["wsgi.input"].read(int(length))
        if len(body) != int(length) or not self._is_valid(body, stamp, signature):
            raise Refused("401 Unauthorized")
        return body

    def _is_valid(self, body: bytes, stamp: str, signature: str) -> bool:
        try:
            return self._verifier.is_valid(body, stamp, signature)
        except UnicodeDecodeError:  # Slack speaks UTF-8
            return False


def verifier_of(app: App) -> SignatureVerifier:
    """The one that the app itself was given the secret for; LookupError when it checks nothing."""
    for middleware in app._middleware_list:
        if isinstance(middleware, RequestVerification):
            return middleware.verifier
    raise LookupError("this app does not check signatures")


class ThreadingServer(ThreadingMixIn, WSGIServer):
    """A thread for each request, so many at a time."""

    daemon_threads = True
    request_queue_size = MOST_AT_ONCE

    def __init__(self, *args: Any, **more: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(*args, **more)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            log.warning("more than %d connections at once: one is refused", MOST_AT_ONCE)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket.socket | Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody hung up, or sent nothing for too long: no traceback of it on the terminal."""
        log.debug("a connection from %s ended early", client_address)


class QuietHandler(WSGIRequestHandler):
    """Says nothing unless asked, and waits for nobody for long."""

    timeout = PATIENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        log.debug(format, *args)


def serve(app: App, port: int, host: str = "127.0.0.1") -> WSGIServer:
    """Serves ``/slack/events`` on a thread of its own; ``shutdown()`` of what it returns ends it."""
    server = make_server(host, port, OnlySlack(app), ThreadingServer, QuietHandler)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    log.info("serving %s on %s:%d", PATH, host, port)
    return server
