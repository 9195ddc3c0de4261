"""``kws run --http`` over a real socket: what is not Slack's, or not fresh, is refused, quietly and soon.

The page of health and figures is here too: who reaches what.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from security.bench import Bench
from security.planted import SIGNING_SECRET, logged
from slack_bolt import App

from bot.ops import watch_server
from bot.ops.http import LIMITS, PATH, OnlySlack, serve
from bot.ops.watch_server import WatchPages
from bot.ops.web_server import Limits, StartResponse, WebServer

FORM = "application/x-www-form-urlencoded"


class Line:
    """The bot behind a port; ``post`` says what the status line says."""

    def __init__(self, bench: Bench, port: int) -> None:
        self.bench = bench
        self.port = port

    def body(self, text: str = "list", trigger: str = "") -> bytes:
        payload = self.bench.command(self.bench.person("mina"), text)
        return urllib.parse.urlencode(payload | ({"trigger_id": trigger} if trigger else {})).encode()

    def raw(self, data: bytes, wait: float = 5.0) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as line:
            line.sendall(data)
            answer = b""
            try:
                while chunk := line.recv(65536):
                    answer += chunk
            except (TimeoutError, ConnectionError):
                pass
            return answer

    def post(self, body: bytes, **how: Any) -> int:
        answer = self.raw(self.request(body, **how))
        assert b"Traceback" not in answer
        return int(answer.split(b" ", 2)[1]) if answer else 0

    def request(
        self,
        body: bytes,
        *,
        secret: str = SIGNING_SECRET,
        age: int = 0,
        method: str = "POST",
        path: str = PATH,
        without: str = "",
        sent: bytes | None = None,
        **headers: str,
    ) -> bytes:
        """A request as Slack makes it, but for what is said."""
        stamp = str(int(time.time()) - age)
        signed = b"v0:" + stamp.encode() + b":" + body
        lines = {
            "Host": "bot",
            "Connection": "close",
            "Content-Type": FORM,
            "Content-Length": str(len(body if sent is None else sent)),
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        lines.pop(without, None)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body if sent is None else sent)


@pytest.fixture(scope="module")
def line(make_module_bench: Callable[..., Bench]) -> Iterator[Line]:
    bench = make_module_bench()
    server = serve(bench.service.app, SIGNING_SECRET, 0)
    yield Line(bench, server.port)
    server.close()


def served(line: Line) -> int:
    """How often something was answered, by whatever way."""
    return sum(call.method == "response_url" for call in line.bench.workspace.calls)


def arrives(line: Line, before: int) -> None:
    line.bench.workspace.wait_for(lambda: served(line) > before)


def test_what_slack_signed_is_served_once(line: Line) -> None:
    """And a replay within the five minutes, which no signature can tell apart, is not acted on again."""
    before, body = served(line), line.body("keys")
    assert line.post(body) == 200
    arrives(line, before)
    after = served(line)
    assert line.post(body) == 200 == line.post(body, age=200)
    marker = line.body("status")
    assert line.post(marker) == 200
    arrives(line, after)
    assert served(line) == after + 1, "the replays were not served, what came after them was"


MESSED: dict[str, tuple[int, dict[str, Any]]] = {
    "wrong secret": (401, {"secret": "another"}),
    "old": (401, {"age": 301}),
    "of the future": (401, {"age": -301}),
    "no signature": (401, {"without": "X-Slack-Signature"}),
    "no timestamp": (401, {"without": "X-Slack-Request-Timestamp"}),
    "senseless timestamp": (401, {"X_Slack_Request_Timestamp": "yesterday"}),
    "Arabic timestamp": (401, {"X_Slack_Request_Timestamp": "\u0661"}),
    "negative timestamp": (401, {"X_Slack_Request_Timestamp": "-1"}),
    "huge timestamp": (401, {"X_Slack_Request_Timestamp": "9" * 400}),
    "empty signature": (401, {"X_Slack_Signature": ""}),
    "another version": (401, {"X_Slack_Signature": "v1=" + "0" * 64}),
    "signature with letters": (401, {"X_Slack_Signature": "v0=" + "\u00e9" * 64}),
    "GET": (405, {"method": "GET"}),
    "PUT": (405, {"method": "PUT"}),
    "another path": (404, {"path": "/"}),
    "path with dots": (404, {"path": "/slack/../slack/events"}),
    "wrong type": (415, {"Content_Type": "text/xml"}),
    "no type": (415, {"without": "Content-Type"}),
    "multipart": (415, {"Content_Type": "multipart/form-data; boundary=x"}),
    "no length": (401, {"without": "Content-Length"}),
    "senseless length": (400, {"Content_Length": "abc"}),
    "negative length": (400, {"Content_Length": "-1"}),
    "two lengths": (400, {"Content_Length": "3, 4"}),
    "length of a file": (413, {"Content_Length": str(LIMITS.body + 1)}),
    "length beyond memory": (413, {"Content_Length": "9" * 40}),
}


@pytest.mark.parametrize("name", MESSED)
def test_anything_else_is_refused(line: Line, name: str) -> None:
    status, change = MESSED[name]
    before = line.bench.rows(), served(line)
    with logged("json") as log:
        assert line.post(line.body(), **change) == status
    assert (line.bench.rows(), served(line)) == before
    assert "Traceback" not in "".join(log) and "list" not in "".join(log)


def test_a_body_that_was_altered(line: Line) -> None:
    body = line.body("list")
    assert line.post(body, sent=body.replace(b"text=list", b"text=help")) == 401
    assert line.post(body, sent=body + b"&x=1") == 401
    assert line.post(body, sent=b"") == 401


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe", FORM), (b"payload=%7Bnot", FORM), (b"{", "application/json"), (b"[1][", "application/json"),
        (b"null", "application/json"), (b"[]", "application/json"), (b"[" * 90_000, "application/json"),
        (b"payload=" + b"[" * 90_000, FORM), (b"payload=null", FORM), (b"", FORM), (b"ssl_check=1", FORM),
    ],
)  # fmt: skip
def test_what_is_signed_but_senseless(line: Line, body: bytes, kind: str) -> None:
    assert 200 <= line.post(body, Content_Type=kind) < 500
    assert line.post(body, Content_Type=kind, secret="another") == 401


def test_the_challenge_of_a_new_request_url_is_answered(line: Line) -> None:
    body = json.dumps({"token": "t", "type": "url_verification", "challenge": "c4a113"}).encode()
    assert b"c4a113" in line.raw(line.request(body, Content_Type="application/json"))
    unsigned = line.raw(line.request(body, Content_Type="application/json", secret="another"))
    assert b"c4a113" not in unsigned and b" 401 " in unsigned.splitlines()[0]


def test_a_body_of_the_largest_size_is_taken(line: Line) -> None:
    assert line.post(b"payload=" + b"x" * (LIMITS.body - 8), secret="another") == 401
    assert line.post(b"payload=" + b"x" * (LIMITS.body - 7), secret="another") == 413


def test_a_body_in_pieces_has_the_same_limit(line: Line) -> None:
    """It has no length to be refused by: what has come is counted."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    request = line.request(b"", without="Content-Length", Transfer_Encoding="chunked", sent=chunk * 17)
    assert b" 413 " in line.raw(request).splitlines()[0]


def test_who_sends_nothing_is_hung_up_on(line: Line) -> None:
    server = serve(line.bench.service.app, SIGNING_SECRET, 0, limits=Limits(idle=0))
    hasty = Line(line.bench, server.port)
    assert hasty.raw(b"POST /slack/ev") == b""
    assert hasty.raw(line.request(line.body())[:-1]) == b"", "nothing is served of half a request"
    server.close()


def test_so_many_at_once_and_then_as_before(line: Line) -> None:
    pages = WatchPages(line.bench.service.health, line.bench.service.metrics)
    server = watch_server.serve(pages, 0, limits=Limits(connections=2))
    small = Line(line.bench, server.port)
    ask = b"GET /livez HTTP/1.0\r\n\r\n"
    held = [socket.create_connection(("127.0.0.1", small.port), timeout=5) for _ in range(2)]
    for one in held:
        one.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert b" 200 " in one.recv(999)
    assert small.raw(ask, wait=0.2) == b"", "waits until one of them has gone"
    for one in held:
        one.close()
    assert b" 200 " in small.raw(ask)
    server.close()


def test_what_is_being_answered_at_the_end_is_answered(line: Line) -> None:
    """SIGTERM amid a request: its answer still goes out, and the port is free then."""
    begun, goes_on = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        begun.set()
        goes_on.wait(5)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    server = WebServer(slow, 0)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as caller:
        caller.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert begun.wait(5)
        closing = threading.Thread(target=server.close)
        closing.start()
        goes_on.set()
        closing.join(5)
        assert not closing.is_alive()
        assert caller.recv(999).endswith(b"done")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_without_a_secret_nothing_is_served() -> None:
    with pytest.raises(ValueError, match="no signing secret"):
        OnlySlack(App(token="xoxb-1", token_verification_enabled=False, signing_secret="s"), "")


# -- health and figures


@pytest.fixture(scope="module")
def watched(line: Line) -> Iterator[Line]:
    pages = WatchPages(line.bench.service.health, line.bench.service.metrics)
    server = watch_server.serve(pages, 0)
    assert server.host == "127.0.0.1", "nobody else reaches it unless told so"
    yield Line(line.bench, server.port)
    server.close()


def test_the_watch_pages_say_nothing_of_people_or_rentals(watched: Line) -> None:
    for path in ("/metrics", "/livez"):
        answer = watched.raw(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert b" 200 " in answer.splitlines()[0]
        assert not [w for w in (b"U0MINA", b"web0", b"203.0.113", b"xoxb") if w in answer]
    for path in (PATH, "/", "/metrics/../etc/passwd", "//etc/passwd", "/%2e%2e/"):
        assert b" 404 " in watched.raw(f"GET {path} HTTP/1.0\r\n\r\n".encode()).splitlines()[0]
    assert b" 405 " in watched.raw(b"POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n").splitlines()[0]


def test_the_page_of_the_demo_is_for_this_machine_only(line: Line) -> None:
    """Also through a name that somebody has pointed at this machine, or a foreign page in the same browser."""
    port = int(line.bench.workspace.page_url.rsplit(":", 1)[1].strip("/"))
    page = Line(line.bench, port)
    ask = lambda *lines: page.raw("\r\n".join(["GET / HTTP/1.0", *lines, "", ""]).encode()).split(b" ", 2)[1]  # noqa: E731
    assert ask(f"Host: 127.0.0.1:{port}") == b"200"
    assert ask(f"Host: evil.example:{port}") == b"403"
    assert ask(f"Host: 127.0.0.1:{port}", "Origin: http://evil.example") == b"403"
