"""Caddy in the tests: one that only remembers its configuration, and the real one (Debian's package) as a process."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bot.text.web_pages import pages
from kws_core.config import WebSection
from kws_core.web.caddy import Caddy, Json, ProxyDown, ProxyRefused
from kws_core.web.routes import Page

PAGES = pages("ko")
PROGRAM = shutil.which("caddy")
PATIENCE = 10.0  # seconds


@dataclass
class FakeCaddy(Caddy):
    """The admin API of a Caddy that serves nobody; ``behind`` says what a visitor would get."""

    found: Json = field(default_factory=dict)
    down: bool = False
    refuses: bool = False
    loads: int = 0
    looks: int = 0

    def config(self) -> Json:
        """What was loaded last."""
        self.looks += 1
        if self.down:
            raise ProxyDown("connection refused")
        return copy.deepcopy(self.found)

    def load(self, config: Json) -> None:
        """Takes it, unless it refuses."""
        if self.down:
            raise ProxyDown("connection refused")
        if self.refuses:
            raise ProxyRefused("400: unknown module")
        self.found, self.loads = json.loads(json.dumps(config)), self.loads + 1

    def restart(self) -> None:
        """Started without --resume: all is forgotten."""
        self.found = {}

    def behind(self, host: str, *, lab: bool = True) -> str | Page | None:
        """What a visitor gets under that name: the upstream's address, a page, or None from no configuration."""
        server = self.found.get("apps", {}).get("http", {}).get("servers", {}).get("kws", {})
        for route in server.get("routes", []):
            (match,) = route.get("match") or [{}]
            if host not in match.get("host", [host]) or (lab and "not" in match):
                continue
            (handle,) = route["handle"]
            if handle["handler"] == "headers":
                continue
            if handle["handler"] == "reverse_proxy":
                return str(handle["upstreams"][0]["dial"])
            body = handle["routes"][-1]["handle"][0]["body"]
            return next(page for (page, _), text in PAGES.items() if text == body)
        return None


class RealCaddy:
    """A Caddy of its own ports and folders. It is as Debian's caddy-api.service starts it: with --resume."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.admin_port, self.http_port, self.https_port = free_ports(3)
        self._process: subprocess.Popen[bytes] | None = None
        self._start_file = folder / "start.json"
        self._start_file.write_text(json.dumps({"admin": {"listen": f"127.0.0.1:{self.admin_port}"}}))

    @property
    def url(self) -> str:
        """Of its admin API."""
        return f"http://127.0.0.1:{self.admin_port}"

    def section(self, **more: Any) -> WebSection:
        """[web] for it; the tests are the lab."""
        values: dict[str, Any] = {
            "domain": "lab.example", "admin": self.url, "proxy": ("127.0.0.1",), "open_to": ("127.0.0.1/32",),
            "everybody": True, "http_port": self.http_port, "https_port": self.https_port,
        }  # fmt: skip
        return WebSection(**{**values, **more})

    def start(self) -> None:
        """Until its admin API answers."""
        assert PROGRAM
        how = ["--resume"] if (self.folder / "config/caddy/autosave.json").exists() else []
        folders = {"XDG_DATA_HOME": str(self.folder / "data"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        with (self.folder / "caddy.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "run", "--config", str(self._start_file), *how],
                env={**os.environ, **folders, "HOME": str(self.folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(ProxyDown):
                Caddy(self.url).config()
                return
            time.sleep(0.05)
        raise TimeoutError((self.folder / "caddy.log").read_text()[-2000:])

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "caddy.log").read_text()

    def curl(self, url: str, *how: str, stdin: bytes | None = None) -> Answer:
        """Open a URL under any name of the domain: all of them are here."""
        told = ["--resolve", f"*:{self.https_port}:127.0.0.1", "--resolve", f"*:{self.http_port}:127.0.0.1"]
        command = ["curl", "-s", "-i", "--max-time", "20", "--noproxy", "*", *told, *how, url]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        return Answer.of(done.stdout, done.returncode)

    def get(self, label: str, path: str = "/", *how: str) -> Answer:
        """Open a site by its name, and trust Caddy's own CA."""
        root = self.folder / "root.pem"
        if not root.exists():  # Caddy 2.6 does not tell it after a load that failed
            root.write_text(Caddy(self.url).root_certificate())
        return self.curl(f"https://{label}.lab.example:{self.https_port}{path}", "--cacert", str(root), *how)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, as curl -i prints it."""

    code: int  # curl's exit code
    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, printed: bytes, code: int) -> Answer:
        """The last answer in it: 1xx come before."""
        head, _, body = printed.partition(b"\r\n\r\n")
        while head.startswith((b"HTTP/1.1 1", b"HTTP/2 1")):
            head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").splitlines()
        status = int(lines[0].split()[1]) if lines else 0
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        return cls(code, status, headers, body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def free_ports(count: int) -> Iterator[int]:
    """Ports that nobody listens on now, and that the system gives to no connection."""
    tried = iter(random.sample(range(20000, 32000), 1000))
    for _ in range(count):
        for port in tried:
            with contextlib.suppress(OSError), socket.create_server(("", port)):
                yield port
                break


def self_signed(folder: Path, name: str) -> Path:
    """A file with a certificate for that name that nobody trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def own_address() -> str:
    """An address of this machine that is not loopback, as a rental's is not; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(asking.getsockname()[0])


@contextlib.contextmanager
def real_caddy(folder: Path) -> Iterator[RealCaddy]:
    """One that runs."""
    if PROGRAM is None:
        pytest.skip("caddy isn't installed (apt-get install caddy)")
    caddy = RealCaddy(folder)
    caddy.start()
    try:
        yield caddy
    finally:
        caddy.kill()
