"""Containers on a real Zun, and everything else of the form on real OpenStack; nothing is left afterwards."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from bot_process import BotProcess, ask_to_return, card_of

from slack_workspace import Workspace

pytestmark = pytest.mark.openstack

WAIT = 240  # seconds


def everything(clouds: dict[str, Any]) -> dict[str, list[str]]:
    """All that could be left behind, on both nodes."""
    found = {}
    for name, cloud in clouds.items():
        network = cloud.network
        found[name] = sorted(
            [f"flavor {f.name}" for f in cloud.compute.flavors() if f.name.startswith("kws-")]
            + [f"network {n.id}" for n in network.networks()]
            + [f"subnet {s.id}" for s in network.subnets()]
            + [f"port {p.id}" for p in network.ports() if p.device_owner != "network:dhcp"]
            + [f"ip {i.id}" for i in network.ips()]
            + [f"group {g.id}" for g in network.security_groups()]
            + [f"server {s.id}" for s in cloud.compute.servers()]
        )
    return found


@pytest.fixture
def bot(make_bot: Callable[..., BotProcess], clouds: dict[str, Any]) -> BotProcess:
    if not any(service.type == "container" for service in clouds["node1"].identity.services()):
        pytest.skip('node1 has no Zun; run: eval "$(tests/lab/up-zun.sh)"')
    for cloud in clouds.values():  # Neutron's own quota lets a node have nine rentals
        project = cloud.session.get_project_id()
        cloud.network.update_quota(project, security_groups=60, security_group_rules=600)
    bot = make_bot(vcpus=24)
    bot.start()
    time.sleep(3)  # its first look at the nodes
    return bot


def open_form(workspace: Workspace, person: Any, words: str, *, more: bool = False) -> None:
    person.command(f"/kws {words}")
    workspace.wait_for(lambda: person.open_view, timeout=5)
    if more:
        person.click("rent_more")
        workspace.wait_for(lambda: "'block_id': 'network'" in str(person.open_view), timeout=5)


def accepted(person: Any) -> None:
    outcome = person.submit()
    assert outcome.errors == {}
    assert outcome.acked
    assert not outcome.payload, outcome.payload


def ready(workspace: Workspace, person: Any, name: str) -> str:
    workspace.wait_for(lambda: ":large_green_circle:" in card_of(person, name), timeout=WAIT)
    return card_of(person, name)


def return_rental(workspace: Workspace, person: Any, *names: str) -> None:
    for name in names:
        ask_to_return(workspace, person, name)
    for name in names:
        workspace.wait_for(lambda n=name: ":white_circle:" in card_of(person, n), timeout=WAIT)


def rent_container(workspace: Workspace, person: Any, name: str, **fields: str) -> None:
    open_form(workspace, person, "rent container")
    person.fill_form({"name": name, "image": "nginx:latest", "ports": "80", **fields})
    accepted(person)


def test_a_server_with_everything(bot: BotProcess, workspace: Workspace, clouds: dict[str, Any]) -> None:
    before, admin = everything(clouds), workspace.person("admin")
    open_form(workspace, admin, "rent", more=True)
    admin.fill("size", "custom")
    workspace.wait_for(lambda: "'block_id': 'ram_mb'" in str(admin.open_view), timeout=5)
    admin.fill("network", "new")
    workspace.wait_for(lambda: "'block_id': 'cidr'" in str(admin.open_view), timeout=5)
    admin.fill("access", "password")
    workspace.wait_for(lambda: "'block_id': 'password'" in str(admin.open_view), timeout=5)
    admin.fill_form(
        {
            "name": "full", "image": "debian-12", "vcpus": "3", "ram_mb": "384", "disk_gb": "3",
            "ports": "8080, 9000-9010 53/udp", "cloud_init": "packages: [nginx]", "node": "node2",
            "network_name": "mine", "cidr": "192.168.77.0/24", "password": "correct-horse-Battery-7",
        }
    )  # fmt: skip
    accepted(admin)
    ready(workspace, admin, "full")
    cloud = clouds["node2"]
    server = next(s for s in cloud.compute.servers(details=True) if s.name == "full")
    assert (server.flavor["vcpus"], server.flavor["ram"], server.flavor["disk"]) == (3, 384, 3)
    answer = cloud.compute.get(f"/servers/{server.id}", microversion="2.90").json()["server"]
    data = yaml.safe_load(base64.b64decode(answer["OS-EXT-SRV-ATTR:user_data"]))
    assert data["packages"] == ["nginx"]
    assert "$6$" in str(data)
    assert "correct-horse" not in str(data)
    assert "192.168.77." in str(server.addresses)
    return_rental(workspace, admin, "full")
    assert everything(clouds) == before
    assert b"correct-horse" not in bot.log.read_bytes()


def test_the_buttons_of_a_server(bot: BotProcess, workspace: Workspace, clouds: dict[str, Any]) -> None:
    joon = workspace.person("joon")
    joon.command("/kws rent acts debian-12 small 2d")
    ready(workspace, joon, "acts")
    for button, answer in (
        ("rental_stop", "Stopping"),
        ("rental_start", "Starting"),
        ("rental_reboot", "Rebooting"),
    ):
        workspace.wait_for(lambda b=button: b in str(joon.dm()), timeout=10)
        joon.click(button, where="message", confirm=True)
        workspace.wait_for(lambda a=answer: any(a in str(m) for m in joon.ephemeral()), timeout=30)
        time.sleep(3)
    joon.click("rental_console", where="message")
    workspace.wait_for(lambda: any("Last lines" in str(m) for m in joon.ephemeral()), timeout=20)
    return_rental(workspace, joon, "acts")


def test_twelve_containers_at_once(bot: BotProcess, workspace: Workspace, clouds: dict[str, Any]) -> None:
    before, joon = everything(clouds), workspace.person("joon")
    names = [f"box{number}" for number in range(12)]
    for name in names:
        rent_container(workspace, joon, name)
    for name in names:
        assert "172.24." in ready(workspace, joon, name)
    joon.click("rental_console", where="message")
    return_rental(workspace, joon, *names)
    assert everything(clouds) == before


def test_an_unknown_image_and_a_bad_command_end_with_the_reason(
    bot: BotProcess, workspace: Workspace, clouds: dict[str, Any]
) -> None:
    before, joon = everything(clouds), workspace.person("joon")
    rent_container(workspace, joon, "nothere", image="no-such-image:1")
    rent_container(workspace, joon, "nocmd", command="no-such-command")
    for name in ("nothere", "nocmd"):
        workspace.wait_for(lambda n=name: ":white_circle:" in card_of(joon, n), timeout=60)
        assert "No node could create it" in card_of(joon, name)
    assert everything(clouds) == before
