"""Tells systemd how the service is doing: the datagrams of sd_notify(3), without a library.

Under anything else than a unit with ``Type=notify`` the variables are not set, and nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from threading import Event

log = logging.getLogger(__name__)

LONGEST_WAIT = 10.0  # seconds between two checks, also without a watchdog: the status line stays fresh


class Supervisor:
    """Where ``NOTIFY_SOCKET`` says; ``interval`` is how often to beat, in seconds."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._path = env.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog_seconds(env)
        self.interval = min(LONGEST_WAIT, self.watchdog / 3) if self.watchdog else LONGEST_WAIT
        self._status = ""

    def ready(self, status: str) -> None:
        """Start-up has ended."""
        self._status = status
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1\nSTATUS=stopping")

    def attend(self, stop: Event, alive: Callable[[], bool], status: Callable[[], str]) -> None:
        """Beats until ``stop`` is set, as long as ``alive`` says so; returns when it is set."""
        while not stop.wait(self.interval):
            self.beat(alive(), status())

    def beat(self, alive: bool, status: str) -> None:
        """One look: a service that hangs is not spoken for, so that systemd restarts it."""
        lines = []
        if alive and self.watchdog:
            lines.append("WATCHDOG=1")
        if not alive:
            log.error("a loop is stuck: %s", status)
        if status != self._status:
            self._status = status
            lines.append(f"STATUS={status}")
        if lines:
            self._send("\n".join(lines))

    def _send(self, message: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.connect(address)
                out.sendall(message.encode())
        except OSError as error:
            log.warning("can't notify systemd: %s", error)


def _watchdog_seconds(env: Mapping[str, str]) -> float:
    """0 without a watchdog, or where it is another process's."""
    if env.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    micros = env.get("WATCHDOG_USEC", "")
    return int(micros) / 1e6 if micros.isdigit() else 0.0
