"""``kws demo``: the real bot on a local workspace and simulated nodes, played and then yours to try.

Everything is thrown away at the end. On a terminal a prompt follows the played rental; without one the
demo ends after it, with exit code 0 only if it went as it should.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot import logs
from bot.demo_terminal import Terminal
from bot.service import Service
from bot.workspace import Workspace
from kws_core.config import Config, Environment, parse_config
from kws_core.nodes.fake import FakeNode

PATIENCE = 60.0  # seconds until a step of the played rental counts as failed
NODES = """
[kws]
admins = ["U0ADMIN001"]
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
medium = { vcpus = 1, ram_mb = 1024, disk_gb = 10 }
large = { vcpus = 2, ram_mb = 2048, disk_gb = 20 }
[[nodes]]
name = "node1"
cloud = "node1"
kinds = ["server", "container"]
vcpus = 6
ram_mb = 6144
disk_gb = 80
[[nodes]]
name = "node2"
cloud = "node2"
kinds = ["server", "container"]
vcpus = 6
ram_mb = 6144
disk_gb = 80
"""


def play(*, port: int = 0, script: bool = False) -> int:
    """Runs the demo; its exit code."""
    logs.set_up("pretty", level=30)
    with (
        tempfile.TemporaryDirectory(prefix="kws-demo-") as folder,
        Workspace(port=port) as workspace,
        _bot(parse_config(NODES), workspace, Path(folder)),
    ):
        terminal = Terminal(workspace, "mina")
        terminal.note(
            f"A Slack workspace runs at {workspace.api_url}, with two simulated nodes behind the bot."
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
def _bot(config: Config, workspace: Workspace, folder: Path) -> Iterator[Service]:
    nodes = {
        node.name: FakeNode(
            node.name, vcpus=node.vcpus, ram_mb=node.ram_mb, disk_gb=node.disk_gb,
            build_seconds=2, boot_seconds=2, delete_seconds=1,
        )
        for node in config.nodes
    }  # fmt: skip
    environment = Environment(
        bot_token=workspace.bot_token,
        app_token=workspace.app_token,
        slack_api_url=workspace.api_url,
        database_url=f"sqlite:///{folder / 'kws.db'}",
    )
    service = Service(config, environment, nodes)
    service.start()
    service.connect()
    try:
        workspace.wait_connected(2, timeout=PATIENCE)
        yield service
    finally:
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
    terminal.wait("the question", lambda: terminal.offers("rental_keep"), PATIENCE)
    terminal.click("rental_return")
    terminal.wait("the end of the return", lambda: terminal.sees_card(":white_circle:"), PATIENCE)
    terminal.note("That was a rental from the form to nothing left.")
