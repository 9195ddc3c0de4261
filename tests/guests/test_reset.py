"""A reset of a server that really boots: its files and host keys are gone, its address stays, and the new key opens it."""

from __future__ import annotations

from typing import Any

import pytest
from bot_process import BotProcess, rent
from guests.conftest import BOOT, Arrivals, Notes
from guests.person import Desk, address_of, card_text, card_ts, host_keys_shown, key_file, said
from lab_checks import return_rental

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

NAME = "again"
DONE = "running again"


def ask(workspace: Workspace, person: Any, **fields: str) -> None:
    """From the card's button through the form."""
    person.click("rental_reset", message=card_ts(person, NAME))
    workspace.wait_for(lambda: person.open_view, timeout=10)
    person.fill_form({"name": NAME, **fields})
    assert person.submit().errors == {}
    workspace.wait_for(lambda: person.open_view is None, timeout=10)


def test_a_server_is_reset_twice(
    bot: BotProcess, workspace: Workspace, desk: Desk, arrivals: Arrivals, notes: Notes
) -> None:
    """With a new key, and then with the same one."""
    joon = workspace.person("joon")
    rent(workspace, joon, NAME, image="debian-12-quick")
    old_key = key_file(workspace, joon, desk, f"kws-{NAME}")
    arrivals.expect(NAME, "debian-12-quick", key=old_key)
    arrivals.ready(joon, NAME)
    address = address_of(bot, NAME)
    login = f"debian@{address}"
    assert desk.ssh(login, "echo the thesis > thesis.txt && sync", key=old_key).returncode == 0
    host_keys = host_keys_shown(address)
    assert host_keys

    notes.begin()
    ask(workspace, joon, access="new")
    new_key = key_file(workspace, joon, desk, f"kws-{NAME}_2")
    workspace.wait_for(lambda: said(joon, DONE), timeout=BOOT)
    (desk.folder / "known_hosts").unlink()  # as the message says: the host keys are new
    inside = desk.ssh(login, "ls; hostname", key=new_key)
    assert (inside.returncode, inside.stdout.split()) == (0, [NAME]), "the file is still there"
    assert not desk.gets_in(login, key=old_key), "the old key still opens it"
    assert address_of(bot, NAME) == address
    assert host_keys_shown(address).isdisjoint(host_keys), "the same host keys"
    assert any(key in card_text(joon, NAME) for key in host_keys_shown(address)), "the card has the old ones"
    notes.row(
        "reset it with a new key", DONE, "no file, new host keys; the new key opens it, the old one does not"
    )

    host_keys = host_keys_shown(address)
    assert desk.ssh(login, "echo more > thesis.txt && sudo -n poweroff", key=new_key).returncode in (0, 255)
    notes.begin()
    ask(workspace, joon)
    workspace.wait_for(lambda: card_text(joon, NAME).count(":sparkles: Reset,") == 2, timeout=BOOT)
    (desk.folder / "known_hosts").unlink()
    assert desk.ssh(login, "ls", key=new_key).stdout == "", "the file is still there"
    assert not desk.gets_in(login, key=old_key), "the first key opens it again"
    assert host_keys_shown(address).isdisjoint(host_keys)
    notes.row("reset it with the same key, while it went off", DONE, "no file; the same key opens it")
    return_rental(workspace, joon, NAME)
