"""`kws run` and the bare app as processes of their own, on local workspaces, with nodes that answer and one that never does."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kws_core.config import load_config
from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.rentals.queries import RentalQueries
from slack_workspace import Workspace

ROOT = Path(__file__).parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
ABSOLUTE = {"maxTotalInstances": 50, "totalInstancesUsed": 0, "maxTotalCores": -1, "totalCoresUsed": 0}
TOML = """
[kws]
admins = ["U0ADMIN001"]
[policy]
[openstack]
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
medium = { vcpus = 1, ram_mb = 1024, disk_gb = 10 }
large = { vcpus = 2, ram_mb = 2048, disk_gb = 20 }
"""
NODE = '[[nodes]]\nname = "{0}"\ncloud = "{0}"\nkinds = ["server", "container"]\nvcpus = 6\nram_mb = 6144\ndisk_gb = 80\n'


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server that takes every connection and never says a word."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for one in taken:
                one.close()


@contextmanager
def cloud_nodes(folder: Path, answering: int, silent: int) -> Iterator[dict[str, str]]:
    """nodes.toml and clouds.yaml for these nodes; what `kws run` needs in its environment."""
    sys.path.insert(0, str(ROOT / "tests"))
    kit: Any = importlib.import_module("harness.openstack_stub")
    stubs = [_stand_in(kit) for _ in range(answering)]
    with black_hole() as nowhere:
        urls = {f"node{n + 1}": stub.url for n, stub in enumerate(stubs)}
        urls |= {f"node{answering + n + 1}": nowhere for n in range(silent)}
        config = folder / "nodes.toml"
        config.write_text(TOML + "".join(NODE.format(name) for name in urls))
        try:
            yield {"KWS_CONFIG": str(config), "OS_CLIENT_CONFIG_FILE": str(kit.write_clouds(folder, **urls))}
        finally:
            for stub in stubs:
                stub.close()


def _stand_in(kit: Any) -> Any:
    """The contract tests' OpenStack stub, which says how much there is as well."""
    limits = kit.Answer(200, {"limits": {"absolute": ABSOLUTE}})

    class Node(kit.Stub):  # type: ignore[misc]
        def _usual(self, method: str, path: str) -> Any:
            return limits if path.endswith("/limits") else super()._usual(method, path)

    return Node(containers=True)


class Program:
    """A process that is stopped when its block ends; what it says is in `log`."""

    def __init__(self, folder: Path, arguments: list[str], environment: dict[str, str]) -> None:
        self.log = folder / f"{arguments[0]}.log"
        self.begun = time.time()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def processor(self) -> float:
        """Seconds of processor time so far."""
        return processor_of(self.process.pid)

    def memory(self) -> dict[str, float]:
        """RSS and PSS, MiB."""
        return memory_of(self.process.pid)


def memory_of(pid: int | str) -> dict[str, float]:
    """RSS and PSS of a process, MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Rss", "Pss:"))}
    return {name.upper(): int(kib) / 1024 for name, kib in found.items()}


def processor_of(pid: int | str) -> float:
    """Seconds of processor time of a process so far, user and system."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def slack_of(workspace: Workspace) -> dict[str, str]:
    """What a bot needs to join it."""
    return {
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
        "SLACK_API_URL": workspace.api_url,
    }


def kws(folder: Path, workspace: Workspace, clouds: dict[str, str]) -> Program:
    """`kws run` as its users run it."""
    database = {"KWS_DATABASE_URL": f"sqlite:///{folder / 'kws.db'}"}
    return Program(folder, ["bot", "run"], clouds | slack_of(workspace) | database)


def libraries(folder: Path, workspace: Workspace, clouds: dict[str, str]) -> Program:
    """The bare app, which also uses all libraries of KWS."""
    view = folder / "view.json"
    title = {"type": "plain_text", "text": "KWS"}
    view.write_text(json.dumps({"type": "modal", "title": title, "blocks": [{"type": "divider"}]}))
    own = {"KWS_DATABASE_URL": f"sqlite:///{folder / 'bare.db'}", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
    arguments = ["benchmarks.bare_app", str(view), "--libraries"]
    return Program(folder, arguments, clouds | slack_of(workspace) | own)


def wait_for_nodes(folder: Path, clouds: dict[str, str], count: int, seconds: float = 60) -> None:
    """Wait until the bot knows the capacity of all nodes.

    Raises:
        TimeoutError: If they don't answer in time.
    """
    store = Store(f"sqlite:///{folder / 'kws.db'}")
    context = Context(load_config(Path(clouds["KWS_CONFIG"])), store)
    until = time.monotonic() + seconds
    while sum(node.room.up for node in RentalQueries(context).nodes()) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{count} nodes do not answer; see {folder}")
        time.sleep(0.1)
    store.close()
