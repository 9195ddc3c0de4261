"""One node accepts no packet, or stops in the middle of everything: the other's people notice nothing."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from bot_process import BotProcess, ask_to_return, card_of, node2_hanging, rent

from slack_workspace import Workspace

pytestmark = pytest.mark.openstack

USUAL = 30  # seconds; twice what the lab needs when two cores are busy


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that answers no SYN: a listener whose backlog is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def clouds_with_a_hole(tmp_path: Path, black_hole: str, clouds: dict[str, Any]) -> Path:
    """clouds.yaml of the lab, with node2 in the black hole."""
    content = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
    content["clouds"]["node2"]["auth"]["auth_url"] = f"http://{black_hole}/v3"
    path = tmp_path / "clouds.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def returned(workspace: Workspace, person: Any, name: str) -> None:
    person.click("rental_return", where="message", confirm=True)
    workspace.wait_for(lambda: ":white_circle:" in card_of(person, name), timeout=90)


def test_with_a_black_hole_from_the_start(
    make_bot: Callable[..., BotProcess], workspace: Workspace, clouds_with_a_hole: Path
) -> None:
    bot, joon = make_bot(), workspace.person("joon")
    bot.environment["OS_CLIENT_CONFIG_FILE"] = str(clouds_with_a_hole)
    begun = time.monotonic()
    bot.start()
    joon.command("/kws help")
    workspace.wait_for(joon.ephemeral, timeout=5)
    assert time.monotonic() - begun < 8, "answers commands soon after its start, on a busy machine too"
    rent(workspace, joon, "web01")
    begun = time.monotonic()
    workspace.wait_for(lambda: ":large_green_circle:" in card_of(joon, "web01"), timeout=90)
    assert time.monotonic() - begun < USUAL
    assert "node1" in card_of(joon, "web01")
    workspace.wait_for(lambda: "node2 isn't responding" in bot.log.read_text(), timeout=20)
    begun = time.monotonic()
    assert joon.command("/kws rent").acked
    workspace.wait_for(lambda: joon.open_view, timeout=3)
    assert time.monotonic() - begun < 1
    joon.close()
    returned(workspace, joon, "web01")


def test_a_node_that_hangs_while_the_bot_runs(
    make_bot: Callable[..., BotProcess], workspace: Workspace, clouds: dict[str, Any]
) -> None:
    bot, mina = make_bot(), workspace.person("mina")
    bot.start()
    rent(workspace, mina, "before")
    workspace.wait_for(lambda: ":large_green_circle:" in card_of(mina, "before"), timeout=90)
    with node2_hanging():
        for name in ("one", "two"):
            rent(workspace, mina, name)
        begun = time.monotonic()
        workspace.wait_for(
            lambda: all(":large_green_circle:" in card_of(mina, name) for name in ("one", "two")), timeout=90
        )
        assert time.monotonic() - begun < 2 * USUAL
        assert all("node1" in card_of(mina, name) for name in ("one", "two"))
    for name in ("one", "two", "before"):
        ask_to_return(workspace, mina, name)
        workspace.wait_for(lambda n=name: ":white_circle:" in card_of(mina, n), timeout=150)
