"""A WSGI application on a port of its own: waitress, with limits on what a stranger can take of us."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from waitress import create_server, wasyncore

log = logging.getLogger(__name__)

DEFAULT_HOST = "127.0.0.1"
OWN = 2  # of waitress's connections: the listening socket, and the pipe that wakes it
DRAIN = 5.0  # seconds that answers under way get at the end

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused, or made to wait. The threads are the requests that are served at one time."""

    body: int = 1_000_000  # bytes; the largest that Slack sends, a full form, has a quarter of that
    headers: int = 16_384  # bytes
    connections: int = 64  # who comes when all are taken waits in the system's queue
    idle: int = 10  # seconds without a byte, after which a connection is closed
    threads: int = 8


class WebServer:
    """Serves from the moment it is made until it is closed. OSError: the port is taken."""

    def __init__(
        self,
        application: Application,
        port: int,
        host: str = DEFAULT_HOST,
        *,
        name: str = "http",
        limits: Limits = Limits(),
    ) -> None:
        listening = socket.create_server((host, port))
        self.host, self.port = listening.getsockname()[:2]
        self._connections: dict[int, Any] = {}
        self._server = create_server(
            application,
            map=self._connections,
            sockets=[listening],
            ident=None,  # nobody needs to know what answers
            threads=limits.threads,
            connection_limit=limits.connections + OWN,
            channel_timeout=limits.idle,
            cleanup_interval=limits.idle // 2,
            max_request_body_size=limits.body + 1,  # waitress names the first size that is refused
            max_request_header_size=limits.headers,
            log_socket_errors=False,  # somebody hung up: no traceback of it
            asyncore_use_poll=True,  # select() knows no descriptor above 1023
        )
        self._thread = threading.Thread(target=self._server.run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends: answers under way are finished, what has not been begun is dropped."""
        self._server.task_dispatcher.shutdown(timeout=DRAIN)
        self._server.trigger.pull_trigger(self._hang_up)  # its sockets are its own thread's
        self._thread.join(DRAIN)

    def _hang_up(self) -> None:
        self._server.close()
        wasyncore.close_all(self._connections, ignore_all=True)
