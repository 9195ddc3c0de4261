"""``/ask?domain=…``: Caddy asks here before it gets the certificate of a name. 200: yes; anything else: no.

The answer is read from the database. It's on loopback, but anybody who opens a connection to the proxy chooses the
name, so a limited number is looked up in a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from bot.ops.web_server import DEFAULT_HOST, Limits, StartResponse, WebServer

log = logging.getLogger(__name__)

LIMITS = Limits(body=0, threads=2)
MOST = 20  # questions in a second; a browser that opens a site asks once in the life of a certificate


class AskPage:
    """A WSGI application. ``may_have`` says whether a host name may have a certificate."""

    def __init__(self, may_have: Callable[[str], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._may_have = may_have
        self._clock = clock
        self._lock = Lock()
        self._left, self._at = float(MOST), clock()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        status = self._answer(environ)
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]

    def _answer(self, environ: dict[str, Any]) -> str:
        if environ.get("PATH_INFO") != "/ask" or environ.get("REQUEST_METHOD") != "GET":
            return "404 Not Found"
        host = parse_qs(str(environ.get("QUERY_STRING") or "")).get("domain", [""])[0]
        if not self._in_time():
            log.warning("rejected a question about %.80r: too many in a second", host)
            return "429 Too Many Requests"
        return "200 OK" if self._may_have(host) else "403 Forbidden"

    def _in_time(self) -> bool:
        with self._lock:
            now = self._clock()
            self._left = min(float(MOST), self._left + (now - self._at) * MOST)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def serve(page: AskPage, port: int, host: str = DEFAULT_HOST) -> WebServer:
    """Serve the page until what it returns is closed. OSError: the port is taken."""
    server = WebServer(page, port, host, name="ask", limits=LIMITS)
    log.info("answering Caddy on %s:%d", server.host, server.port)
    return server
