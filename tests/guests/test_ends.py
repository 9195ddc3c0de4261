"""How rentals of servers that really boot end: returned, over, never answering; and a bot killed in between."""

from __future__ import annotations

import json
import os
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, rent, wait_until
from guests.conftest import BOOT, Arrivals, Notes
from guests.person import Desk, address_of, card_text, key_file
from lab_checks import assert_key_matches, return_rental

from slack_workspace import Workspace

pytestmark = [pytest.mark.guests, pytest.mark.timeout(3000)]

KILLED, MUTE, HASTY = "killed1", "mute1", "hasty1"
ADDED = "debian-of-ours"


@pytest.mark.parametrize("bot", ["build_timeout = 150"], indirect=True)
def test_ends(
    bot: BotProcess,
    workspace: Workspace,
    clouds: dict[str, Any],
    desk: Desk,
    arrivals: Arrivals,
    notes: Notes,
) -> None:
    joon = workspace.person("joon")
    add_an_image(bot, notes)
    rent(workspace, joon, HASTY, image="debian-12-quick")
    wait_until(lambda: address_of(bot, HASTY), 120)
    notes.begin()
    return_rental(workspace, joon, HASTY)
    notes.row("returned it while it booted", "deleted", "no server, port or address is left")
    rent(workspace, joon, KILLED, image=ADDED)
    key = key_file(workspace, joon, desk, f"kws-{KILLED}")
    arrivals.expect(KILLED, ADDED, key=key)
    rent(workspace, joon, MUTE, image="debian-12-nossh")
    wait_until(lambda: address_of(bot, KILLED) and address_of(bot, MUTE), 120)
    time.sleep(20)  # it boots
    bot.kill()
    bot.start()
    arrivals.ready(joon, KILLED, "rented from an added image; the bot was killed (-9) in the boot")
    assert_key_matches(joon, clouds, bot, KILLED)
    never_answers(workspace, joon, notes)
    expires(bot, workspace, joon, notes)


def add_an_image(bot: BotProcess, notes: Notes) -> None:
    """``kws images add`` of a file, as an admin does it."""
    notes.begin()
    file = Path(os.environ["OS_CLIENT_CONFIG_FILE"]).parent / "guest" / "stock.qcow2"
    bot.kws("images", "add", str(file), "--name", ADDED, "--login", "debian")
    listed = json.loads(bot.kws("images", "list", "--json"))
    assert any(ADDED in str(image) for image in listed["images"])
    notes.row("an admin: kws images add", "added", "the node has it, and the form offers it")


def never_answers(workspace: Workspace, joon: Any, notes: Notes) -> None:
    """A guest without an SSH server is not ready, ever."""
    workspace.wait_for(lambda: ":white_circle:" in card_text(joon, MUTE), timeout=BOOT)
    assert "large_green" not in card_text(joon, MUTE)
    notes.row(
        "rented an image that never answers",
        "never accepted a login, deleted",
        "no SSH server; nothing is left",
    )


def expires(bot: BotProcess, workspace: Workspace, joon: Any, notes: Notes) -> None:
    """The reminder comes before the end, and the end with the night after the last day."""
    notes.begin()
    listed = json.loads(bot.kws("rentals", "--json"))
    last = date.fromisoformat(next(one["ends_on"] for one in listed if one["name"] == KILLED))
    bot.kws("nightly", "--yes", "--at", f"{last}T12:00")
    workspace.wait_for(lambda: ":alarm_clock:" in str(joon.dm()), timeout=60)
    bot.kws("nightly", "--yes", "--at", f"{last + timedelta(days=1)}T00:00")
    workspace.wait_for(lambda: ":white_circle:" in card_text(joon, KILLED), timeout=300)
    notes.row("let its last day pass", "a reminder, then deleted", "no server, port or address is left")
