"""A local HTTP server that speaks just enough Keystone, Nova, Neutron and Glance to misbehave on demand."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SERVICES = {"compute": "/compute/v2.1", "network": "/network", "image": "/image"}
FLAVOR = {"id": "f1", "name": "small", "vcpus": 1, "ram": 512, "disk": 5}
IMAGE = {"id": "i1", "name": "debian-12", "status": "active", "size": 1}


@dataclass(frozen=True)
class Answer:
    """One answer. ``cut`` promises more bytes than come; ``silent`` sends none until the stub ends."""

    status: int = 200
    body: Any = None
    cut: bool = False
    silent: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class Stub:
    """``stub.on("POST", "/servers", Answer(500))`` orders the next answers; without an order all goes well."""

    def __init__(self, containers: bool = False) -> None:
        self.services = {**SERVICES, **({"container": "/container/v1"} if containers else {})}
        self.roles = ["member"]
        self.project: dict[str, Any] | None = {"id": "p1", "name": "p", "domain": {"id": "d", "name": "D"}}
        self.token = "token"  # what it gives who has logged in
        self.skew = 0.0  # seconds that its clock is ahead
        self.dated = True  # whether its web server tells the time
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.orders: defaultdict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """The next answers to ``method`` on a path that ends so."""
        self.orders[method, path].extend(answers)

    def count(self, method: str, path: str) -> int:
        """How often that was asked."""
        return sum(m == method and p.endswith(path) for m, p in self.requests)

    def sent(self, method: str, path: str) -> Any:
        """The JSON of the last such request."""
        numbers = [n for n, (m, p) in enumerate(self.requests) if m == method and p.endswith(path)]
        return json.loads(self.bodies[numbers[-1]])

    def clouds_yaml(self, folder: Path) -> Path:
        """A clouds.yaml with one entry, ``stub``."""
        return write_clouds(folder, stub=self.url)

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, method: str, url: str, sent: bytes, headers: Message) -> Answer:
        """What a request is answered."""
        path = urlsplit(url).path
        self.requests.append((method, path))
        self.bodies.append(sent)
        return self.answer(method, path)

    def answer(self, method: str, path: str) -> Answer:
        for (ordered, suffix), answers in self.orders.items():
            if ordered == method and path.endswith(suffix) and answers:
                return answers.popleft()
        return self._usual(method, path)

    def _usual(self, method: str, path: str) -> Answer:
        if path.endswith("/auth/tokens"):
            return Answer(201, self._token())
        if path == "/v3":
            link = {"rel": "self", "href": f"{self.url}/v3"}
            return Answer(200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}})
        if path.rstrip("/") == "/compute/v2.1":
            link = {"rel": "self", "href": f"{self.url}/compute/v2.1"}
            version = {"id": "v2.1", "status": "CURRENT", "version": "2.96", "min_version": "2.1"}
            return Answer(200, {"version": {**version, "links": [link]}})
        if path.rstrip("/") in ("/image", "/network"):
            service, number = path.strip("/"), "v2.0" if "network" in path else "v2.2"
            link = {"rel": "self", "href": f"{self.url}/{service}/{number[:2]}"}
            return Answer(200, {"versions": [{"id": number, "status": "CURRENT", "links": [link]}]})
        if path.rstrip("/") == "/container":
            version = {"id": "v1", "status": "CURRENT", "max_version": "1.40", "min_version": "1.1"}
            return Answer(200, {"versions": [version]})
        if method == "POST" and path.endswith("/containers"):
            return Answer(202, {"uuid": "c1"})
        if method == "POST" and path.endswith("/servers"):
            return Answer(202, {"server": {"id": "s1"}})
        if method == "DELETE":
            return Answer(204)
        lists = {"/flavors/detail": ("flavors", [FLAVOR]), "/images": ("images", [IMAGE])}
        lists |= {"/servers/detail": ("servers", []), "/os-keypairs": ("keypairs", [])}
        for suffix, (key, entries) in lists.items():
            if path.endswith(suffix):
                return Answer(200, {key: entries})
        if method == "GET":
            return Answer(200, {path.rsplit("/", 1)[1].replace("-", "_"): []})
        return Answer(404, {"itemNotFound": {"code": 404, "message": f"{method} {path}"}})

    def _token(self) -> Any:
        def entry(kind: str, path: str) -> Any:
            place = {
                "interface": "public",
                "region": "R",
                "region_id": "R",
                "url": self.url + path,
                "id": kind,
            }
            return {"type": kind, "name": kind, "id": kind, "endpoints": [place]}

        catalog = [entry(kind, path) for kind, path in {**self.services, "identity": "/v3"}.items()]
        roles = [{"id": role, "name": role} for role in self.roles]
        issued = datetime.fromtimestamp(time.time() + self.skew, UTC)
        times = {
            "expires_at": "2999-01-01T00:00:00.000000Z",
            "issued_at": f"{issued:%Y-%m-%dT%H:%M:%S.000000Z}",
        }
        user = {"id": "u", "name": "u", "domain": {"id": "d", "name": "D"}}
        token = {"methods": ["password"], "user": user, "roles": roles, "catalog": catalog}
        token |= {"project": self.project} if self.project else {}
        return {"token": {**token, **times}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length)
                answer = stub.serve(self.command, self.path, sent, self.headers)
                if answer.silent:
                    stub.ended.wait()
                    self.close_connection = True
                    return
                text = isinstance(answer.body, str)
                data = answer.body.encode() if text else json.dumps(answer.body).encode()
                data = b"" if answer.status == 204 else data
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                for name, value in answer.headers or (("X-Subject-Token", stub.token),):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data) * (2 if answer.cut else 1)))
                self.end_headers()
                self.wfile.write(data)
                self.close_connection = answer.cut

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def send_response(self, code: int, message: str | None = None) -> None:
                self.send_response_only(code, message)
                if stub.dated:
                    self.send_header("Date", self.date_time_string())

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + stub.skew)

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def write_clouds(folder: Path, **urls: str) -> Path:
    """A clouds.yaml with an entry per keyword."""
    auth = "username: u, password: p, project_name: p, user_domain_name: D, project_domain_name: D"
    entries = [
        f"  {name}:\n    region_name: R\n    auth: {{auth_url: '{url}/v3', {auth}}}"
        for name, url in urls.items()
    ]
    path = folder / "clouds.yaml"
    path.write_text("clouds:\n" + "\n".join(entries) + "\n")
    return path
