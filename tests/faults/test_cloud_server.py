"""The local OpenStack is one to the real node: what it makes is there, what is released is gone, faults strike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.cloud_server import CloudServer
from harness.contract_kit import bare_node, config_for
from harness.openstack_stub import Answer, write_clouds
from harness.world import Clock

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.values import Address, Machine, MachineState, Resize, ResizeState, ServerSpec
from kws_core.values import Kind, PortRange, ResizeEnd, Size

SPEC = ServerSpec(
    "kws-1", "web", "debian-12", Size("small", 1, 512, 5), "#cloud-config\nssh-ed25519 AAAA\n", open_ports=(PortRange(80, 80),)
)  # fmt: skip
CLASH = Answer(409, {"NeutronError": {"type": "Conflict", "message": "busy", "detail": ""}})
WHOLE = ["floating_ip", "port", "security_group", "server"]


@pytest.fixture
def cloud(clock: Clock) -> Iterator[CloudServer]:
    with CloudServer("cloud", clock) as server:
        yield server


@pytest.fixture
def node(cloud: CloudServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(write_clouds(tmp_path, cloud=cloud.url)))
    node = bare_node(config_for("cloud", ready_check="active", read_timeout=0.5))
    yield node
    node.close()


def built(node: Node) -> str:
    return node.ensure_server(SPEC, node.ensure_address(SPEC))


def test_a_life(cloud: CloudServer, node: Node, clock: Clock) -> None:
    assert node.capacity().free_addresses == 50
    server = built(node)
    assert built(node) == server
    assert node.machines()["kws-1"].state is MachineState.BUILDING
    clock.advance(seconds=4)
    assert node.machines()["kws-1"].state is MachineState.ACTIVE
    assert node.marked()["kws-1"].kinds() == WHOLE == cloud.resources()["kws-1"].kinds()
    assert cloud.opens("kws-1", "ssh-ed25519 AAAA") and not cloud.opens("kws-1", "ssh-ed25519 BBBB")
    assert (node.capacity().used_vcpus, node.capacity().free_addresses) == (1, 49)
    for _ in range(3):
        node.release("kws-1")
        clock.advance(seconds=3)
    assert cloud.resources() == {} and not node.marked() and node.tidy() == []


def test_a_server_is_requested_on_its_port_beside_the_rest(cloud: CloudServer, node: Node) -> None:
    servers: list[str] = []
    address = node.ensure_address(
        SPEC, lambda port_id: servers.append(node.ensure_server(SPEC, Address(port_id, "", "")))
    )
    assert servers == [node.ensure_server(SPEC, address)]
    assert node.marked()["kws-1"].kinds() == WHOLE == cloud.resources()["kws-1"].kinds()


def test_done_but_never_said(cloud: CloudServer, node: Node) -> None:
    cloud.trouble(Answer(cut=True), "POST", "/servers$", times=1, after=True)
    with pytest.raises(NodeDown):
        built(node)
    built(node)
    assert (cloud.duplicates(), cloud.faced) == ([], 1)


def test_refusals_of_its_own(cloud: CloudServer, node: Node) -> None:
    cloud.stock.instances = 0
    with pytest.raises(NodeRefused) as raised:
        built(node)
    assert raised.value.reason == Refusal.QUOTA
    cloud.stock.pool = []
    cloud.stock.network["floatingips"].clear()
    with pytest.raises(NodeRefused) as raised:
        node.ensure_address(SPEC)
    assert raised.value.reason == Refusal.NO_ADDRESS


def test_tokens_die(cloud: CloudServer, node: Node) -> None:
    node.ping()
    cloud.forget_tokens()
    built(node)
    assert cloud.count("POST", "/auth/tokens") >= 2


def test_silence_and_refusal_end(cloud: CloudServer, node: Node) -> None:
    built(node)
    cloud.trouble(Answer(silent=True))
    with pytest.raises(NodeDown):
        node.machines()
    cloud.well()
    assert "kws-1" in node.machines()
    cloud.refuse()
    with pytest.raises(NodeDown):
        node.machines()
    cloud.listen()
    assert "kws-1" in node.machines()


def test_a_server_breaks_and_another_can_not_be_deleted(cloud: CloudServer, node: Node, clock: Clock) -> None:
    cloud.stock.next_faults = ["No valid host was found."]
    built(node)
    clock.advance(seconds=4)
    assert node.machines()["kws-1"].refusal is Refusal.NO_HOST
    cloud.stock.stuck = True
    node.release("kws-1")
    clock.advance(hours=1)
    assert "server" in node.release("kws-1").kinds()
    cloud.stock.stuck = False
    node.release("kws-1")
    assert not node.release("kws-1")


def test_rules_that_are_there_already_are_no_conflict(cloud: CloudServer, node: Node) -> None:
    cloud.trouble(
        CLASH, "POST", "/security-group-rules$", times=1, after=True
    )  # as if another process were faster
    built(node)
    (group,) = cloud.stock.network["security-groups"].values()
    assert len([rule for rule in group["security_group_rules"] if rule["direction"] == "ingress"]) == 3


def test_a_group_without_its_rules_is_refused(cloud: CloudServer, node: Node) -> None:
    """Any other conflict would leave a server that nobody can reach, and that is called ready."""
    cloud.trouble(CLASH, "POST", "/security-group-rules$")
    with pytest.raises(NodeRefused):
        built(node)


LARGE = Size("large", 2, 2048, 20)


def shown(node: Node) -> Machine:
    return node.machines()["kws-1"]


@pytest.mark.parametrize("end", list(ResizeEnd))
def test_another_size(cloud: CloudServer, node: Node, clock: Clock, end: ResizeEnd) -> None:
    server = built(node)
    clock.advance(seconds=4)
    for _ in range(2):
        node.act(Kind.SERVER, server, Resize(LARGE))
        assert (shown(node).resize, shown(node).size) == (
            ResizeState.UNDER_WAY,
            Size("kws-1c-512m-5g", 1, 512, 5),
        )
    with pytest.raises(NodeRefused) as refused:
        node.act(Kind.SERVER, server, end)
    assert refused.value.reason == Refusal.INVALID
    assert node.tidy() == [], "a flavor that it is to have, or had, is not unused"
    clock.advance(seconds=3)
    assert (shown(node).resize, shown(node).state) == (ResizeState.UNCONFIRMED, MachineState.ACTIVE)
    assert node.capacity().used_vcpus == 3
    node.act(Kind.SERVER, server, end)
    clock.advance(seconds=3)
    node.act(Kind.SERVER, server, end)
    (unused, used) = ("kws-1c-512m-5g", "kws-2c-2048m-20g")
    size = Size(used, 2, 2048, 20)
    if end is ResizeEnd.REVERT:
        unused, used, size = used, unused, Size(unused, 1, 512, 5)
    assert (shown(node).resize, shown(node).size, node.tidy()) == (None, size, [unused])
    (made,) = cloud.stock.servers.values()
    assert made.resizes == ["kws-2c-2048m-20g", f"{end}Resize"]


def test_no_host_for_another_size(cloud: CloudServer, node: Node, clock: Clock) -> None:
    server = built(node)
    clock.advance(seconds=4)
    cloud.stock.resizes = False
    node.act(Kind.SERVER, server, Resize(LARGE))
    clock.advance(seconds=3)
    assert (shown(node).resize, shown(node).size) == (None, Size("kws-1c-512m-5g", 1, 512, 5))
    no = Answer(400, {"badRequest": {"code": 400, "message": "No valid host was found. No valid host found"}})
    cloud.trouble(no, "POST", "/action$", times=1)
    with pytest.raises(NodeRefused) as refused:
        node.act(Kind.SERVER, server, Resize(LARGE))
    assert refused.value.reason == Refusal.NO_HOST, "an older Nova says so at once"


def test_a_flavor_that_somebody_deleted_is_made_again_for_a_resize(
    cloud: CloudServer, node: Node, clock: Clock
) -> None:
    server = built(node)
    clock.advance(seconds=4)
    node.act(Kind.SERVER, server, Resize(LARGE))
    clock.advance(seconds=3)
    node.act(Kind.SERVER, server, ResizeEnd.REVERT)
    clock.advance(seconds=3)
    cloud.stock.flavors = {key: one for key, one in cloud.stock.flavors.items() if one["vcpus"] == 1}
    node.act(Kind.SERVER, server, Resize(LARGE))
    assert shown(node).resize is ResizeState.UNDER_WAY


def test_nova_does_not_show_that_it_is_confirming(cloud: CloudServer, node: Node, clock: Clock) -> None:
    server = built(node)
    clock.advance(seconds=4)
    node.act(Kind.SERVER, server, Resize(LARGE))
    clock.advance(seconds=3)
    no = Answer(400, {"badRequest": {"code": 400, "message": "Instance has not been resized."}})
    cloud.trouble(no, "POST", "/action$", times=1)
    node.act(Kind.SERVER, server, ResizeEnd.CONFIRM)
    assert cloud.faced == 1
    assert shown(node).resize is ResizeState.UNCONFIRMED
