"""Every HTTP request that a process makes with `requests` (so all of OpenStack's), as JSON lines in a file.

    python -m benchmarks.http_trace FILE MODULE ARGUMENTS…     # runs the module with the trace on

All contestants of a benchmark are counted by this. Slack's calls are not in it: slack_sdk uses urllib.
"""

import json
import os
import runpy
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter


@dataclass(frozen=True)
class Call:
    """One request; times are time.time()."""

    at: float
    end: float
    method: str
    node: str  # the host that was asked
    path: str  # with its query
    status: int
    thread: str

    @property
    def is_poll(self) -> bool:
        """Whether it asks for the state of servers."""
        return self.method == "GET" and "/servers" in self.path

    @property
    def is_login(self) -> bool:
        """Whether it is a token or a list of versions: once per hour, not per rental."""
        return "/auth/tokens" in self.path or self.path.strip("/") in {"", "v3", "v2.1", "v2"}


def install(path: Path) -> None:
    """From now on this process writes down what it asks."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    real = HTTPAdapter.send

    def send(self: HTTPAdapter, request: Any, *args: Any, **kwargs: Any) -> Any:
        at, status = time.time(), 0
        try:
            response = real(self, request, *args, **kwargs)
            status = response.status_code
            return response
        finally:
            where = urlsplit(request.url)
            path = f"{where.path}?{where.query}" if where.query else where.path
            thread = threading.current_thread().name
            call = Call(at, time.time(), request.method, str(where.hostname), path, status, thread)
            os.write(descriptor, (json.dumps(vars(call)) + "\n").encode())  # one write: lines never mix

    HTTPAdapter.send = send  # type: ignore[method-assign]


def read(path: Path, since: float = 0.0, until: float = float("inf")) -> list[Call]:
    """Return the calls that began between two times (seconds since the epoch), in order."""
    lines = path.read_text().splitlines() if path.exists() else []
    calls = (Call(**json.loads(line)) for line in lines)
    return sorted((call for call in calls if since <= call.at < until), key=lambda call: call.at)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
