"""A copy of a server that really boots: the file on its disk outlives the server, and old keys open nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bot_process import BotProcess, rent
from guests.conftest import BOOT, Arrivals, Notes
from guests.person import Desk, address_of, card_ts, host_keys_shown, key_file, said
from lab_checks import return_rental
from test_whole_form import accepted

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

COPYING = 900  # seconds; a copy of 1 GB with two guests beside it takes about two minutes


def click_answer(workspace: Workspace, person: Any, action: str) -> None:
    """The newest answer that only the person sees, once it has that button."""
    workspace.wait_for(lambda: action in str(person.ephemeral()[-1:]), timeout=20)
    person.click(action, message=person.ephemeral()[-1]["ts"])


def test_a_file_outlives_its_server(
    bot: BotProcess, workspace: Workspace, desk: Desk, arrivals: Arrivals, notes: Notes
) -> None:
    joon = workspace.person("joon")
    rent(workspace, joon, "first", image="debian-12-quick")
    old_key = key_file(workspace, joon, desk, "kws-first")
    arrivals.expect("first", "debian-12-quick", key=old_key)
    arrivals.ready(joon, "first")
    address = address_of(bot, "first")
    first = f"debian@{address}"
    assert desk.ssh(first, "echo the thesis > thesis.txt && sync", key=old_key).returncode == 0
    instance = desk.ssh(
        first, "cat /run/cloud-init/instance-data.json | grep -m1 instance_id", key=old_key
    ).stdout
    host_keys = host_keys_shown(address)

    notes.begin()
    joon.click("rental_copy_ask", message=card_ts(joon, "first"))
    click_answer(workspace, joon, "rental_copy")
    workspace.wait_for(lambda: said(joon, "Copy kept until"), timeout=COPYING)
    assert desk.gets_in(first, key=old_key), "the server goes on"
    notes.row("kept a copy of first", "copy kept until …", "the server still answers")
    notes.begin()
    return_rental(workspace, joon, "first")
    notes.row("returned first", "over; the copy stays", "no server, port or address is left")

    joon.command("/kws copies")
    begun = time.monotonic()
    click_answer(workspace, joon, "copy_bring_back")
    workspace.wait_for(lambda: joon.open_view, timeout=10)
    joon.fill_form({"name": "second"})
    accepted(joon)
    new_key = key_file(workspace, joon, desk, "kws-second")
    arrivals.expect("second", "a copy", key=new_key)
    arrivals.ready(joon, "second", "brought the copy back as second")
    second_address = address_of(bot, "second")
    second = f"debian@{second_address}"
    (desk.folder / "known_hosts").unlink()  # the address may be the same, the machine is not
    assert desk.ssh(second, "cat thesis.txt", key=new_key).stdout == "the thesis\n"
    assert not desk.gets_in(second, key=old_key), "the old key still opens it"
    assert host_keys_shown(second_address).isdisjoint(host_keys), "the same host keys"
    again = desk.ssh(
        second, "cat /run/cloud-init/instance-data.json | grep -m1 instance_id", key=new_key
    ).stdout
    assert again and again != instance, "cloud-init takes it for the same machine"
    assert desk.ssh(second, "hostname", key=new_key).stdout.strip() == "second"
    took = time.monotonic() - begun
    assert took < BOOT
    notes.row(
        "looked inside second", "—", "thesis.txt is there; old key, host keys and instance are not", took
    )

    joon.command("/kws copies")
    click_answer(workspace, joon, "copy_delete")
    return_rental(workspace, joon, "second")
