"""``/healthz``, ``/livez`` and ``/metrics``, on a port of their own: on loopback unless told otherwise.

They say nothing secret, but they are meant for the lab's own monitoring, not for the world.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from bot.ops.health import Health, HealthReport
from bot.ops.metrics import CONTENT_TYPE, Metrics
from bot.ops.web_server import DEFAULT_HOST, Limits, StartResponse, WebServer

log = logging.getLogger(__name__)

LIMITS = Limits(body=0, threads=4)


class WatchPages:
    """A WSGI application. 200: well; 503: not, and the body says why; 404: no such page."""

    def __init__(self, health: Health, metrics: Metrics) -> None:
        self._pages: dict[str, Callable[[], tuple[str, str, bytes]]] = {
            "/healthz": lambda: _told(health.ready()),
            "/livez": lambda: _told(health.live()),
            "/metrics": lambda: ("200 OK", CONTENT_TYPE, metrics.page()),
        }

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        status, content_type, body = self._answer(environ)
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        page = self._pages.get(environ.get("PATH_INFO", ""))
        if page is None:
            return "404 Not Found", "text/plain", b"/healthz /livez /metrics\n"
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return "405 Method Not Allowed", "text/plain", b"GET only\n"
        return page()


def serve(pages: WatchPages, port: int, host: str = DEFAULT_HOST, *, limits: Limits = LIMITS) -> WebServer:
    """Serve the pages until what it returns is closed. OSError: the port is taken."""
    server = WebServer(pages, port, host, name="watch", limits=limits)
    log.info("serving /healthz, /livez and /metrics on %s:%d", server.host, server.port)
    return server


def _told(report: HealthReport) -> tuple[str, str, bytes]:
    status = "200 OK" if report.ok else "503 Service Unavailable"
    body = json.dumps(report.as_json(), ensure_ascii=False) + "\n"
    return status, "application/json; charset=utf-8", body.encode()
