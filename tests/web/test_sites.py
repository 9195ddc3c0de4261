"""What visitors get through a real Caddy: sites as they are, and pages instead of errors."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import websocket
from harness.caddy_kit import PAGES, self_signed
from web.front import Front, says, tells_headers

from kws_core.web.caddy import CHECK, STATUS, Caddy
from kws_core.web.routes import Page, Target

pytestmark = pytest.mark.caddy
KOREAN = ("-H", "Accept-Language: ko-KR,ko;q=0.9,en;q=0.8")
ENGLISH = ("-H", "Accept-Language: en-US,en;q=0.9,ko;q=0.8")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


def headers_at(front: Front, *sent: str) -> dict[str, str]:
    """What arrives at the site, in lower case."""
    front.upstream("web01", tells_headers)
    told = front.caddy.get("web01", "/", *(part for one in sent for part in ("-H", one))).json()
    assert len({name.lower() for name, _ in told}) == len(told), "no header twice"
    return {name.lower(): value for name, value in told}


def test_a_site_is_read_at_its_https_name(front: Front) -> None:
    front.upstream("web01", says(b"hello", Content_Type="text/plain"))
    answer = front.caddy.get("web01", "/a?b=c", "--http2")
    assert (answer.code, answer.status, answer.body) == (0, 200, b"hello")
    assert front.caddy.get("web01", "/", "--http1.1").body == b"hello"


def test_the_visitors_address_arrives_and_cannot_be_forged(front: Front) -> None:
    forged = (
        "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: bank.example", "X-Forwarded-Proto: http", "Forwarded: for=6.6.6.6",
        "X-Real-IP: 6.6.6.6", "True-Client-IP: 6.6.6.6", "CF-Connecting-IP: 6.6.6.6", "X-Original-URL: /admin",
        "X_Forwarded_For: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "Remote_User: root", "Proxy: http://6.6.6.6",
        "X-Client-IP: 6.6.6.6", "X-Rewrite-URL: /admin", "X-Forwarded-User: root",
    )  # fmt: skip
    told = headers_at(front, *forged, "X-Mine: stays", "Cookie: a=b", "Authorization: Bearer x")
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"
    assert told["x-forwarded-host"] == told["host"] == f"web01.lab.example:{front.web.https_port}"
    assert (told["x-mine"], told["cookie"], told["authorization"]) == ("stays", "a=b", "Bearer x")
    assert "6.6.6.6" not in str(told)
    assert not {"forwarded", "x-original-url", "x-rewrite-url", "remote-user", "x-forwarded-user"} & set(told)
    assert not [name for name in told if "_" in name]


def test_large_bodies_pass_both_ways(front: Front, tmp_path: Path) -> None:
    body = hashlib.sha256(b"seed").digest() * (64 * 1024 * 1024 // 32)

    def echo(request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["Content-Length"])
        request.send_response(200)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        while length:
            block = request.rfile.read(min(length, 1 << 20))
            request.wfile.write(block)
            length -= len(block)

    front.upstream("web01", echo)
    file = tmp_path / "body"
    file.write_bytes(body)
    answer = front.caddy.get("web01", "/", "-H", "Expect:", "--data-binary", f"@{file}")
    assert (answer.status, len(answer.body)) == (200, len(body))
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()


def test_compressed_answers_pass_as_they_are(front: Front) -> None:
    front.upstream("web01", says(b"\x1f\x8bnot really", Content_Encoding="gzip"))
    answer = front.caddy.get("web01", "/", "-H", "Accept-Encoding: gzip")
    assert (answer.headers["content-encoding"], answer.body) == ("gzip", b"\x1f\x8bnot really")
    assert "accept-encoding" not in headers_at(front)


def test_events_arrive_one_by_one(front: Front) -> None:
    go_on = threading.Event()

    def stream(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        for number in range(2):
            request.wfile.write(b"data: %d\n\n" % number)
            request.wfile.flush()
            go_on.wait(10)
        request.close_connection = True

    front.upstream("web01", stream)
    with connected(front, "web01") as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: web01.lab.example\r\n\r\n")
        read_until(visitor, b"data: 0")
        go_on.set()
        assert b"data: 1" in read_until(visitor, b"data: 1")


def echo_frames(request: BaseHTTPRequestHandler) -> None:
    """A WebSocket server: short text frames come back as they were."""
    key = hashlib.sha1(request.headers["Sec-WebSocket-Key"].encode() + GUID).digest()
    request.send_response(101)
    for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade")):
        request.send_header(name, value)
    request.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
    request.end_headers()
    while head := request.rfile.read(2):
        length = head[1] & 127
        mask, body = request.rfile.read(4), request.rfile.read(length)
        plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
        request.wfile.write(bytes([head[0], length]) + plain)
        request.wfile.flush()
    request.close_connection = True


def open_websocket(front: Front, label: str = "web01") -> websocket.WebSocket:
    host = f"{label}.lab.example"
    return websocket.create_connection(f"ws://{host}/", socket=connected(front, label), timeout=10)


def test_websockets_pass(front: Front) -> None:
    front.upstream("web01", echo_frames)
    talk = open_websocket(front)
    for words in ("hello", "again"):
        talk.send(words)
        assert talk.recv() == words
    talk.close()


def test_a_site_that_speaks_https_itself(front: Front, tmp_path: Path) -> None:
    """With a certificate of its own, as a fresh web server has it."""
    server = front.upstream("web01", tells_headers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path, "web01"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    assert front.caddy.get("web01").status in (400, 503), "plain HTTP is not what it speaks"
    front.serve("web01", Target(server.target.address, server.target.port, tls=True))
    assert dict(front.caddy.get("web01").json())["Host"].startswith("web01.lab.example")


@pytest.mark.parametrize("page", [page for page in Page if page is not Page.SILENT])
@pytest.mark.parametrize(("language", "locale"), [(KOREAN, "ko"), (ENGLISH, "en"), ((), "ko")])
def test_each_page_in_the_visitors_language(
    front: Front, page: Page, language: tuple[str, ...], locale: str
) -> None:
    front.serve("web01", page)
    said = front.caddy.get("web01", "/", *language)
    assert (said.status, said.text) == (STATUS[page], PAGES[page, locale])  # type: ignore[index]
    assert said.headers["content-language"] == locale
    assert said.headers["cache-control"] == "no-store"


def test_nothing_listens_yet_and_then_it_does(front: Front) -> None:
    server = front.upstream("web01", says(b"hello"))
    server.shutdown()
    server.server_close()
    silent = front.caddy.get("web01", "/", *KOREAN)
    assert (silent.status, silent.text) == (503, PAGES[Page.SILENT, "ko"])
    assert front.caddy.get("web01", "/", *ENGLISH).text == PAGES[Page.SILENT, "en"]
    front.upstream("web01", says(b"hello"))
    assert front.caddy.get("web01").body == b"hello"


def test_one_that_hangs_up_is_no_bare_502(front: Front) -> None:
    def hang_up(request: BaseHTTPRequestHandler) -> None:
        request.connection.shutdown(socket.SHUT_RDWR)
        request.close_connection = True

    front.upstream("web01", hang_up)
    assert front.caddy.get("web01").text == PAGES[Page.SILENT, "ko"]


@pytest.mark.parametrize("status", [404, 500, 502, 503])
def test_a_sites_own_errors_pass_as_they_are(front: Front, status: int) -> None:
    front.upstream("web01", says(b"mine", status))
    answer = front.caddy.get("web01")
    assert (answer.status, answer.body) == (status, b"mine")


def test_a_site_of_the_lab_is_closed_to_others(front: Front) -> None:
    server = front.upstream("web01", says(b"hello"))
    front.serve("web01", server.target, lab_only=True)
    assert front.caddy.get("web01").body == b"hello"
    front.web = front.web.model_copy(update={"open_to": ("10.0.0.0/8",)})
    front.load()
    outside = front.caddy.get("web01", "/", "-H", "X-Forwarded-For: 10.0.0.1")
    assert (outside.status, outside.text) == (403, PAGES[Page.CLOSED, "ko"])
    assert len(server.seen) == 1


# -- who asks for what is not there


def connected(front: Front, label: str) -> ssl.SSLSocket:
    """A TLS connection for that name, speaking HTTP/1.1."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    plain = socket.create_connection(("127.0.0.1", front.web.https_port), timeout=10)
    return context.wrap_socket(plain, server_hostname=f"{label}.lab.example")


def read_until(visitor: ssl.SSLSocket, end: bytes) -> bytes:
    """Everything up to there, or up to the end of the connection."""
    read = b""
    while end not in read:
        block = visitor.recv(65536)
        if not block:
            break
        read += block
    return read


def test_plain_http_leads_to_https_and_nowhere_else(front: Front) -> None:
    front.upstream("web01", says(b"hello"))
    url = f"http://web01.lab.example:{front.web.http_port}"
    moved = front.caddy.curl(f"{url}/a?b=c")
    assert moved.status == 308
    assert moved.headers["location"] == f"https://web01.lab.example:{front.web.https_port}/a?b=c"
    assert front.caddy.curl(url + CHECK).body == b"kws\n"
    for host in ("evil.example", "lab.example.evil.example", "127.0.0.1", "lab.example"):
        answer = front.caddy.curl(url, "-H", f"Host: {host}")
        assert (answer.status, "location" in answer.headers) == (404, False)


def test_a_host_header_opens_no_other_site(front: Front) -> None:
    front.upstream("web01", says(b"hello"))
    other = front.upstream("web02", says(b"secret"))
    admin = f"127.0.0.1:{front.caddy.admin_port}"
    for host in (
        "web02.lab.example",
        "127.0.0.1",
        "localhost",
        admin,
        "169.254.169.254",
        "[::1]",
        "WEB02.lab.example",
    ):
        answer = front.caddy.get("web01", "/config/", "-H", f"Host: {host}")
        assert answer.status == 421, host
        assert b"secret" not in answer.body
    assert front.caddy.get("web01", "/", "-H", "Host: web01.lab.example.").status in (404, 421)
    assert other.seen == []


def test_the_admin_api_and_the_metadata_service_are_not_behind_it(front: Front) -> None:
    """Not by a URL of another host in the request, not by CONNECT, not by a redirect that a site sends."""
    admin = f"http://127.0.0.1:{front.caddy.admin_port}/config/"
    server = front.upstream("web01", says(b"", 302, Location=admin))
    moved = front.caddy.get("web01")
    assert (moved.status, moved.headers["location"]) == (302, admin)
    for line in (
        f"GET {admin} HTTP/1.1\r\nHost: web01.lab.example",
        "GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\nHost: web01.lab.example",
        f"CONNECT 127.0.0.1:{front.caddy.admin_port} HTTP/1.1\r\nHost: web01.lab.example",
    ):
        with connected(front, "web01") as visitor:
            visitor.sendall(f"{line}\r\nConnection: close\r\n\r\n".encode())
            said = read_until(visitor, b"never")
            assert b'"apps"' not in said
            assert said.split()[1] in (b"302", b"400", b"404", b"405", b"421", b"501", b"503")
    assert len(server.seen) <= 2


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: web02.lab.example\r\n\r\n"
PROBES = {
    "both lengths": b"POST / HTTP/1.1\r\nHost: web01.lab.example\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: web01.lab.example\r\nContent-Length: 0\r\nContent-Length: 50\r\n\r\n",
    "a strange encoding": b"POST / HTTP/1.1\r\nHost: web01.lab.example\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n",
    "a blank in a header": b"POST / HTTP/1.1\r\nHost: web01.lab.example\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n",
    "a folded header": b"POST / HTTP/1.1\r\nHost: web01.lab.example\r\nX: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: web01.lab.example\r\nContent-Length: +0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: web01.lab.example\r\nHost: web02.lab.example\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: web01.lab.example\nContent-Length: 0\n\n",
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_no_request_is_smuggled_past_the_proxy(front: Front, probe: bytes) -> None:
    """What follows is a request of its own for the proxy, which says 421 to it; neither site sees it."""
    first = front.upstream("web01", says(b"hello"))
    second = front.upstream("web02", says(b"secret"))
    with connected(front, "web01") as visitor:
        visitor.sendall(probe + SMUGGLED)
        visitor.settimeout(1.0)
        said = b""
        with contextlib.suppress(TimeoutError):
            said = read_until(visitor, b"never")
    assert b"secret" not in said
    assert not [one for one in (*first.seen, *second.seen) if "smuggled" in one]


# -- a configuration that changes under visitors


def test_hardly_a_visitor_notices_a_change(front: Front, tmp_path: Path) -> None:
    """Caddy 2.6 hangs up on the rare one who knocks in the instant of the change; browsers knock again by themselves."""
    front.upstream("web01", says(b"hello"))
    root = tmp_path / "root.pem"
    root.write_text(Caddy(front.caddy.url).root_certificate())
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def visit() -> None:
        while not stop.is_set():
            url = f"https://web01.lab.example:{front.web.https_port}/"
            answer = front.caddy.curl(url, "--cacert", str(root), "--http1.1")
            seen.append((answer.code, answer.status))

    visitor = threading.Thread(target=visit)
    visitor.start()
    for number in range(6):
        front.serve(f"other{number}", Page.STARTING)
        time.sleep(0.5)
    stop.set()
    visitor.join()
    answered = [status for code, status in seen if code == 0]
    assert set(answered) == {200}
    assert len(answered) > 20
    assert len(seen) - len(answered) <= 1


def test_a_download_goes_on_through_a_change(front: Front) -> None:
    go_on = threading.Event()

    def slowly(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "20")
        request.end_headers()
        request.wfile.write(b"0123456789")
        request.wfile.flush()
        go_on.wait(10)
        request.wfile.write(b"0123456789")

    front.upstream("web01", slowly)
    with connected(front, "web01") as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: web01.lab.example\r\n\r\n")
        assert b"0123456789" in read_until(visitor, b"0123456789")
        front.serve("other", Page.STARTING)
        go_on.set()
        assert read_until(visitor, b"0123456789") == b"0123456789"


def test_a_site_stays_when_caddy_is_killed_and_kws_is_away(front: Front) -> None:
    front.upstream("web01", says(b"hello"))
    front.caddy.kill()
    front.caddy.start()
    assert front.caddy.get("web01").body == b"hello"
    assert Caddy(front.caddy.url).config()["apps"]["http"]["servers"]["kws"]
