"""The PC loses power under servers that really run: what ran runs again, and its owner is told once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bot_process import BotProcess, rent, wait_until
from guests.conftest import BOOT, Arrivals, Notes
from guests.person import Desk, buttons_of, key_file
from guests.power_cut import power_cut
from guests.test_power import OFF, ON, Switchboard
from lab_checks import return_rental
from test_access import PASSWORD, rent_by

from slack_workspace import Workspace

pytestmark = [pytest.mark.guests, pytest.mark.timeout(3000)]

RAN, STOPPED = "ran1", "halted1"
CUT = 60  # seconds


def test_a_power_cut(
    bot: BotProcess,
    workspace: Workspace,
    clouds: dict[str, Any],
    desk: Desk,
    arrivals: Arrivals,
    notes: Notes,
) -> None:
    board, joon, admin = (
        Switchboard(bot, workspace, desk, clouds),
        workspace.person("joon"),
        workspace.person("admin"),
    )
    rent(workspace, joon, RAN, image="debian-12-quick")
    key = key_file(workspace, joon, desk, f"kws-{RAN}")
    arrivals.expect(RAN, "debian-12-quick", key=key)
    rent_by(workspace, joon, STOPPED, "password", image="debian-12-quick", password=PASSWORD)
    arrivals.expect(STOPPED, "debian-12-quick", password=PASSWORD)
    for name in (RAN, STOPPED):
        arrivals.ready(joon, name)
    before = board.boot_of(RAN, key=key)
    board.press(STOPPED, ON)
    board.shows(STOPPED, OFF, 300)
    told = len(joon.dm())
    with power_cut():
        notes.begin()
        time.sleep(CUT)
    wait_until(lambda: any("is back" in str(message) for message in joon.dm()[told:]), BOOT)
    assert board.boot_of(RAN, key=key) not in ("", before)
    assert board.status(STOPPED) == "SHUTOFF", "its owner had stopped it"
    assert OFF not in buttons_of(joon, RAN)
    news = [message for message in joon.dm()[told:] if message.get("subtype") == "thread_broadcast"]
    assert len([message for message in news if "is back" in str(message)]) == 1, "told once"
    wait_until(lambda: any("node9" in str(message) and "1" in str(message) for message in admin.dm()), 60)
    notes.row("the PC lost power for a minute", "the node is back, the server accepts logins again",
              "another boot, the same key; the one that its owner had stopped stays off")  # fmt: skip
    for name in (RAN, STOPPED):
        return_rental(workspace, joon, name)
