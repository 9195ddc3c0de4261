"""A day of two servers that really boot: what the DM says at each step, and what is true inside."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, rent
from guests.conftest import BOOT, Arrivals, Notes
from guests.person import (
    Desk,
    address_of,
    card_text,
    card_ts,
    host_keys_shown,
    key_file,
    opens,
    said,
    wait_for_card,
)
from lab_checks import return_rental
from test_access import PASSWORD, rent_by

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

TOLD = 300  # seconds for what follows a boot
WEB, BY_PASSWORD = "web01", "pw01"


def fingerprints(text: str) -> set[str]:
    return set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", text))


def test_a_day_of_two_servers(
    bot: BotProcess, workspace: Workspace, desk: Desk, arrivals: Arrivals, notes: Notes
) -> None:
    joon = workspace.person("joon")
    begun = time.monotonic()
    rent(workspace, joon, WEB, image="debian-12-quick")
    key = key_file(workspace, joon, desk, "kws-web01")
    arrivals.expect(WEB, "debian-12-quick", key=key)
    rent_by(workspace, joon, BY_PASSWORD, "password", image="debian-12-stock", password=PASSWORD)
    arrivals.expect(BY_PASSWORD, "debian-12-stock", password=PASSWORD)
    for name in (WEB, BY_PASSWORD):
        arrivals.ready(joon, name)
    web = address_of(bot, WEB)

    shown = host_keys_shown(web)
    assert shown and shown <= fingerprints(card_text(joon, WEB))
    wait_for_card(workspace, joon, WEB, "It should be one of", TOLD)
    assert shown <= fingerprints(card_text(joon, WEB))
    notes.row(
        f"compared host keys of {WEB}",
        f"{len(shown)} keys",
        "the same by ssh-keyscan",
        time.monotonic() - begun,
    )

    block = desk.keep_config(card_text(joon, WEB), WEB)
    assert block and desk.gets_in(WEB)
    notes.begin()
    assert desk.ssh(WEB, "sudo", "-n", "id", "-un").stdout.strip() == "root"
    notes.row("logged in by the Host block of the DM", "Host web01 …", "in, and sudo asks for nothing")

    serve = "sudo -n nohup python3 -m http.server {} >/dev/null 2>&1 &"
    desk.ssh(WEB, serve.format(80) + serve.format(8081))
    assert opens(web, 80, 60) and not opens(web, 8081)
    notes.row("served on 80 and 8081", "open: SSH, ping, 80, 443", "80 answers, 8081 does not")

    new_key(workspace, joon, desk, web, key, notes)
    for name in (WEB, BY_PASSWORD):
        notes.begin()
        return_rental(workspace, joon, name)
        notes.row(f"returned {name}", "over", "no server, port or address is left")


def new_key(workspace: Workspace, joon: Any, desk: Desk, web: str, old: Path, notes: Notes) -> None:
    """A reset that is clicked twice: one new pair, and the old key opens nothing once the new one does."""
    card = card_ts(joon, WEB)
    notes.begin()
    for _ in range(2):
        joon.click("rental_new_key", message=card, confirm=True)
    new = key_file(workspace, joon, desk, "kws-web01_2")
    until = time.monotonic() + BOOT
    while not said(joon, "You can now log in with the new key") and time.monotonic() < until:
        time.sleep(1)
    told = time.monotonic()
    assert desk.gets_in(f"debian@{web}", key=new)
    assert not desk.gets_in(f"debian@{web}", key=old), "the old key still opens it"
    assert not [file for file in joon.files() if file["name"] == "kws-web01_3"], "a third pair"
    notes.row("reset the SSH key, with two clicks", "the new key opens the server now",
              "the new key does, the old one does not, one new pair", told - notes.begun)  # fmt: skip
