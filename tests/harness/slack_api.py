"""A Web API that answers as it is told to, and counts the connections that are made to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self


class SlackApi(ThreadingHTTPServer):
    """``answers``: a status for each request; None hangs up without a word. Afterwards it is 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.answers: list[int | None] = []
        self.asked: list[str] = []
        self.connections: list[socket.socket] = []

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """It serves until the block ends."""
        with cls() as server:
            thread = Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                server.hang_up()
                thread.join()

    @property
    def url(self) -> str:
        """Where the methods are."""
        return f"http://127.0.0.1:{self.server_port}/api/"

    def hang_up(self) -> None:
        """Close every connection, as a server does that has waited long enough."""
        for one in self.connections:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:  # it was closed already
                continue


class _Connection(BaseHTTPRequestHandler):
    """Stays open for the next request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its headers
    server: SlackApi

    def setup(self) -> None:
        super().setup()
        self.server.connections.append(self.connection)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.path.removeprefix("/api/"))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status is None:
            self.close_connection = True
            return
        body = json.dumps({"ok": status == 200, "error": "no"}).encode()
        self.send_response(status)
        self.send_header("Retry-After", "2")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
