"""The main job on real OpenStack: from the slash command to the ready DM and back to nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, card_of, rent
from lab_checks import READY, assert_key_matches, rental_row, return_rental

from slack_workspace import Workspace

pytestmark = pytest.mark.openstack


def test_from_the_command_to_ready_and_back_to_nothing(
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    marked: Callable[[str], list[str]],
) -> None:
    bot, mina = make_bot(), workspace.person("mina")
    bot.start()
    rent(workspace, mina, "web01")
    workspace.wait_for(lambda: ":large_green_circle:" in card_of(mina, "web01"), timeout=READY)
    rental_id = rental_row(bot, "web01")["id"]
    assert sorted(entry.split(":")[1] for entry in marked(rental_id)) == ["group", "ip", "port", "server"]
    assert "ssh -i ~/.ssh/kws-web01 debian@172.24." in card_of(mina, "web01")
    assert_key_matches(mina, clouds, bot, "web01")
    return_rental(workspace, mina, "web01")
    assert marked(rental_id) == []
    assert bot.stop() == 0
    assert_no_private_key(bot.folder)


def assert_no_private_key(folder: Path) -> None:
    """Not in the database, not in the log, in no file at all."""
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes(), path


def test_ten_at_once_respect_capacity(
    make_bot: Callable[..., BotProcess], workspace: Workspace, marked: Callable[[str], list[str]]
) -> None:
    bot, mina = make_bot(vcpus=5), workspace.person("mina")
    bot.start()
    names = [f"many{number}" for number in range(10)]
    for name in names:
        rent(workspace, mina, name)
    workspace.wait_for(
        lambda: all(":large_green_circle:" in card_of(mina, name) for name in names), timeout=2 * READY
    )
    rows = [rental_row(bot, name) for name in names]
    nodes = [entry.split(":")[0] for row in rows for entry in marked(row["id"]) if entry.endswith(":server")]
    assert sorted(nodes) == ["node1"] * 5 + ["node2"] * 5
    for name in names:
        return_rental(workspace, mina, name)
    assert [entry for row in rows for entry in marked(row["id"])] == []
