"""``kws demo``: the real bot on a local workspace, in the browser or in the terminal.

With simulated nodes everything is thrown away at the end. In the terminal one rental is played first; a
prompt follows, or the demo ends, with exit code 0 only if the rental went as it should.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.ops import logs
from bot.service import Parts, Service
from demo import sites
from demo.clock import DemoClock
from demo.nodes import DemoNode
from demo.sites import DemoCaddy
from demo.stage import DemoStage
from demo.terminal import Terminal
from kws_core.config import Config, Environment, parse_config
from slack_workspace import Workspace

PATIENCE = 60.0  # seconds until a step of the played rental counts as failed
NODES = """
[kws]
admins = ["U0ADMIN001"]
admin_channel = "C0LABADMIN"
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
medium = { vcpus = 1, ram_mb = 1024, disk_gb = 10 }
large = { vcpus = 2, ram_mb = 2048, disk_gb = 20 }
[[nodes]]
name = "node1"
driver = "fake"
kinds = ["server", "container"]
vcpus = 6
ram_mb = 6144
disk_gb = 80
[[nodes]]
name = "node2"
driver = "fake"
kinds = ["server", "container"]
vcpus = 6
ram_mb = 6144
disk_gb = 80
"""


@dataclass(frozen=True)
class Pace:
    """Seconds that simulated nodes take to build a machine, to boot it, and to delete it."""

    build: float = 2
    boot: float = 2
    delete: float = 1


@dataclass(frozen=True)
class Demo:
    """A demo that runs."""

    workspace: Workspace
    service: Service
    stage: DemoStage
    clock: DemoClock
    nodes: dict[str, DemoNode]


def play(*, port: int = 0, script: bool = False) -> int:
    """Run the demo in the terminal; its exit code."""
    logs.set_up("pretty", level=30)
    with simulated(port=port) as demo:
        terminal = Terminal(demo.workspace, "mina")
        terminal.note(
            f"A local Slack-like workspace is running at {demo.workspace.api_url}, with two simulated nodes."
        )
        try:
            _rental(terminal)
        except (TimeoutError, AssertionError) as error:
            terminal.note(f"The demo failed: {error}")
            return 1
        if sys.stdin.isatty() and not script:
            terminal.prompt()
    return 0


@contextmanager
def simulated(
    *, port: int = 0, config: Config | None = None, clock: DemoClock | None = None, pace: Pace | None = None
) -> Iterator[Demo]:
    """A workspace with the bot in it, on simulated nodes and a database that goes with it."""
    config, clock, pace = config or parse_config(NODES), clock or DemoClock(), pace or Pace()
    nodes = {
        node.name: DemoNode(
            node.name, now=clock.now, vcpus=node.vcpus, ram_mb=node.ram_mb, disk_gb=node.disk_gb,
            build_seconds=pace.build, boot_seconds=pace.boot, delete_seconds=pace.delete,
            resize_seconds=pace.build,
        )
        for node in config.nodes
    }  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="kws-demo-") as folder,
        Workspace(port=port, clock=clock.seconds) as workspace,
    ):
        config = config.model_copy(update={"web": sites.section(workspace.port)})
        environment, caddy = joining(workspace, f"sqlite:///{Path(folder) / 'kws.db'}"), DemoCaddy(nodes)
        service = Service(config, environment, nodes, clock.now, Parts(caddy=lambda _: caddy))
        stage = DemoStage(workspace, service, clock, nodes, caddy)
        with on_stage(workspace, service, stage):
            yield Demo(workspace, service, stage, clock, nodes)


def joining(workspace: Workspace, database_url: str) -> Environment:
    """What the bot needs to know to join that workspace."""
    return Environment(
        bot_token=workspace.bot_token,
        app_token=workspace.app_token,
        slack_api_url=workspace.api_url,
        database_url=database_url,
    )


@contextmanager
def on_stage(workspace: Workspace, service: Service, stage: DemoStage) -> Iterator[None]:
    """The bot at work in the workspace."""
    service.open()
    service.start()
    workspace.stage = stage
    service.connect()
    try:
        workspace.wait_connected(2, timeout=PATIENCE)
        yield
    finally:
        stage.close()
        service.stop()


def _rental(terminal: Terminal) -> None:
    """The main job, step by step, as Mina sees it."""
    terminal.command("/kws rent")
    terminal.wait("the form", lambda: terminal.person.open_view is not None, PATIENCE)
    terminal.fill({"name": "web01", "image": "Debian 12", "size": "small"})
    terminal.submit()
    terminal.wait("the ready message", lambda: terminal.sees_card(":large_green_circle:"), PATIENCE)
    names = [file["name"] for file in terminal.person.files()]
    assert names == ["kws-web01", "kws-web01.ppk"], "the key in the DM, for OpenSSH and for PuTTY"
    terminal.command("/kws list")
    terminal.wait("the list", lambda: terminal.sees_ephemeral("web01"), PATIENCE)
    terminal.command("/kws return web01")
    terminal.wait("the buttons", lambda: terminal.offers("rental_keep"), PATIENCE)
    terminal.click("rental_return")
    terminal.wait("the end of the deletion", lambda: terminal.sees_card(":white_circle:"), PATIENCE)
    terminal.note("The rental was created, used, returned, and deleted.")
