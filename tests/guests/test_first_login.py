"""Ready is said when the owner gets in: not before, and not long after."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, rent
from guests.conftest import Notes
from guests.person import Desk, Knocking, card_text, host_keys_shown, wait_for_card
from lab_checks import rental_row, return_rental

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

BOOT = 600  # seconds; two guests on two idle cores without KVM need 150 to 250
PASSWORD = "correct-horse-Battery-7-staple"
LATE = 6.0  # seconds after the first login that works


def rent_by(workspace: Workspace, person: Any, name: str, way: str, image: str, **field: str) -> None:
    """Rents with that way to log in, and what its own field asks for."""
    person.command("/kws rent")
    workspace.wait_for(lambda: person.open_view, timeout=10)
    person.fill("access", way)
    workspace.wait_for(
        lambda: all(f"'block_id': '{one}'" in str(person.open_view) for one in field), timeout=5
    )
    person.fill_form({"name": name, "image": image, **field})
    outcome = person.submit()
    assert outcome.errors == {} and outcome.acked, outcome


def address_of(bot: BotProcess, name: str) -> str:
    import json

    listed = json.loads(bot.kws("rentals", "--json"))
    return next((one["address"] or "" for one in listed if one["name"] == name), "")


def test_two_servers_from_the_form_to_the_first_login(
    bot: BotProcess, workspace: Workspace, clouds: dict[str, Any], tmp_path: Path, notes: Notes
) -> None:
    joon = workspace.person("joon")
    desk = Desk(tmp_path)
    notes.begin()
    rent(workspace, joon, "web01", image="debian-12-quick")
    rent_by(workspace, joon, "pw01", "password", image="debian-12-stock", password=PASSWORD)
    workspace.wait_for(lambda: any(file["name"] == "kws-web01" for file in joon.files()), timeout=60)
    key = desk.keep_key("kws-web01", joon.download(next(f for f in joon.files() if f["name"] == "kws-web01")))
    workspace.wait_for(lambda: all(address_of(bot, name) for name in ("web01", "pw01")), timeout=120)
    by_key = Knocking(desk, f"debian@{address_of(bot, 'web01')}", key=key)
    by_password = Knocking(desk, f"debian@{address_of(bot, 'pw01')}", password=PASSWORD)
    ready = {
        name: wait_for_card(workspace, joon, name, ":large_green_circle:", BOOT) for name in ("web01", "pw01")
    }
    by_key.join(60)
    by_password.join(60)
    for name, knocking in (("web01", by_key), ("pw01", by_password)):
        print(name, "late by", None if knocking.first is None else ready[name] - knocking.first)
        for begun, ended, said in knocking.tries[-25:]:
            print(f"{begun - ready[name]:8.1f} {ended - ready[name]:8.1f} {said}")
    seen = host_keys_shown(address_of(bot, "web01"))
    told = set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", card_text(joon, "web01")))
    print(seen, told)
    wait_for_card(workspace, joon, "web01", "It should be one of", 300)
    told = set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", card_text(joon, "web01")))
    print(told, told >= seen)
    print(rental_row(bot, "web01"))
    for name in ("web01", "pw01"):
        return_rental(workspace, joon, name)
