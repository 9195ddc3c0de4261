"""What is on the real nodes, and what people hold of it, compared."""

from __future__ import annotations

import base64
import sqlite3
from typing import Any

import yaml
from bot_process import BotProcess, ask_to_return, card_of
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from slack_workspace import Workspace

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


def return_rental(workspace: Workspace, person: Any, name: str) -> None:
    """Returns it by command and waits until the card says that it is gone."""
    ask_to_return(workspace, person, name)
    workspace.wait_for(lambda: ":white_circle:" in card_of(person, name), timeout=READY)


def marks(clouds: dict[str, Any]) -> set[str]:
    """Everything on the nodes that carries a mark of ours, whosesoever."""
    found = set()
    for node, cloud in clouds.items():
        named = [
            *cloud.network.ports(), *cloud.network.security_groups(), *cloud.network.networks(),
            *cloud.compute.keypairs(),
        ]  # fmt: skip
        texts = [thing.name or "" for thing in named]
        texts += [text for ip in cloud.network.ips() for text in (ip.description or "", *(ip.tags or []))]
        texts += [
            f"kws-{s.metadata['kws_rental']}" for s in cloud.compute.servers() if "kws_rental" in s.metadata
        ]
        found |= {f"{node} {text}" for text in texts if text.startswith("kws-")}
    return found


def take_away(clouds: dict[str, Any], left: set[str]) -> None:
    """Deletes what a test that failed has left, as ``marks`` named it."""
    for node, cloud in clouds.items():
        ours = {mark.removeprefix(f"{node} ") for mark in left if mark.startswith(f"{node} ")}
        for server in cloud.compute.servers():
            if f"kws-{server.metadata.get('kws_rental')}" in ours:
                cloud.compute.delete_server(server)
                cloud.compute.wait_for_delete(server)
        for ip in cloud.network.ips():
            if ours & {ip.description, *(ip.tags or [])}:
                cloud.network.delete_ip(ip)
        for port in cloud.network.ports():
            if port.name in ours:
                cloud.network.delete_port(port)
        for group in cloud.network.security_groups():
            if group.name in ours:
                cloud.network.delete_security_group(group)
        for network in cloud.network.networks():
            if network.name in ours:
                _delete_network(cloud, network)


def _delete_network(cloud: Any, network: Any) -> None:
    """And what ties it to a router."""
    for port in cloud.network.ports(network_id=network.id):
        if port.device_owner.startswith("network:router_interface"):
            cloud.network.remove_interface_from_router(port.device_id, port_id=port.id)
    cloud.network.delete_network(network)
