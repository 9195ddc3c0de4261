"""A day of two servers that really boot: what the DM says at each step, and what is true inside."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, rent
from guests.conftest import Notes
from guests.person import Desk, Knocking, card_text, host_keys_shown, text_of, wait_for_card
from lab_checks import return_rental
from test_access import PASSWORD, rent_by

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

BOOT = 900  # seconds; two guests on two idle cores without KVM need 150 to 250
TOLD = 300  # seconds for what follows a boot
WEB, BY_PASSWORD = "web01", "pw01"


def address_of(bot: BotProcess, name: str) -> str:
    """Where it will be, as soon as that is known."""
    listed = json.loads(bot.kws("rentals", "--json"))
    return next((one["address"] or "" for one in listed if one["name"] == name), "")


def key_file(workspace: Workspace, person: Any, desk: Desk, name: str) -> Path:
    """The private key of that file name, saved from the DM."""
    workspace.wait_for(lambda: any(file["name"] == name for file in person.files()), timeout=60)
    return desk.keep_key(name, person.download(next(file for file in person.files() if file["name"] == name)))


def fingerprints(text: str) -> set[str]:
    return set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", text))


def opens(address: str, port: int) -> bool:
    """Whether something answers on that port."""
    try:
        with socket.create_connection((address, port), timeout=10):
            return True
    except OSError:
        return False


def said(person: Any, words: str) -> bool:
    """Whether a message in the DM says so."""
    return any(words in text_of(message) for message in person.dm())


def test_a_day_of_two_servers(
    bot: BotProcess, workspace: Workspace, clouds: dict[str, Any], tmp_path: Path, notes: Notes
) -> None:
    joon, desk = workspace.person("joon"), Desk(tmp_path)
    begun = time.monotonic()
    rent(workspace, joon, WEB, image="debian-12-quick")
    rent_by(workspace, joon, BY_PASSWORD, "password", image="debian-12-stock", password=PASSWORD)
    key = key_file(workspace, joon, desk, "kws-web01")
    workspace.wait_for(lambda: all(address_of(bot, name) for name in (WEB, BY_PASSWORD)), timeout=120)
    web, pw = address_of(bot, WEB), address_of(bot, BY_PASSWORD)
    knocks = {
        WEB: Knocking(desk, f"debian@{web}", key=key),
        BY_PASSWORD: Knocking(desk, f"debian@{pw}", password=PASSWORD),
    }
    for name in (WEB, BY_PASSWORD):
        ready = wait_for_card(workspace, joon, name, ":large_green_circle:", BOOT)
        knocks[name].join(90)
        first = knocks[name].first
        print(name, [f"{b - ready:.1f} to {e - ready:.1f}: {what}" for b, e, what in knocks[name].tries[-6:]])
        assert first is not None, "ready, and nobody gets in"
        denied = [begun for begun, _, what in knocks[name].tries if begun > ready and "denied" in what]
        assert denied == [], "ready was said before a login worked"
        notes.row(f"rented {name}", "ready", f"the first login that works began {first - ready:+.1f} s from then",
                  ready - begun)  # fmt: skip

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
    until = time.monotonic() + 60
    while not opens(web, 80) and time.monotonic() < until:
        time.sleep(1)
    assert opens(web, 80) and not opens(web, 8081)
    notes.row("served on 80 and 8081", "open: SSH, ping, 80, 443", "80 answers, 8081 does not")

    new_key(workspace, joon, desk, web, key, notes)
    for name in (WEB, BY_PASSWORD):
        notes.begin()
        return_rental(workspace, joon, name)
        notes.row(f"returned {name}", "over", "no server, port or address is left")


def new_key(workspace: Workspace, joon: Any, desk: Desk, web: str, old: Path, notes: Notes) -> None:
    """A reset that is clicked twice: one new pair, and the old key opens nothing once the new one does."""
    card = next(message for message in joon.dm() if "*web01*" in text_of(message))["ts"]
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
