"""The main job on real OpenStack: from the slash command to the ready DM and back to nothing."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from bot_process import BotProcess, card_of, rent
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from bot.workspace import Workspace

pytestmark = pytest.mark.openstack

READY = 90  # seconds; the lab needs under ten


def rental_row(bot: BotProcess, name: str) -> dict[str, Any]:
    """The newest rental of that name, from the bot's database."""
    with sqlite3.connect(bot.folder / "kws.db") as database:
        database.row_factory = sqlite3.Row
        return dict(
            database.execute(
                "SELECT * FROM rentals WHERE name = ? ORDER BY created_at DESC", (name,)
            ).fetchone()
        )


def public_half(private: bytes) -> str:
    """The public half of an OpenSSH private key."""
    key = load_ssh_private_key(private, None).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def keys_in_user_data(clouds: dict[str, Any], rental_id: str) -> list[list[str]]:
    """The keys in the user data of every server of that rental, on any node."""
    found = []
    for cloud in clouds.values():
        for server in cloud.compute.servers(details=True):
            if server.metadata.get("kws_rental") == rental_id:
                answer = cloud.compute.get(f"/servers/{server.id}", microversion="2.90").json()["server"]
                config = yaml.safe_load(base64.b64decode(answer["OS-EXT-SRV-ATTR:user_data"]))
                found.append([key for user in config["users"][1:] for key in user["ssh_authorized_keys"]])
    return found


def assert_key_matches(person: Any, clouds: dict[str, Any], bot: BotProcess, name: str) -> None:
    """One key file in the DM; its public half is the one in the one server's user data."""
    files = [file for file in person.files() if file["name"] == f"kws-{name}"]
    assert len(files) == 1, "one key message"
    public = public_half(person.download(files[0]))
    servers = keys_in_user_data(clouds, rental_row(bot, name)["id"])
    assert len(servers) == 1, "one server"
    assert [" ".join(key.split()[:2]) for key in servers[0]] == [public]


def give_back(workspace: Workspace, person: Any, name: str) -> None:
    """Returns it by command and waits until the card says that it is gone."""
    person.command(f"/kws return {name}")
    workspace.wait_for(
        lambda: any(name in str(m) and "rental_return" in str(m) for m in person.ephemeral()), timeout=10
    )
    person.click("rental_return", message=person.ephemeral()[-1]["ts"])
    workspace.wait_for(lambda: ":white_circle:" in card_of(person, name), timeout=READY)


def test_from_the_command_to_ready_and_back_to_nothing(
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    marked: Callable[[str], list[str]],
) -> None:
    bot, mina = make_bot(), workspace.person("mina")
    bot.start()
    rent(workspace, mina, "web01")
    workspace.wait_for(lambda: ":large_green_circle:" in card_of(mina, "web01"), timeout=READY)
    rental_id = rental_row(bot, "web01")["id"]
    assert sorted(entry.split(":")[1] for entry in marked(rental_id)) == ["group", "ip", "port", "server"]
    assert "ssh -i ~/.ssh/kws-web01 debian@172.24." in card_of(mina, "web01")
    assert_key_matches(mina, clouds, bot, "web01")
    give_back(workspace, mina, "web01")
    assert marked(rental_id) == []
    assert bot.stop() == 0
    assert_no_private_key(bot.folder)


def assert_no_private_key(folder: Path) -> None:
    """Not in the database, not in the log, in no file at all."""
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes(), path


def test_ten_at_once_respect_capacity(
    make_bot: Callable[..., BotProcess], workspace: Workspace, marked: Callable[[str], list[str]]
) -> None:
    bot, mina = make_bot(vcpus=5), workspace.person("mina")
    bot.start()
    names = [f"many{number}" for number in range(10)]
    for name in names:
        rent(workspace, mina, name)
    workspace.wait_for(
        lambda: all(":large_green_circle:" in card_of(mina, name) for name in names), timeout=2 * READY
    )
    rows = [rental_row(bot, name) for name in names]
    nodes = [entry.split(":")[0] for row in rows for entry in marked(row["id"]) if entry.endswith(":server")]
    assert sorted(nodes) == ["node1"] * 5 + ["node2"] * 5
    for name in names:
        give_back(workspace, mina, name)
    assert [entry for row in rows for entry in marked(row["id"])] == []


POINTS = {
    "after the form was accepted": lambda ws: ws.calls_of("chat.postMessage"),
    "while the card is being posted": lambda ws: ws.calls_of("conversations.open"),
    "before the key's bytes are sent": lambda ws: ws.calls_of("files.getUploadURLExternal"),
    "after the key is visible": lambda ws: ws.calls_of("files.completeUploadExternal"),
    "while the server is being built": lambda ws: len(ws.calls_of("chat.update")) >= 2,
}


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_leaves_one_server_one_key_and_no_orphan(
    point: str,
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    marked: Callable[[str], list[str]],
) -> None:
    bot, mina = make_bot(), workspace.person("mina")
    if point == "after the form was accepted":
        workspace.faults.fail("conversations.open", before=30)
    if point == "while the card is being posted":
        workspace.faults.fail("chat.postMessage", before=0.2, drop_after=True)
    if point == "before the key's bytes are sent":
        workspace.faults.fail("upload", before=30)
    if point == "after the key is visible":
        workspace.faults.fail("files.completeUploadExternal", drop_after=True)
    bot.start()
    rent(workspace, mina, "crash")
    if point == "after the form was accepted":
        workspace.wait_for(lambda: workspace.calls_of("conversations.open"), timeout=20)
    elif point == "while the card is being posted":
        workspace.wait_for(lambda: workspace.calls_of("chat.postMessage"), timeout=20)
    else:
        workspace.wait_for(lambda: POINTS[point](workspace), timeout=30)
    bot.kill()
    workspace.faults.clear()
    bot.start()
    workspace.wait_for(lambda: ":large_green_circle:" in card_of(mina, "crash"), timeout=READY)
    rental_id = rental_row(bot, "crash")["id"]
    assert sorted(entry.split(":")[1] for entry in marked(rental_id)) == ["group", "ip", "port", "server"]
    assert_key_matches(mina, clouds, bot, "crash")
    give_back(workspace, mina, "crash")
    assert marked(rental_id) == []
