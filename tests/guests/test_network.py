"""Two servers of a custom size in a network of their owner's own, all of them really booted."""

from __future__ import annotations

import pytest
from bot_process import BotProcess
from guests.conftest import Arrivals, Notes
from guests.person import Desk, address_of, card_text, inside, key_file, opens, rent_with
from lab_checks import return_rental

from slack_workspace import Workspace

pytestmark = [pytest.mark.guests, pytest.mark.timeout(2400)]

FIRST, SECOND = "db01", "app01"
IMAGE = "debian-12-quick"
CIDR = "192.168.77.0/24"


def test_a_network_of_ones_own(
    bot: BotProcess, workspace: Workspace, desk: Desk, arrivals: Arrivals, notes: Notes
) -> None:
    joon = workspace.person("joon")
    rent_with(workspace, joon, FIRST, {"size": "custom", "network": "new"}, image=IMAGE, network_name="mine",
              cidr=CIDR, vcpus="2", ram_mb="448", disk_gb="3")  # fmt: skip
    arrivals.expect(FIRST, IMAGE, key=key_file(workspace, joon, desk, f"kws-{FIRST}"))
    rent_with(workspace, joon, SECOND, {"network": f"mine · {CIDR}"}, image=IMAGE)
    arrivals.expect(SECOND, IMAGE, key=key_file(workspace, joon, desk, f"kws-{SECOND}"))
    for name in (FIRST, SECOND):
        arrivals.ready(joon, name, f"rented {name} in a network of one's own")
        assert desk.keep_config(card_text(joon, name), name)
        assert desk.gets_in(name)
    the_size_inside(desk, notes)
    reach_each_other(bot, desk, notes)
    for name in (FIRST, SECOND):
        return_rental(workspace, joon, name)


def the_size_inside(desk: Desk, notes: Notes) -> None:
    """What nproc, free and lsblk say is what the form said."""
    notes.begin()
    assert inside(desk, FIRST, "nproc") == "2"
    assert 380 <= int(inside(desk, FIRST, "awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo")) <= 448
    assert inside(desk, FIRST, "lsblk -bdno SIZE /dev/vda") == str(3 * 1024**3)
    notes.row("chose 2 vCPUs, 448 MB, 3 GB", "the same", "nproc 2, MemTotal below 448 MB, a disk of 3 GiB")


def reach_each_other(bot: BotProcess, desk: Desk, notes: Notes) -> None:
    """Everything is open inside, and nothing of it from outside."""
    notes.begin()
    private = {name: inside(desk, name, "hostname -I").split()[0] for name in (FIRST, SECOND)}
    assert all(address.startswith("192.168.77.") for address in private.values())
    desk.ssh(FIRST, "nohup python3 -m http.server 5432 >/dev/null 2>&1 &")
    fetch = f"import urllib.request; print(urllib.request.urlopen('http://{private[FIRST]}:5432', timeout=30).status)"
    assert inside(desk, SECOND, f'sleep 2; python3 -c "{fetch}"') == "200"
    assert inside(desk, FIRST, f"ping -c 1 -W 20 {private[SECOND]} >/dev/null && echo yes") == "yes"
    outside = address_of(bot, FIRST)
    assert not opens(outside, 5432)
    notes.row(
        "connected from one to the other",
        "open inside the network",
        "port 5432 and ping work; from outside it is closed",
    )
