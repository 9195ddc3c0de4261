"""The lab, seen with a connection of our own, apart from the bot's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess
from harness.tables import recorded, show

from slack_workspace import Workspace

NODES = ("node1", "node2")
KILLS = "deaths by SIGKILL on real nodes"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    if rows := recorded(terminalreporter, KILLS):
        columns = (
            "action",
            "calls",
            "kills",
            "with violations",
            "until everyone is notified: median",
            "worst",
        )
        show(terminalreporter, KILLS, columns, rows)


@pytest.fixture(scope="session")
def clouds() -> dict[str, Any]:
    """openstacksdk connections to the lab's nodes."""
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        pytest.skip('OS_CLIENT_CONFIG_FILE is not set; run: eval "$(tests/lab/up.sh)"')
    import openstack

    return {name: openstack.connect(cloud=name) for name in NODES}


@pytest.fixture
def marked(clouds: dict[str, Any]) -> Callable[[str], list[str]]:
    """``marked(id)``: everything with that rental's mark on both nodes, as ``node:kind``."""

    def look(rental_id: str) -> list[str]:
        mark = f"kws-{rental_id}"
        found = []
        for name, cloud in clouds.items():
            servers = [s for s in cloud.compute.servers() if s.metadata.get("kws_rental") == rental_id]
            ports = [p for p in cloud.network.ports() if p.name == mark or mark in (p.tags or [])]
            ips = [i for i in cloud.network.ips() if mark in (i.description, *(i.tags or []))]
            groups = [g for g in cloud.network.security_groups() if g.name == mark]
            for kind, things in (("server", servers), ("port", ports), ("ip", ips), ("group", groups)):
                found += [f"{name}:{kind}" for _ in things]
        return found

    return look


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A local Slack workspace."""
    with Workspace() as workspace:
        yield workspace
        assert workspace.violations == []


@pytest.fixture
def make_bot(
    tmp_path: Path, workspace: Workspace, clouds: dict[str, Any]
) -> Iterator[Callable[..., BotProcess]]:
    """Makes a bot process that is stopped at the end."""
    bots: list[BotProcess] = []

    def make(nodes: dict[str, str] | None = None, **settings: Any) -> BotProcess:
        bots.append(BotProcess(tmp_path, workspace, nodes or {n: n for n in NODES}, **settings))
        return bots[-1]

    yield make
    for bot in bots:
        if bot.process:
            bot.stop()
            print(f"the end of {bot.log.name}:", *bot.last_words(), sep="\n")  # shown when the test failed
