"""A large image on two real nodes: memory stays bounded, and what broke off is completed."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, node2_hanging
from harness.image_kit import qcow2

from slack_workspace import Workspace

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(300)]

MB = 1024 * 1024
SIZE = 256 * MB
MOST_GROWTH = 50 * MB
NAME = "kws-test-large"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A disk image of 256 MB whose bytes nobody can compress."""
    path = tmp_path / f"{NAME}.qcow2"
    with path.open("wb") as file:
        file.write(qcow2(MB))
        for _ in range(SIZE // MB - 1):
            file.write(os.urandom(MB))
    return path


@pytest.fixture
def no_image(clouds: dict[str, Any]) -> Iterator[None]:
    """Nothing of the test's image is on a node, before and after."""

    def clean() -> None:
        for cloud in clouds.values():
            for image in cloud.image.images():
                if image.name.endswith(NAME):
                    cloud.image.update_image(image, is_protected=False)
                    cloud.image.delete_image(image)

    clean()
    yield
    clean()


class TtlCache:
    """Samples a process's resident memory until it is closed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.base = self.peak = self.now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def now(self) -> int:
        """Bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)

    def mark(self) -> None:
        """What grows from now on counts."""
        self.base = self.peak = self.now()

    def close(self) -> int:
        """How many bytes it grew at its peak."""
        self._over.set()
        self._thread.join()
        return self.peak - self.base

    def _sample(self) -> None:
        while not self._over.wait(0.01):
            try:
                self.peak = max(self.peak, self.now())
            except OSError:  # it has ended
                return


def add(bot: BotProcess, source: str, watch: Callable[[str], None]) -> tuple[int, str, int]:
    """``kws images add`` in a process of its own: exit code, what it said, and growth from its first byte on."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "bot",
            "images",
            "add",
            source,
            "--name",
            NAME,
            "--title",
            "Large one",
            "--login",
            "me",
        ],
        cwd=bot.folder,
        env=bot.whole_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory, begun = TtlCache(process.pid), False
    assert process.stdout and process.stderr
    errors = []
    for line in process.stderr:
        if not begun and "reading" in line:
            memory.mark()
            begun = True
        errors.append(line)
        watch(line)
    said = process.stdout.read()
    grown = memory.close()
    return process.wait(), said + "".join(errors), grown


def checksums(clouds: dict[str, Any]) -> dict[str, str]:
    """Node → SHA-512 of the bytes that Glance gives out, not only what it says of them."""
    found = {}
    for name, cloud in clouds.items():
        (image,) = [one for one in cloud.image.images() if one.name == NAME]
        sha = hashlib.sha512()
        response = cloud.image.get(f"/images/{image.id}/file", stream=True)
        for chunk in response.iter_content(MB):
            sha.update(chunk)
        assert image.hash_value == sha.hexdigest()
        found[name] = sha.hexdigest()
    return found


def names(clouds: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    return {n: [(i.name, i.status) for i in c.image.images() if NAME in i.name] for n, c in clouds.items()}


def synced(workspace: Workspace, admin: Any) -> tuple[dict[str, Any], float]:
    """Tries until the bot asks node2 again (its breaker waits a while): the last message, and how long it took."""
    for number in range(1, 40):
        begun = time.monotonic()
        admin.command(f"/kws admin images sync {NAME}")

        def ends(number: int = number) -> list[Any]:
            shown = [m for m in admin.dm() if "with the same checksum" in str(m) or "Try again" in str(m)]
            return shown if len(shown) == number else []

        message = workspace.wait_for(ends, timeout=120)[-1]
        if "Try again" not in str(message):
            return message, time.monotonic() - begun
        assert "node2: not responding" in str(message)
        time.sleep(3)
    raise AssertionError("it was never asked again")


def sha512(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()


@contextmanager
def mirror(folder: Path) -> Iterator[str]:
    """A web server on this machine's own address in its network: a URL that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))  # sends nothing
        address = probe.getsockname()[0]

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer((address, 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_large_image_from_a_url_with_bounded_memory(
    make_bot: Callable[..., BotProcess], clouds: dict[str, Any], large: Path, no_image: None
) -> None:
    bot = make_bot()
    with mirror(large.parent) as url:
        begun = time.monotonic()
        code, said, grown = add(bot, f"{url}/{large.name}", lambda line: None)
    took = time.monotonic() - begun
    print(
        f"{SIZE // MB} MB from a URL to two nodes: {took:.1f} s, memory grew by {grown / MB:.1f} MB at its peak"
    )
    assert code == 0, said
    assert checksums(clouds) == dict.fromkeys(clouds, sha512(large))
    assert 0 < grown < MOST_GROWTH
    (row,) = [row for row in json.loads(bot.kws("images", "list", "--json"))["images"] if row["name"] == NAME]
    assert row["differs"] == []
    assert {entry["size"] for here in row["nodes"].values() for entry in here} == {SIZE}
    code, said, _ = add(bot, "http://127.0.1.1:9292/v2/images", lambda line: None)
    assert code == 2, said
    assert "is this machine or its local network" in said
    bot.kws("images", "delete", NAME, "--yes")
    assert names(clouds) == {"node1": [], "node2": []}


def test_a_node_that_stops_midway_is_completed_by_sync(
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    large: Path,
    no_image: None,
) -> None:
    bot, admin = make_bot(), workspace.person("admin")
    admin.user.locale = "en-US"
    bot.start()
    admin.command("/kws admin images")
    workspace.wait_for(lambda: "node2: OK" in str(admin.ephemeral()), timeout=30)
    stopped = threading.Event()
    resume = threading.Event()

    def stop_midway(line: str) -> None:
        if (
            not stopped.is_set()
            and "node2:" in line
            and 20 < int(line.split("node2: ")[1].split(maxsplit=1)[0]) < 250
        ):
            frozen.start()
            stopped.wait(10)

    def freeze() -> None:
        with node2_hanging():
            stopped.set()
            resume.wait(200)

    frozen = threading.Thread(target=freeze)
    try:
        code, said, grown = add(bot, str(large), stop_midway)
        assert stopped.is_set(), said
    finally:
        resume.set()
        if frozen.ident:
            frozen.join()
    print(f"a file to two nodes, one of which stopped: memory grew by {grown / MB:.1f} MB at its peak")
    assert code == 1
    assert f"{NAME}  node1  done" in said
    assert f"{NAME}  node2  not responding" in said
    assert grown < MOST_GROWTH
    assert (NAME, "active") in names(clouds)["node1"]
    assert (NAME, "active") not in names(clouds)["node2"]

    assert bot.process
    memory = TtlCache(bot.process.pid)
    message, took = synced(workspace, admin)
    grown = memory.close()
    print(f"sync by the bot: {took:.1f} s, its memory grew by {grown / MB:.1f} MB at its peak")
    assert "node2: done" in str(message)
    assert grown < MOST_GROWTH
    assert checksums(clouds) == dict.fromkeys(clouds, sha512(large))
    assert names(clouds) == {node: [(NAME, "active")] for node in clouds}, "nothing is left of the broken one"
    admin.command("/kws rent")
    view = workspace.wait_for(lambda: admin.open_view)
    assert "Large one" in str(view)
