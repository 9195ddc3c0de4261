"""The processes that a benchmark measures: contestants, and the real `kws run` on a local Slack workspace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import http_trace
from benchmarks.http_trace import Call
from benchmarks.lab import SIZE
from kws_core.config import load_config
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.rentals.queries import RentalQueries
from slack_workspace import Workspace

TOML = """
[policy]
max_rentals_per_user = 1000
max_vcpus_per_user = 1000
max_ram_mb_per_user = 1000000
[openstack]
ready_check = "{ready_check}"
[sizes]
bench = {{ vcpus = {vcpus}, ram_mb = {ram_mb}, disk_gb = {disk_gb} }}
"""
NODE = """
[[nodes]]
name = "{name}"
cloud = "{name}"
vcpus = 1000
ram_mb = 1000000
disk_gb = 10000
max_builds = {builds}
"""
SIZE_NAME = "bench"
DATABASE = "kws.db"


class Traced:
    """A Python process whose requests are counted."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.trace = folder / f"{name.replace(' ', '-')}.trace"
        self.process: subprocess.Popen[str] | None = None

    def spawn(self, module: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        """Start it; what it says on stderr is kept in a file beside its trace."""
        with self.trace.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.http_trace", str(self.trace), module, *arguments],
                cwd=Path(__file__).parent.parent,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def calls(self, since: float = 0.0, until: float = float("inf")) -> list[Call]:
        """Return what it asked between two times (seconds since the epoch)."""
        return http_trace.read(self.trace, since, until)

    def processor_seconds(self) -> float:
        """What it has used so far; 0 where the system does not tell."""
        assert self.process is not None
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()  # from the third on: the second is a name
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Rival(Traced):
    """A contestant; it is warm when this returns."""

    def __init__(self, folder: Path, name: str, nodes: Sequence[str], builds: int, poll: float) -> None:
        super().__init__(folder, name)
        self.spawn("benchmarks.contestants", name, str(builds), str(poll), *nodes)
        self._answer()

    def ask(self, act: str, wishes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """See `Contestant.make` and `delete`."""
        assert self.process and self.process.stdin
        self.process.stdin.write(json.dumps([act, wishes]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process and self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended; see {self.trace.with_suffix('.log')}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Bot(Traced):
    """`kws run` as its users run it, and a core of our own on the same database."""

    def __init__(
        self,
        folder: Path,
        workspace: Workspace,
        nodes: Sequence[str],
        builds: int,
        size: Mapping[str, int] = SIZE,
        ready_check: str = "active",
    ) -> None:
        super().__init__(folder, "kws")
        self.workspace = workspace
        self.config = folder / "nodes.toml"
        self.config.write_text(
            TOML.format(ready_check=ready_check, **size)
            + "".join(NODE.format(name=node, builds=builds) for node in nodes)
        )
        self.database = f"sqlite:///{folder / DATABASE}"
        store = Store(self.database)
        store.upgrade()
        self.context = Context(load_config(self.config), store)
        self.rental_queries = RentalQueries(self.context)
        self.start(len(nodes))

    def start(self, nodes: int) -> None:
        """It is connected and knows its nodes when this returns."""
        slack = {
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            "SLACK_APP_TOKEN": self.workspace.app_token,
            "SLACK_API_URL": self.workspace.api_url,
        }
        paths = {"KWS_CONFIG": str(self.config), "KWS_DATABASE_URL": self.database}
        self.spawn("bot", "run", environment=slack | paths)
        self.workspace.wait_connected(2, timeout=60)
        self.workspace.wait_for(
            lambda: sum(node.room.up for node in self.rental_queries.nodes()) == nodes, 60
        )
        self._empty = self._free()

    def until_empty(self) -> None:
        """Wait until KWS has seen that others' servers are gone; otherwise it would take the nodes for fuller than they are."""
        self.until(lambda: self._free() == self._empty, 120)

    def _free(self) -> list[int]:
        return [node.room.free_vcpus for node in self.rental_queries.nodes()]

    def statuses(self) -> list[str]:
        """Of all rentals that have not ended."""
        return [rental.status.value for rental in self.rental_queries.all_rentals()]

    def until(self, what: Any, seconds: float) -> float:
        """Return when it was so, as ``time.time()``.

        Raises:
            TimeoutError: If it takes more than ``seconds``.
        """
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                raise TimeoutError(f"kws took more than {seconds:g} s; see {self.trace.with_suffix('.log')}")
            time.sleep(0.1)
        return time.time()
