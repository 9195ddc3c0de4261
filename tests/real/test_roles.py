"""What the credentials of a node must be able to do: docs/how-to/prepare-a-node.md says what this measures."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.contract_kit import bare_node
from openstack.config import OpenStackConfig
from own_project import INTERNAL, own_project

from kws_core.config import parse_config
from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes.openstack.faults import status_of
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.values import MachineAction, MachineState, NetworkSpec, ServerSpec
from kws_core.values import Kind, PortRange, Size

pytestmark = pytest.mark.openstack

TINY = Size("tiny", 1, 512, 1)  # the lab has a flavor of it: m1.tiny
ODD = Size("odd", 1, 640, 3)
TOML = """
[openstack]
ready_check = "active"
[sizes]
tiny = { vcpus = 1, ram_mb = 512, disk_gb = 1 }
[[nodes]]
name = "node2"
cloud = "node2"
vcpus = 4
ram_mb = 4096
disk_gb = 40
"""
NODE_MD = Path(__file__).parent.parent.parent / "docs/how-to/prepare-a-node.md"


def node_of(cloud: dict[str, Any], folder: Path) -> Iterator[OpenStackNode]:
    path = folder / "clouds.yaml"
    path.write_text(json.dumps({"clouds": {"node2": cloud}}))  # JSON is YAML
    node = bare_node(
        parse_config(TOML), OpenStackConfig(config_files=[str(path)], secure_files=[], load_envvars=False)
    )
    yield node
    node.close()


@pytest.fixture
def member(clouds: dict[str, Any], tmp_path: Path) -> Iterator[OpenStackNode]:
    """A node through an application credential with the role member and no other."""
    with own_project(clouds["node2"]) as project:
        yield from node_of(project.cloud, tmp_path)


@pytest.fixture
def reader(clouds: dict[str, Any], tmp_path: Path) -> Iterator[OpenStackNode]:
    """The same with the role reader only, in a project without networks."""
    with own_project(clouds["node2"], ("reader",), wired=False) as project:
        yield from node_of(project.cloud, tmp_path)


def spec_of(size: Size, network: NetworkSpec | None = None) -> ServerSpec:
    mark = f"kws-{secrets.token_hex(5)}"
    ports = (PortRange(80, 80),)
    return ServerSpec(
        mark, "web", "debian-12", size, "#cloud-config\n{}\n", "U0T", open_ports=ports, network=network
    )


def until(happened: Callable[[], bool]) -> None:
    for _ in range(240):
        if happened():
            return
        time.sleep(0.25)
    pytest.fail("it did not happen within a minute")


def refused(call: Callable[[], Any]) -> bool:
    """Whether the node says that we may not; some of Neutron's lists then are not there at all (404)."""
    try:
        call()
    except NodeRefused as error:
        return status_of(error) in (403, 404)
    return False


def test_a_member_can_do_all_that_a_rental_needs(member: OpenStackNode) -> None:
    own = NetworkSpec(f"kws-{secrets.token_hex(5)}", "mine", "10.78.0.0/24")
    for network in (None, own):
        spec = spec_of(TINY, network)
        address = member.ensure_address(spec)
        server = member.ensure_server(spec, address)
        until(lambda spec=spec: member.machines()[spec.mark].state is MachineState.ACTIVE)  # type: ignore[misc]
        member.put_key(server, "ssh-ed25519 AAAA kws")
        member.act(Kind.SERVER, server, MachineAction.STOP)
        until(lambda spec=spec: member.machines()[spec.mark].state is MachineState.STOPPED)  # type: ignore[misc]
        member.console(Kind.SERVER, server, 5)
        assert spec.mark in member.marked()
        until(lambda spec=spec: not member.release(spec.mark))  # type: ignore[misc]
    until(lambda: not member.release(own.mark))
    assert member.marked() == {}


def test_what_a_member_may_not(member: OpenStackNode, tmp_path: Path) -> None:
    cloud = member.cloud
    (tmp_path / "image").write_bytes(bytes(512))
    external = cloud.networks.find("public")
    made = spec_of(TINY)
    server = member.ensure_server(made, member.ensure_address(made))
    until(lambda: member.machines()[made.mark].state is MachineState.ACTIVE)
    asked: dict[str, Callable[[], Any]] = {
        "flavors.create": lambda: cloud.flavors.create("kws-1c-640m-3g", 1, 640, 3),
        "flavors.delete": lambda: cloud.flavors.delete("none-such"),
        "limits.placement": cloud.limits.placement,
        "limits.hypervisors": cloud.limits.hypervisors,
        "limits.addresses": lambda: cloud.limits.addresses(external.id),
        "servers.list of all projects": lambda: cloud.servers.list(all_projects=True),
        "servers.diagnostics": lambda: cloud.servers.cpu_seconds(server),
        "limits.compute_quota": cloud.limits.compute_quota,
        "limits.network_quota": cloud.limits.network_quota,
        "images.create for all projects": lambda: cloud.images.create(
            "kws-test", tmp_path / "image", "raw", "public"
        ),
        "images.create": lambda: cloud.images.delete(
            cloud.images.create("kws-test", tmp_path / "image", "raw").id
        ),
        "images.list": cloud.images.list,
        "flavors.list": cloud.flavors.list,
        "subnets.list": cloud.subnets.list,
        "keypairs.list": cloud.keypairs.list,
        "servers.list": cloud.servers.list,
    }
    not_allowed = {name for name, call in asked.items() if refused(call)}
    documented = set(re.findall(r"^\| `([a-z_. ]+)` \|", NODE_MD.read_text(), re.M))
    assert not_allowed == documented
    until(lambda: not member.release(made.mark))
    capacity = member.capacity()
    assert capacity.vcpus is None and capacity.free_servers and capacity.free_addresses
    spec = spec_of(ODD)
    address = member.ensure_address(spec)
    with pytest.raises(NodeRefused) as error:
        member.ensure_server(spec, address)
    until(lambda: not member.release(spec.mark))
    assert error.value.reason == Refusal.MISSING
    assert member.tidy() == []


def test_a_reader_can_rent_nothing(reader: OpenStackNode) -> None:
    reader.ping()
    assert [image.name for image in reader.images()] == ["debian-12"]
    assert refused(lambda: reader.cloud.networks.create(INTERNAL))
    assert refused(lambda: reader.cloud.security_groups.create("kws-none"))
