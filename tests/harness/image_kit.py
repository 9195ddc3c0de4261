"""Bytes that look like disks, a node's images as a test sees them, and a web server that misbehaves."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.world import ADMIN, World

from kws_core.context import Context
from kws_core.images.files import from_file
from kws_core.images.image_audit import By
from kws_core.images.reports import ImageReport
from kws_core.images.service import Images
from kws_core.images.urls import Ip, Rules
from kws_core.rentals.service import RentalService

if TYPE_CHECKING:
    from harness.storybook import Story

BY = By("U0ADMIN001", "command")


def qcow2(size: int = 200_000, *, backing: int = 0, features: int = 0, version: int = 3) -> bytes:
    """The header of an empty qcow2 of 1 GiB, and noise."""
    head = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", version, backing, 0, 16, 1 << 30, 0, 2, 3 << 16, 1 << 16, 1, 0, 0
    )
    head += struct.pack(">QQQII", features, 0, 0, 4, 104)
    return head.ljust(65536, b"\0") + os.urandom(max(0, size - 65536))


def states(report: ImageReport) -> dict[str, str]:
    """Node → what became of it there, or why not."""
    return {node: outcome.why or outcome.state.value for node, outcome in report.outcomes.items()}


def copies(world: World | Story, name: str) -> dict[str, list[str]]:
    """Node → the status of everything that is there of an image, whatever it is called now."""
    found = {}
    for node in world.nodes.values():
        stored = [kept.stored for kept in node.shelf.everything().values()]
        found[node.name] = [one.status for one in stored if one.name.endswith(name)]
    return found


def offered(world: World) -> list[str]:
    """What the form shows."""
    return offered_by(world.context)


def offered_by(context: Context) -> list[str]:
    """The same."""
    return [image.name for image in RentalService(context).offer(ADMIN).images]


def add(images: Images, path: Path, name: str = "rocky-9", **more: Any) -> ImageReport:
    """``kws images add``."""
    return images.add(BY, name, from_file(path), **more)


@dataclass(frozen=True, slots=True)
class _OwnServer(Rules):
    port: int = 0

    def judge(self, host: str, port: int, address: Ip, forbidden: frozenset[Ip]) -> None:
        if (str(address), port) != ("127.0.0.1", self.port):
            Rules.judge(self, host, port, address, forbidden)


@dataclass
class Web:
    """Answers on loopback, by path."""

    port: int
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def rules(self, hosts: Collection[str] = ()) -> Rules:
        """The rules of downloads, with this server let through though it is on loopback."""
        return _OwnServer(hosts, self.port)

    def url(self, path: str = "/disk.qcow2", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def gives(self, path: str, body: bytes, status: int = 200, promised: int | None = None) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body) if promised is None else promised))
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = answer

    def redirects(self, path: str, to: str) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        self.answers[path] = answer


@contextmanager
def web_server() -> Iterator[Web]:
    """A web server of this process."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(f"{self.headers['Host']}{self.path}")
            self.close_connection = True
            web.answers[self.path](self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web = Web(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
