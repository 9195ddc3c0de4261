"""A proxy with the routes that a test wants, and a web server that stands for one on a rental."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.caddy_kit import PAGES, RealCaddy

from kws_core.config import WebSection
from kws_core.web import caddy as config
from kws_core.web.caddy import Caddy
from kws_core.web.routes import Page, Route, Target

# Seconds. Caddy 2.6 may sweep its storage just as it saves its first certificate, and tries again after 60.
FIRST_CERTIFICATE = 75.0


class Upstream(ThreadingHTTPServer):
    """A web server on an address that is not loopback. ``seen`` are its requests, ``answer`` makes the answers."""

    daemon_threads = True

    def __init__(self, address: str, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.answer = answer
        self.seen: list[str] = []
        super().__init__((address, 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def target(self) -> Target:
        """Where the proxy finds it."""
        return Target(str(self.server_address[0]), int(self.server_address[1]))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def _answer(self) -> None:
        self.server.seen.append(f"{self.command} {self.path}")
        self.server.answer(self)

    do_GET = do_POST = do_PUT = _answer

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def says(body: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers always the same."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        request.rfile.read(length)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def tells_headers(request: BaseHTTPRequestHandler) -> None:
    """Answers with what it was sent."""
    says(json.dumps(request.headers.items()).encode())(request)


@dataclass
class Front:
    """The proxy with the routes that a test wants."""

    caddy: RealCaddy
    web: WebSection
    address: str
    routes: list[Route] = field(default_factory=list)
    _servers: list[Upstream] = field(default_factory=list)

    def serve(self, label: str, goes_to: Target | Page, *, lab_only: bool = False) -> None:
        """Behind that name from now on."""
        self.routes = [route for route in self.routes if label not in route.labels]
        self.routes.append(Route(label, (label,), goes_to, lab_only))
        self.load()

    def load(self) -> None:
        """What the loop does."""
        api = Caddy(self.caddy.url)
        api.load({**api.config(), "apps": config.apps(self.web, self.routes, PAGES)})

    def wait(self) -> None:
        """Until Caddy has made its certificate, which takes it a moment the first time."""
        until = time.monotonic() + FIRST_CERTIFICATE
        while self.caddy.get("nobody").status != 404:
            assert time.monotonic() < until, self.caddy.log()[-2000:]
            time.sleep(0.05)

    def upstream(self, label: str, answer: Callable[[BaseHTTPRequestHandler], None]) -> Upstream:
        """A web server behind that name."""
        server = Upstream(self.address, answer)
        self._servers.append(server)
        self.serve(label, server.target)
        return server

    def close(self) -> None:
        """Its web servers end."""
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown()
                server.server_close()
