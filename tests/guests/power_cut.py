"""A power cut of the lab's node: its guests and services are killed, and its services start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

NODE = "node9"
SERVICES = (
    "keystone", "placement", "glance", "neutron", "nova-conductor", "nova-scheduler", "nova-api", "nova-compute",
)  # fmt: skip
PORTS = {"keystone": 5000, "glance": 9292, "neutron": 9696, "nova-api": 8774}
ADDRESS = "127.0.9.1"
STARTS = 180  # seconds


@dataclass(frozen=True)
class Service:
    """A process of the node as it was started, so that it can be started so again."""

    pid_file: Path
    pid: int
    command: list[str]
    environment: dict[str, str]
    folder: str

    @classmethod
    def read(cls, pid_file: Path, holder: int) -> Service:
        """As /proc tells it; one in the node's own mount namespace, that of ``holder``, is entered into it again."""
        process = Path("/proc", (pid := pid_file.read_text().strip()))
        command = process.joinpath("cmdline").read_text().rstrip("\0").split("\0")
        spaces = [Path("/proc", one, "ns/mnt").readlink() for one in (pid, "self")]
        inside = ["nsenter", "-t", str(holder), "-m"] if spaces[0] != spaces[1] else []
        pairs = process.joinpath("environ").read_text().rstrip("\0").split("\0")
        environment = dict(pair.split("=", 1) for pair in pairs)
        return cls(pid_file, int(pid), [*inside, *command], environment, str((process / "cwd").readlink()))

    def kill(self) -> None:
        """kill -9, and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def start(self) -> None:
        """As it was started before."""
        log = self.pid_file.parents[1] / "log" / f"{self.pid_file.stem}.again"
        with log.open("ab") as out:
            started = subprocess.Popen(
                self.command, env=self.environment, cwd=self.folder, stdout=out, stderr=out, start_new_session=True
            )  # fmt: skip
        self.pid_file.write_text(str(started.pid))


@contextmanager
def power_cut() -> Iterator[None]:
    """Nothing of the node runs inside the block; afterwards its services do, and its guests are off."""
    run = Path(os.environ["OS_CLIENT_CONFIG_FILE"]).parent / NODE / "run"
    holder = int((run / "holder.pid").read_text())
    services = [Service.read(run / f"{name}.pid", holder) for name in SERVICES]
    subprocess.run(["pkill", "-KILL", "-f", f"qemu-system.*guest={NODE}-"], check=False)
    for service in services:
        service.kill()
    try:
        yield
    finally:
        for service in services:
            service.start()
        for port in PORTS.values():
            _wait_for(port)


def _wait_for(port: int) -> None:
    until = time.monotonic() + STARTS
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection((ADDRESS, port), timeout=2):
            return
        time.sleep(0.5)
    raise AssertionError(f"nothing listens on {ADDRESS}:{port} after {STARTS} s")
