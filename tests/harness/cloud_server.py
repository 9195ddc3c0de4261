"""A local OpenStack with a memory: Keystone, Nova, Neutron, Glance and Placement over HTTP, and faults on request.

``CloudServer(now=clock)`` listens on loopback; ``clouds_yaml`` of ``contract.stub.write_clouds`` makes KWS find it.
What it has is a :class:`cloud_stock.Stock`: servers take ``Times`` by ``now`` to be built and to go. ``pause`` is
what each call takes, in real seconds. ``python -m cloud_server FOLDER NAME…`` runs some until Ctrl-C.

    with CloudServer("node1") as cloud:
        cloud.trouble(Answer(503), "POST", "/servers", times=1)  # not done; ``after=True``: done, then answered so
        cloud.trouble(Answer(silent=True))  # everything hangs, until ``cloud.well()``
        cloud.refuse(); cloud.listen()  # nothing listens; the same port again
        cloud.forget_tokens()  # 401 to whoever has one
"""

from __future__ import annotations

import json
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.cloud_glance import NoImageError, copy_of
from harness.cloud_routes import ROUTES
from harness.cloud_stock import PROJECT, Refusal, Stock, Times
from harness.openstack_stub import SERVICES, Answer, Stub, write_clouds

from kws_core.nodes.values import RemainingResources

TOKEN_LIFE = timedelta(hours=1)
QUIET = ("/auth/tokens", "/v3")  # asked without a token


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass
class Trouble:
    """An ordered answer; see :meth:`CloudServer.trouble`."""

    answer: Answer
    method: str
    path: re.Pattern[str]
    after: bool
    times: int | None
    skip: int


class CloudServer(Stub):
    """See the module. ``faced`` counts how often ordered trouble struck."""

    def __init__(
        self,
        name: str = "cloud",
        now: Callable[[], datetime] = utc_now,
        times: Times | None = None,
        pause: float = 0.0,
        **stock: Any,
    ) -> None:
        self.name, self.pause = name, pause
        self.stock = Stock(lambda: now() + timedelta(seconds=self.skew), times or Times(), **stock)
        self.lock = threading.RLock()
        self.faced = 0
        self._troubles: list[Trouble] = []
        self._tokens: dict[str, datetime] = {}
        self._hung = threading.Event()
        self.open_lines: set[socket.socket] = set()
        super().__init__()
        self.services = {**SERVICES, "placement": "/placement"}
        self.roles = ["member", "admin"]
        self.project = {"id": PROJECT, "name": "p", "domain": {"id": "d", "name": "D"}}

    def __enter__(self) -> CloudServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what goes wrong

    def trouble(
        self,
        answer: Answer,
        method: str = "",
        path: str = "",
        *,
        times: int | None = None,
        after: bool = False,
        skip: int = 0,
    ) -> None:
        """Answers so from now on (or ``times``) to ``method`` on paths that the pattern ``path`` finds.

        Without both: to everything. ``after``: what was asked for is done first. ``skip``: so many go well before.
        """
        with self.lock:
            self._troubles.append(Trouble(answer, method, re.compile(path), after, times, skip))

    def well(self) -> None:
        """All trouble is over; what hangs is cut off."""
        with self.lock:
            self._troubles.clear()
            hung, self._hung = self._hung, threading.Event()
        hung.set()

    def forget_tokens(self) -> None:
        """As after Keystone got new keys: every token that it gave out is worth nothing."""
        with self.lock:
            self._tokens.clear()

    def refuse(self) -> None:
        """Nothing listens any more; whoever is connected is cut off."""
        self._port = self._server.server_port
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self.lock:
            for connection in list(self.open_lines):
                _cut(connection)

    def listen(self) -> None:
        """Listens on the same port again, if it does not."""
        if self._thread.is_alive():
            return
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Ends, whatever hangs."""
        self.well()
        if self._thread.is_alive():
            super().close()

    # -- what a test asks afterwards

    def resources(self) -> dict[str, RemainingResources]:
        """Everything that exists here, by mark."""
        with self.lock:
            return self.stock.resources()

    def duplicates(self) -> list[str]:
        """Marks for which more than one server was ever made."""
        with self.lock:
            return self.stock.duplicates()

    def copy_images(self) -> dict[str, list[str]]:
        """By mark, what each image of a copy is: its status, or "upload" of what broke off."""
        found: dict[str, list[str]] = {}
        with self.lock:
            for image in self.stock.glance.images:
                if mark := copy_of(image):
                    found.setdefault(mark, []).append("upload" if "kws_upload" in image else image["status"])
        return found

    def opens(self, mark: str, public_key: str) -> bool:
        """Whether the mark's server lets that key in."""
        with self.lock:
            return self.stock.opens(mark, public_key)

    # -- answering

    def serve(self, method: str, url: str, sent: bytes, headers: Message) -> Answer:
        """One request: trouble that is ordered, else what the services say."""
        time.sleep(self.pause)
        parts = urlsplit(url)
        with self.lock:
            self.requests.append((method, parts.path))
            self.bodies.append(sent)
            struck, hung = self._next_trouble(method, parts.path), self._hung
            answer = struck.answer if struck else None
            if struck is None or struck.after:
                done = self._respond(method, parts.path, parts.query, sent, headers)
                answer = _spoilt(struck.answer, done) if struck else done
        assert answer
        if answer.silent:
            hung.wait()
            return replace(answer, silent=False, status=500, body="", cut=True)
        return answer

    def _next_trouble(self, method: str, path: str) -> Trouble | None:
        for trouble in self._troubles:
            if trouble.method in ("", method) and trouble.path.search(path) and trouble.times != 0:
                if trouble.skip:
                    trouble.skip -= 1
                    continue
                trouble.times = None if trouble.times is None else trouble.times - 1
                self.faced += 1
                return trouble
        return None

    def _respond(self, method: str, path: str, query: str, sent: bytes, headers: Message) -> Answer:
        self.stock.pass_time()
        if path.endswith("/auth/tokens"):
            return self._issue()
        versions = path.rstrip("/") in ("/v3", "/compute/v2.1", "/image", "/network", "/placement")
        if not versions and not self._known(headers.get("X-Auth-Token", "")):
            return Answer(
                401, {"error": {"code": 401, "message": "The request you have made requires authentication."}}
            )
        if path.rstrip("/") == "/placement":
            version = {"id": "v1.0", "status": "CURRENT", "max_version": "1.39", "min_version": "1.0"}
            return Answer(200, {"versions": [{**version, "links": [{"rel": "self", "href": ""}]}]})
        if versions:
            return self._usual(method, path)
        asked = parse_qs(query)
        body = sent if path.endswith("/file") else json.loads(sent) if sent else None
        for verb, pattern, respond in ROUTES:
            found = re.fullmatch(pattern, path) if verb == method else None
            if found:
                try:
                    status, answer = respond(self.stock, found.groups(), asked, body)
                except NoImageError as missing:
                    return Answer(404, f"No image found with ID {missing}")
                except Refusal as no:
                    return Answer(no.status, json.loads(json.dumps(no.body)))
                return Answer(status, json.loads(json.dumps(answer)))  # a copy: it is sent outside the lock
        return Answer(404, {"itemNotFound": {"code": 404, "message": f"{method} {path}"}})

    def _issue(self) -> Answer:
        token, now = secrets.token_hex(8), utc_now() + timedelta(seconds=self.skew)
        self._tokens[token] = now + TOKEN_LIFE
        body = self._token()
        body["token"]["expires_at"] = f"{now + TOKEN_LIFE:%Y-%m-%dT%H:%M:%S.000000Z}"
        return Answer(201, body, headers=(("X-Subject-Token", token),))

    def _known(self, token: str) -> bool:
        ends = self._tokens.get(token)
        return ends is not None and utc_now() + timedelta(seconds=self.skew) < ends

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub, usual = self, super()._handler()

        class Handler(usual):  # type: ignore[misc, valid-type]
            def setup(self) -> None:
                super().setup()
                with stub.lock:
                    stub.open_lines.add(self.connection)

            def handle(self) -> None:
                with suppress(OSError):  # whoever asked has gone, or was cut off
                    super().handle()

            def finish(self) -> None:
                with stub.lock:
                    stub.open_lines.discard(self.connection)
                with suppress(OSError):
                    super().finish()

        return Handler


def _spoilt(ordered: Answer, done: Answer) -> Answer:
    """What is sent of a request that was carried out: half of its own body where the order has none."""
    if ordered.cut and ordered.body is None:
        return replace(done, cut=True)
    return ordered


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it may just have ended by itself
        connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Runs some until Ctrl-C; their clouds.yaml is in the folder."""
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    clouds = {name: CloudServer(name, number=number) for number, name in enumerate(names)}
    print(write_clouds(folder, **{name: cloud.url for name, cloud in clouds.items()}), flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    for cloud in clouds.values():
        cloud.close()


if __name__ == "__main__":
    main()
