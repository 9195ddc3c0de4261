"""Request URLs instead of Socket Mode: Bolt's WSGI handler behind a check of who asks.

Meant to stand behind a reverse proxy that speaks TLS. Nothing of a request is looked into, by Bolt or by us,
before its signature is known to be Slack's and no older than five minutes. Bolt checks it too, but only after
it has parsed the body.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable
from typing import Any

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk.signature import SignatureVerifier

from bot.ops.web_server import DEFAULT_HOST, Limits, StartResponse, WebServer

log = logging.getLogger(__name__)

PATH = "/slack/events"
LIMITS = Limits(threads=16)
TYPES = ("application/json", "application/x-www-form-urlencoded")
SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


class Refused(Exception):
    """What is answered instead of serving the request."""


class OnlySlack:
    """The WSGI application: what Slack has signed goes to Bolt, all else is refused in one line.

    ValueError without a signing secret: nothing could be checked.
    """

    def __init__(self, app: App, signing_secret: str) -> None:
        if not signing_secret:
            raise ValueError("no signing secret")
        self._bolt = SlackRequestHandler(app, path=PATH)
        self._verifier = SignatureVerifier(signing_secret)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = self._signed(environ)
            return self._bolt({**environ, "wsgi.input": io.BytesIO(body)}, start_response)  # type: ignore[arg-type]
        except Refused as refusal:
            status = str(refusal)
            log.debug("rejected a request: %s", status)
        except Exception:
            log.exception("can't serve a signed request")
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
        stamp = str(environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP") or "")
        signature = str(environ.get("HTTP_X_SLACK_SIGNATURE") or "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13 and SIGNATURE.fullmatch(signature)):
            raise Refused("401 Unauthorized")
        body: bytes = environ["wsgi.input"].read()  # waitress has all of it, and has counted it
        if not self._is_valid(body, stamp, signature):
            raise Refused("401 Unauthorized")
        return body

    def _is_valid(self, body: bytes, stamp: str, signature: str) -> bool:
        try:
            return self._verifier.is_valid(body, stamp, signature)
        except UnicodeDecodeError:  # Slack speaks UTF-8
            return False


def serve(
    app: App, signing_secret: str, port: int, host: str = DEFAULT_HOST, *, limits: Limits = LIMITS
) -> WebServer:
    """Serves ``/slack/events`` until what it returns is closed. OSError: the port is taken."""
    server = WebServer(OnlySlack(app, signing_secret), port, host, name="http", limits=limits)
    log.info("serving %s on %s:%d", PATH, server.host, server.port)
    return server
