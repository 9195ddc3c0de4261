"""Reboots, stops, starts and new keys of servers that really boot, as their card tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, rent, wait_until
from guests.conftest import BOOT, Arrivals, Notes
from guests.person import Desk, address_of, buttons_of, card_text, card_ts, inside, key_file
from lab_checks import return_rental
from test_access import PASSWORD, rent_by

from slack_workspace import Workspace

pytestmark = [pytest.mark.guests, pytest.mark.timeout(3000)]

KEYED, TYPED = "keyed1", "typed1"
NEW_KEY_WORKS = "The new key opens the server now"
ON, OFF = "rental_stop", "rental_start"  # the button that a card has


class Switchboard:
    """The buttons of one person's cards, and what the machines are really in."""

    def __init__(self, bot: BotProcess, workspace: Workspace, desk: Desk, clouds: dict[str, Any]) -> None:
        self.bot, self.workspace, self.desk = bot, workspace, desk
        self.cloud = next(iter(clouds.values()))
        self.joon = workspace.person("joon")

    def press(self, name: str, button: str) -> None:
        self.joon.click(button, message=card_ts(self.joon, name), confirm=button != "rental_start")

    def shows(self, name: str, button: str, seconds: float = BOOT) -> None:
        """Waits until the card has this button and not the opposite one, and is green or not."""
        other, green = {ON: (OFF, True), OFF: (ON, False)}[button]

        def told() -> bool:
            now = buttons_of(self.joon, name)
            is_green = ":large_green_circle:" in card_text(self.joon, name)
            return button in now and other not in now and is_green is green

        wait_until(told, seconds)

    def status(self, name: str) -> str:
        """What Nova says."""
        return next(one.status for one in self.cloud.compute.servers() if one.name == name)

    def boot_of(self, name: str, **how: Any) -> str:
        """Which boot it is, "" when nobody gets in."""
        return inside(
            self.desk, f"debian@{address_of(self.bot, name)}", "cat /proc/sys/kernel/random/boot_id", **how
        )


def test_power_and_keys(
    bot: BotProcess,
    workspace: Workspace,
    clouds: dict[str, Any],
    desk: Desk,
    arrivals: Arrivals,
    notes: Notes,
) -> None:
    board, joon = Switchboard(bot, workspace, desk, clouds), workspace.person("joon")
    rent(workspace, joon, KEYED, image="debian-12-quick")
    key = key_file(workspace, joon, desk, f"kws-{KEYED}")
    arrivals.expect(KEYED, "debian-12-quick", key=key)
    rent_by(workspace, joon, TYPED, "password", image="debian-12-quick", password=PASSWORD)
    arrivals.expect(TYPED, "debian-12-quick", password=PASSWORD)
    for name in (KEYED, TYPED):
        arrivals.ready(joon, name)
    rebooted(board, key, notes)
    stopped_from_inside(board, notes)
    stopped_and_given_a_new_key(board, key, notes)
    a_key_for_a_password_server(board, notes)
    for name in (KEYED, TYPED):
        return_rental(workspace, joon, name)


def rebooted(board: Switchboard, key: Path, notes: Notes) -> None:
    before = board.boot_of(KEYED, key=key)
    notes.begin()
    board.press(KEYED, "rental_reboot")
    wait_until(lambda: board.boot_of(KEYED, key=key) not in ("", before), BOOT)
    notes.row("rebooted it", "rebooting", "another boot, the same key")


def stopped_from_inside(board: Switchboard, notes: Notes) -> None:
    """The card of a server that was powered off inside offers to start it, and starting it works."""
    notes.begin()
    board.desk.ssh(f"debian@{address_of(board.bot, TYPED)}", "sudo -n poweroff", password=PASSWORD)
    board.shows(TYPED, OFF, 420)  # looked for every five minutes
    assert board.status(TYPED) == "SHUTOFF" and "ssh " not in card_text(board.joon, TYPED)
    notes.row("powered it off from inside", "powered off, with Start", "Nova says SHUTOFF")
    notes.begin()
    board.press(TYPED, "rental_start")
    board.shows(TYPED, ON)
    assert board.boot_of(TYPED, password=PASSWORD)
    notes.row("started it again", "it accepts logins", "the password opens it")


def stopped_and_given_a_new_key(board: Switchboard, key: Path, notes: Notes) -> None:
    """A stopped server takes a new key as it starts; the old one is gone by then."""
    notes.begin()
    board.press(KEYED, "rental_stop")
    board.shows(KEYED, OFF, 300)
    assert board.status(KEYED) == "SHUTOFF" and "ssh " not in card_text(board.joon, KEYED)
    notes.row("stopped it", "powered off, with Start", "Nova says SHUTOFF")
    notes.begin()
    board.press(KEYED, "rental_new_key")
    new = key_file(board.workspace, board.joon, board.desk, f"kws-{KEYED}_2")
    wait_until(lambda: NEW_KEY_WORKS in card_text(board.joon, KEYED), BOOT)
    assert board.boot_of(KEYED, key=new) and not board.boot_of(KEYED, key=key)
    notes.row(
        "reset the SSH key of a stopped server",
        "the new key opens it",
        "the new key does, the old one does not",
    )


def a_key_for_a_password_server(board: Switchboard, notes: Notes) -> None:
    """Who forgot the password gets a key; the password stays."""
    notes.begin()
    board.press(TYPED, "rental_new_key")
    new = key_file(board.workspace, board.joon, board.desk, f"kws-{TYPED}")
    wait_until(lambda: NEW_KEY_WORKS in card_text(board.joon, TYPED), BOOT)
    assert board.boot_of(TYPED, key=new)
    assert board.boot_of(TYPED, password=PASSWORD)
    notes.row(
        "reset the SSH key of a server with a password",
        "the new key opens it",
        "the key does, and so does the password",
    )
