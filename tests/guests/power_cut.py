"""A power cut of the lab's node: its guests and services are killed, and its services start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NODE, NUMBER, ADDRESS = "node9", 9, "127.0.9.1"
SERVICES = (
    "keystone", "placement", "glance", "neutron", "nova-conductor", "nova-scheduler", "nova-api", "nova-compute",
)  # fmt: skip
PORTS = (5000, 9292, 9696, 8774)
STARTS = 240  # seconds
START = f"""
import real, sys
node = real.RealNode({NUMBER})
node.holder = real.pids(node.run)["holder"]
for service in sys.argv[1:]:
    node.start(service)
"""  # as the lab kit itself starts them


@contextmanager
def power_cut() -> Iterator[None]:
    """Nothing of the node runs inside the block; afterwards its services do, and its guests are off."""
    lab = Path(os.environ["OS_CLIENT_CONFIG_FILE"]).parent
    subprocess.run(["pkill", "-KILL", "-f", f"qemu-system.*guest={NODE}-"], check=False)
    for service in SERVICES:
        with suppress(ProcessLookupError):
            os.killpg(int((lab / NODE / "run" / f"{service}.pid").read_text()), signal.SIGKILL)
    try:
        yield
    finally:
        subprocess.run(
            [lab / "client/bin/python", "-c", START, *SERVICES],
            env={**os.environ, "LAB": str(lab), "PYTHONPATH": str(lab)},
            check=True,
        )
        for port in PORTS:
            _wait_for(port)


def _wait_for(port: int) -> None:
    until = time.monotonic() + STARTS
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection((ADDRESS, port), timeout=2):
            return
        time.sleep(0.5)
    raise AssertionError(f"nothing listens on {ADDRESS}:{port} after {STARTS} s")
