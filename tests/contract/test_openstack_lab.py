"""What only a real OpenStack can show: the machine's inside, the set behind an address, the facade, the calls counted."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from harness.contract_kit import IMAGE, Kit, config_for

from contract.conftest import LAB_CLOUD
from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Rule
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.pool import Pool
from kws_core.nodes.values import MachineState
from kws_core.values import Size

pytestmark = pytest.mark.openstack
UNUSUAL = Size("unusual", 1, 333, 3)  # no flavor of the lab's own is so


@pytest.fixture
def node(lab: Kit) -> OpenStackNode:
    assert isinstance(lab.node, OpenStackNode)
    return lab.node


@pytest.fixture
def cloud(node: OpenStackNode) -> Cloud:
    return node.cloud


@pytest.fixture
def name() -> str:
    return f"unmarked-{secrets.token_hex(4)}"


@pytest.fixture
def undo() -> Iterator[list[Callable[[], Any]]]:
    """Calls that take away what a test made, the last first."""
    steps: list[Callable[[], Any]] = []
    yield steps
    for step in reversed(steps):
        step()


class Counted:
    """Counts the HTTP requests that leave within the block."""

    def __init__(self, node: OpenStackNode, monkeypatch: pytest.MonkeyPatch) -> None:
        session = node.raw().session.session
        self.sent: list[str] = []
        send = session.request

        def request(method: str, url: str, **options: Any) -> Any:
            self.sent.append(f"{method} {url.split('?', maxsplit=1)[0]}")
            return send(method, url, **options)

        monkeypatch.setattr(session, "request", request)


def test_user_data_and_metadata_arrive(lab: Kit, node: OpenStackNode) -> None:
    text = "#cloud-config\nhostname: 랩\n"
    spec = lab.spec(user_data=text)
    server = node.ensure_server(spec, node.ensure_address(spec))
    assert node.cloud.servers.user_data(server) == text
    shown = node.cloud.servers.find(server)
    assert shown.metadata == {"kws_rental": spec.mark.removeprefix("kws-"), "kws_owner": "U0TEST"}


def test_the_security_group_lets_in_what_was_asked_for(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec()
    node.ensure_address(spec)
    group = node.cloud.security_groups.list(spec.mark)[0]
    asked = {Rule("tcp", 22, 22), Rule("icmp"), Rule("tcp", 80, 80), Rule("udp", 6000, 6010)}
    assert group.rules == asked
    node.ensure_address(replace(spec, open_ports=()))
    assert node.cloud.security_groups.list(spec.mark)[0].rules == asked


def test_several_marks_are_looked_up_at_once(lab: Kit, node: OpenStackNode) -> None:
    ours, theirs, nobodys = lab.spec(), lab.spec(), lab.spec()
    made = [node.ensure_address(spec) for spec in (ours, theirs)]
    cloud = node.cloud
    marks = (ours.mark, theirs.mark, nobodys.mark)
    assert {group.name for group in cloud.security_groups.list(*marks)} == {ours.mark, theirs.mark}
    assert {one.id for one in cloud.addresses.list(*marks)} == {one.floating_ip_id for one in made}
    assert not cloud.security_groups.list(nobodys.mark)
    assert not cloud.addresses.list(nobodys.mark)


def test_rules_that_lack_are_added(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec()
    node.ensure_address(replace(spec, open_ports=()))
    node.ensure_address(spec)
    assert len(node.cloud.security_groups.list(spec.mark)[0].rules) == 4


def test_a_group_alone_is_used(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec()
    made = node.cloud.security_groups.create(spec.mark, spec.mark)
    node.ensure_address(spec)
    group = node.cloud.security_groups.list(spec.mark)
    assert [one.id for one in group] == [made.id]
    assert len(group[0].rules) == 4


def test_what_was_made_twice_is_reduced_to_one(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec()
    address = node.ensure_address(spec)
    group = node.cloud.security_groups.create(spec.mark, spec.mark)
    port = node.cloud.ports.create(spec.mark, "default", [group.id], spec.mark)
    node.cloud.addresses.create("public", port.id, spec.mark)
    assert lab.count(spec.mark).total() == 6
    again = node.ensure_address(spec)
    assert again.port_id in {address.port_id, port.id}
    assert lab.count(spec.mark) == {"security_group": 1, "port": 1, "floating_ip": 1}
    assert node.ensure_address(spec) == again


def test_a_second_server_of_a_mark_is_taken_away(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec()
    address = node.ensure_address(spec)
    first = node.ensure_server(spec, address)
    group = node.cloud.security_groups.list(spec.mark)[0]
    port = node.cloud.ports.create(spec.mark, "default", [group.id], spec.mark)
    rental = spec.mark.removeprefix("kws-")
    double = node.cloud.servers.create("web", IMAGE, "m1.tiny", [port.id], metadata={"kws_rental": rental})
    kept = node.ensure_server(spec, address)
    assert kept in {first, double}
    lab.until(lambda: lab.count(spec.mark)["server"] == 1)
    assert node.machines()[spec.mark].id == kept


def test_what_carries_no_mark_is_left_alone(
    lab: Kit, node: OpenStackNode, name: str, undo: list[Callable[[], Any]]
) -> None:
    spec = lab.spec()
    cloud = node.cloud
    group = cloud.security_groups.create(name, f"about {spec.mark}")
    undo.append(lambda: cloud.security_groups.delete(group.id))
    port = cloud.ports.create(f"{spec.mark}x", "default", [group.id], "mine")  # its name only begins so
    undo.append(lambda: cloud.ports.delete(port.id))
    free = cloud.addresses.create("public", port.id, "mine")
    undo.append(lambda: cloud.addresses.delete(free.id))
    address = node.ensure_address(spec)
    assert address.floating_ip_id != free.id
    assert address.port_id != port.id
    lab.until(lambda: not node.release(spec.mark))
    assert group.id in {one.id for one in cloud.security_groups.list()}
    assert port.id in {one.id for one in cloud.ports.list()}
    assert free.id in {one.id for one in cloud.addresses.list()}


def test_a_flavor_is_made_for_an_unusual_size_and_goes_with_its_last_server(
    lab: Kit, node: OpenStackNode
) -> None:
    def flavors() -> set[str]:
        return {flavor.name for flavor in node.cloud.flavors.list()}

    one, two = lab.spec(size=UNUSUAL), lab.spec(size=UNUSUAL)
    for spec in (one, two):
        node.ensure_server(spec, node.ensure_address(spec))
    assert "kws-1c-333m-3g" in flavors()
    lab.until(lambda: not node.release(one.mark))
    assert "kws-1c-333m-3g" in flavors()
    lab.until(lambda: not node.release(two.mark))
    assert "kws-1c-333m-3g" not in flavors()


def test_a_flavor_that_exists_is_used(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec(size=Size("any name", 1, 512, 1))
    server = node.ensure_server(spec, node.ensure_address(spec))
    assert node.cloud.servers.find(server).flavor == "m1.tiny"


def test_a_flavor_that_vanished_is_made_again(lab: Kit, node: OpenStackNode) -> None:
    first, second = lab.spec(size=UNUSUAL), lab.spec(size=UNUSUAL)
    node.ensure_server(first, node.ensure_address(first))
    node.cloud.flavors.delete(node.cloud.flavors.find("kws-1c-333m-3g").id)
    assert node.ensure_server(second, node.ensure_address(second))


def test_no_room_on_the_node_is_told(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec(size=Size("vast", 1, 512, 700_000))
    node.ensure_server(spec, node.ensure_address(spec))
    lab.until(lambda: node.machines()[spec.mark].state is MachineState.BROKEN)
    machine = node.machines()[spec.mark]
    assert machine.refusal == Refusal.NO_HOST
    assert "No valid host" in machine.fault
    lab.until(lambda: not node.release(spec.mark))


def test_more_than_the_quota_is_refused(lab: Kit, node: OpenStackNode) -> None:
    spec = lab.spec(size=Size("wide", 400, 512, 1))
    address = node.ensure_address(spec)
    with pytest.raises(NodeRefused) as raised:
        node.ensure_server(spec, address)
    assert raised.value.reason == Refusal.QUOTA
    assert not node.release(spec.mark)


@pytest.mark.parametrize("key", ["external_network", "internal_network", "router"])
def test_a_name_that_is_not_there_is_missing(lab: Kit, key: str) -> None:
    pool = Pool(config_for(LAB_CLOUD, **{key: "no-such-thing"}))
    with pytest.raises(NodeRefused) as raised:
        pool.nodes()[LAB_CLOUD].ensure_address(lab.spec())
    assert raised.value.reason == Refusal.MISSING
    assert "no-such-thing" in raised.value.detail
    pool.close()


def test_a_network_without_a_way_out_is_missing(
    lab: Kit, cloud: Cloud, name: str, undo: list[Callable[[], Any]]
) -> None:
    network = cloud.networks.create(name)
    undo.append(lambda: cloud.networks.delete(network.id))
    pool = Pool(config_for(LAB_CLOUD, internal_network=name))
    with pytest.raises(NodeRefused) as raised:
        pool.nodes()[LAB_CLOUD].ensure_address(lab.spec())
    assert raised.value.reason == Refusal.MISSING
    assert "not wired" in raised.value.detail
    pool.close()


def test_without_the_admin_role_capacity_is_what_the_quota_says() -> None:
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        pytest.skip("OS_CLIENT_CONFIG_FILE is not set")
    pool = Pool(config_for(f"{LAB_CLOUD}-demo"))
    capacity = pool.nodes()[f"{LAB_CLOUD}-demo"].capacity()
    assert capacity.vcpus is None
    assert capacity.free_machines
    pool.close()


def test_calls_are_few(lab: Kit, node: OpenStackNode, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lab.spec()
    node.ensure_server(first, node.ensure_address(first))
    counted = Counted(node, monkeypatch)
    spec = lab.spec()
    address = node.ensure_address(spec)
    assert len(counted.sent) == 6
    node.ensure_server(spec, address)
    assert len(counted.sent) == 8  # one of them the ids of all servers
    counted.sent.clear()
    node.ensure_server(spec, node.ensure_address(spec))
    assert [line.split()[0] for line in counted.sent] == ["GET"] * 4
    counted.sent.clear()
    node.machines()
    assert len(counted.sent) == 1


@pytest.mark.parametrize("lost", range(1, 7))  # group, rules, port, floating IP, flavor, server
def test_an_answer_lost_after_any_create_leaves_no_double(
    lab: Kit, node: OpenStackNode, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """The request is carried out, its answer never comes: as when this process is killed just then."""
    spec = lab.spec(size=UNUSUAL)
    node.machines()  # the token is there
    session = node.raw().session.session
    send, sent = session.request, itertools.count(1)

    def request(method: str, url: str, **options: Any) -> Any:
        response = send(method, url, **options)
        if method == "POST" and next(sent) == lost:
            raise requests.exceptions.ReadTimeout("lost")
        return response

    with monkeypatch.context() as patch:
        patch.setattr(session, "request", request)
        with pytest.raises(NodeDown):
            node.ensure_server(spec, node.ensure_address(spec))
    server = node.ensure_server(spec, node.ensure_address(spec))
    assert lab.count(spec.mark) == {"security_group": 1, "port": 1, "floating_ip": 1, "server": 1}
    assert node.machines()[spec.mark].id == server
    assert len(node.cloud.security_groups.list(spec.mark)[0].rules) == 4


def test_networks_subnets_and_routers(cloud: Cloud, name: str, undo: list[Callable[[], Any]]) -> None:
    network = cloud.networks.create(name, "kws-test")
    undo.append(lambda: cloud.networks.delete(network.id))
    subnet = cloud.subnets.create(name, network.id, "10.77.0.0/24", dns=["9.9.9.9"])
    assert (subnet.network_id, subnet.cidr) == (network.id, "10.77.0.0/24")
    router = cloud.routers.create(name, "public", "kws-test")
    undo.append(lambda: cloud.routers.delete(router.id))
    cloud.routers.connect(name, name)
    assert cloud.routers.networks_of(router.id) == {network.id}
    cloud.routers.disconnect(name, name)
    cloud.routers.connect(name, name)  # deletion takes the interface off by itself
    assert cloud.networks.find(name).id == network.id


def test_a_rentals_own_network_is_released(lab: Kit, cloud: Cloud) -> None:
    spec = lab.spec()
    network = cloud.networks.create(spec.mark, spec.mark)
    cloud.subnets.create(spec.mark, network.id, "10.78.0.0/24", mark=spec.mark)
    cloud.routers.create(spec.mark, "public", spec.mark)
    cloud.routers.connect(spec.mark, spec.mark)
    assert lab.count(spec.mark) == {"network": 1, "router": 1}
    lab.until(lambda: not lab.node.release(spec.mark))


def test_keypairs_are_stored_and_released(lab: Kit, cloud: Cloud) -> None:
    spec = lab.spec()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1Cv7Yb4M1yb2YxLw3qkz1D0aXo1Rr5J0d8rXc1mU0v test"
    cloud.keypairs.create(spec.mark, key)
    assert cloud.keypairs.find(spec.mark).public_key == key
    assert lab.count(spec.mark) == {"keypair": 1}
    assert not lab.node.release(spec.mark)
    assert not cloud.keypairs.delete(spec.mark)


def test_images_are_uploaded_described_and_deleted(
    node: OpenStackNode, name: str, tmp_path: Path, undo: list[Callable[[], Any]]
) -> None:
    file = tmp_path / "disk.raw"
    file.write_bytes(b"\0" * 2048)
    made = node.cloud.images.create(f"rocky-{name}", file, "raw", properties={"kws_title": "Rocky"})
    undo.append(lambda: node.cloud.images.delete(made.id))
    assert (made.status, made.size_bytes) == ("active", 2048)
    node.cloud.images.change(made.id, {"kws_hidden": "true"})
    image = next(one for one in node.images() if one.id == made.id)
    assert (image.title, image.login, image.hidden) == ("Rocky", "rocky", True)


def test_a_name_that_two_things_share_is_refused(
    cloud: Cloud, name: str, undo: list[Callable[[], Any]]
) -> None:
    twins = [cloud.networks.create(name) for _ in range(2)]
    undo.extend(lambda twin=twin: cloud.networks.delete(twin.id) for twin in twins)  # type: ignore[misc]
    with pytest.raises(NodeRefused) as raised:
        cloud.networks.find(name)
    assert raised.value.reason == Refusal.INVALID
    assert all(twin.id in raised.value.detail for twin in twins)
    assert cloud.networks.find(twins[0].id) == twins[0]
