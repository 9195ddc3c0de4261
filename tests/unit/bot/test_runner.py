"""``kws run`` in a process of its own, as a supervisor sees it: start, life, end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.commands import GOOD

from slack_workspace import Workspace

pytestmark = pytest.mark.thorough  # starts processes

CLOUDS = "clouds: {lab-a: {auth: {auth_url: 'http://127.0.0.1:9/v3', username: u, password: planted-secret, project_name: p}}}"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextmanager
def running(folder: Path, workspace: Workspace, port: int, notify: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The bot with one node that does not answer; what it writes is in ``log``."""
    (folder / "nodes.toml").write_text(GOOD)
    (folder / "clouds.yaml").write_text(CLOUDS)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "KWS_", "OS_"))} | {
        "SLACK_BOT_TOKEN": workspace.bot_token, "SLACK_APP_TOKEN": workspace.app_token,
        "SLACK_API_URL": workspace.api_url, "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "3000000", "KWS_METRICS": str(port),
    }  # fmt: skip
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "bot", "run"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def test_start_life_and_end(tmp_path: Path) -> None:
    workspace, port = Workspace().start(), free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        with running(tmp_path, workspace, port, tmp_path / "notify") as process:
            assert systemd.recv(999) == b"READY=1\nSTATUS=started"
            workspace.wait_connected(2)
            assert systemd.recv(999).startswith(b"WATCHDOG=1")
            assert json.loads(get(f"http://127.0.0.1:{port}/healthz")[1])["ok"]  # a silent node is no illness
            status, page = get(f"http://127.0.0.1:{port}/metrics")
            assert status == 200
            assert 'kws_node_up{node="node1"} 0.0' in page
            assert "process_resident_memory_bytes" in page
            process.send_signal(signal.SIGTERM)
            said: list[bytes] = []
            while not any(b"STOPPING=1" in one for one in said):
                said.append(systemd.recv(999))
            assert process.wait(20) == 0
    workspace.stop()
    lines = (tmp_path / "log").read_text().splitlines()
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines]  # no terminal: JSON, each line
    assert any("serving /healthz" in entry["event"] for entry in entries)
    assert all({"level", "logger", "timestamp"} <= set(entry) for entry in entries)
    secrets = (workspace.bot_token, workspace.app_token, "planted-secret")
    assert not any(secret in "".join(lines) + page for secret in secrets)


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    workspace = Workspace().start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with running(tmp_path, workspace, taken.getsockname()[1], tmp_path / "nobody") as process:
            assert process.wait(20) == 1
    workspace.stop()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert "can't listen on 127.0.0.1:" in (tmp_path / "log").read_text()
