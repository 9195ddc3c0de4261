"""Servers that really boot get another size and another node: their files, name and key stay, the old machine goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bot_process import BotProcess, ask_to_return, rent, wait_until
from guests.conftest import BOOT, NODE, Arrivals, Notes
from guests.person import Desk, address_of, card_ts, key_file, said, text_of
from lab_checks import marks, rental_row, take_away

from slack_workspace import Workspace

pytestmark = pytest.mark.guests

OTHER = "node8"
MOVING = BOOT + 600  # seconds; stop, copy, travel and boot


def with_a_file(workspace: Workspace, person: Any, desk: Desk, arrivals: Arrivals, name: str) -> Path:
    """A server with a file in it; its key."""
    rent(workspace, person, name, image="debian-12-quick")
    key = key_file(workspace, person, desk, f"kws-{name}")
    arrivals.expect(name, "debian-12-quick", key=key)
    arrivals.ready(person, name)
    login = f"debian@{address_of(arrivals.bot, name)}"
    assert desk.ssh(login, "echo the thesis > thesis.txt && sync", key=key).returncode == 0
    return key


def moved(workspace: Workspace, person: Any, name: str) -> bool:
    """Whether one card says that it runs, and the other one that it has ended."""
    cards = [text_of(m) for m in person.dm() if "card-" in str(m.get("blocks")) and f"*{name}*" in text_of(m)]
    return sorted(
        ":large_green_circle:" in card for card in cards if ":white_circle:" in card or "_green_" in card
    ) == [False, True]


def looked_into(bot: BotProcess, desk: Desk, name: str, old: str, key: Path, memory: tuple[int, int]) -> None:
    """What is true in the new one, and of the old one."""
    address = address_of(bot, name)
    assert address != old
    (desk.folder / "known_hosts").unlink(missing_ok=True)
    has_all(desk, address, name, key, memory)
    assert not desk.gets_in(f"debian@{old}", key=key), "the old one still answers"


def has_all(desk: Desk, address: str, name: str, key: Path, memory: tuple[int, int]) -> None:
    """The file, the name, and that much memory."""
    inside = desk.ssh(
        f"debian@{address}", "cat thesis.txt; hostname; free -m | awk '/Mem/ {print $2}'", key=key
    )
    thesis, hostname, mib = inside.stdout.split("\n")[:3]
    assert (thesis, hostname) == ("the thesis", name), inside
    assert memory[0] < int(mib) <= memory[1]


def is_large(bot: BotProcess, name: str) -> bool:
    """Whether it is in use with its new size, in place or as another one."""
    row = rental_row(bot, name)
    return (row["status"], row["size"], row["replaces"]) == ("ready", "large", None)


def test_a_server_gets_more_memory(
    bot: BotProcess, workspace: Workspace, desk: Desk, arrivals: Arrivals, notes: Notes
) -> None:
    """In place where the node can, as the form says; otherwise, or if it can't after all, through a copy."""
    joon = workspace.person("joon")
    key = with_a_file(workspace, joon, desk, arrivals, "grow")
    old, before = address_of(bot, "grow"), rental_row(bot, "grow")
    boot = desk.ssh(f"debian@{old}", "cat /proc/sys/kernel/random/boot_id", key=key).stdout
    notes.begin()
    joon.click("rental_size", message=card_ts(joon, "grow"))
    workspace.wait_for(lambda: joon.open_view, timeout=10)
    promised = "Keeps its address, restarts" in str(joon.open_view)
    joon.fill_form({"size": "large"})
    assert joon.submit().errors == {}
    wait_until(lambda: is_large(bot, "grow"), MOVING)
    if rental_row(bot, "grow")["id"] != before["id"]:
        workspace.wait_for(lambda: moved(workspace, joon, "grow"), timeout=60)
        assert not promised or said(joon, "couldn't change the size in place"), "its owner was not told"
        what = "running; the old card: ended", "thesis.txt, its name, 384 MB; old one gone"
        notes.row("changed the size of grow, through a copy", *what)
        looked_into(bot, desk, "grow", old, key, (256, 384))
    else:
        workspace.wait_for(lambda: said(joon, "The size is now large"), timeout=60)
        what = (
            "running, the size is now large",
            "the same address and host keys, thesis.txt, its name, 384 MB",
        )
        notes.row("changed the size of grow, in place", *what)
        assert address_of(bot, "grow") == old
        has_all(desk, old, "grow", key, (256, 384))
        again = desk.ssh(f"debian@{old}", "cat /proc/sys/kernel/random/boot_id", key=key).stdout
        assert again != boot, "it was not restarted"
    returned(bot, workspace, joon, "grow")


def returned(bot: BotProcess, workspace: Workspace, person: Any, name: str) -> None:
    """It is returned, and nothing is left."""
    ask_to_return(workspace, person, name)
    wait_until(lambda: rental_row(bot, name)["status"] == "ended", 300)


@pytest.fixture
def two_nodes(tmp_path: Path, workspace: Workspace) -> Iterator[BotProcess]:
    """The bot on two nodes whose servers boot; skipped where only one of them was started."""
    import openstack

    if OTHER not in openstack.config.loader.OpenStackConfig().get_cloud_names():
        pytest.skip(f"{OTHER} is not there; start it with the lab kit: real.sh up 8")
    clouds = {name: openstack.connect(cloud=name) for name in (NODE, OTHER)}
    take_away(clouds, marks(clouds))
    process = BotProcess(
        tmp_path,
        workspace,
        {name: name for name in clouds},
        vcpus=4,
        containers=False,
        ready_check="ssh",
        max_builds=1,
    )
    process.start()
    yield process
    process.stop()
    take_away(clouds, marks(clouds))
    print(f"the end of {process.log.name}:", *process.last_words(), sep="\n")  # shown when the test failed


def test_a_node_is_emptied(two_nodes: BotProcess, workspace: Workspace, desk: Desk, notes: Notes) -> None:
    joon, admin = workspace.person("joon"), workspace.person("admin")
    arrivals = Arrivals(two_nodes, workspace, desk, notes)
    two_nodes.kws("nodes", "drain", OTHER)
    key = with_a_file(workspace, joon, desk, arrivals, "wander")
    old = address_of(two_nodes, "wander")
    two_nodes.kws("nodes", "undrain", OTHER)
    two_nodes.kws("nodes", "drain", NODE, "--tell", "2027-12-24", "--reason", "new disk")
    notice = workspace.wait_for(lambda: [m for m in joon.dm() if "rental_move_ask" in str(m)], timeout=30)[-1]
    notes.begin()
    joon.click("rental_move_ask", message=notice["ts"])
    asked = workspace.wait_for(
        lambda: [m for m in joon.ephemeral() if "'rental_move'" in str(m)], timeout=10
    )[-1]
    joon.click("rental_move", message=asked["ts"])
    workspace.wait_for(lambda: moved(workspace, joon, "wander"), timeout=MOVING)
    notes.row(
        "moved wander to the other node",
        "running; the old card: ended",
        "thesis.txt, its name and key; old one gone",
    )
    looked_into(two_nodes, desk, "wander", old, key, (200, 256))
    said = workspace.wait_for(
        lambda: [m for m in admin.dm() if "1" in text_of(m) and NODE in text_of(m)], timeout=120
    )
    assert said
    returned(two_nodes, workspace, joon, "wander")
