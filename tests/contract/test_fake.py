"""The node in memory: its faults, its limits, and that it shows what leaks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from harness.contract_kit import Clock

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import Address, ContainerSpec, Login, MachineAction, MachineState, ServerSpec
from kws_core.values import Kind, Size

LOGIN = Login("debian", None)

LOST = NodeDown("fake", Refusal.DOWN, "timeout")


def spec(mark: str, size: Size | None = None, image: str = "debian-12") -> ServerSpec:
    return ServerSpec(mark, "web", image, size or Size("small", 1, 512, 5), f"#cloud-config\n# {mark}\n")


def rent(node: Node, wanted: ServerSpec) -> str:
    return node.ensure_server(wanted, node.ensure_address(wanted))


def test_time_passes_only_by_the_clock(clock: Clock) -> None:
    node = FakeNode("fake", clock, build_seconds=10, boot_seconds=5, delete_seconds=3)
    wanted = spec("kws-1")
    address = node.ensure_address(wanted)
    node.ensure_server(wanted, address)
    assert node.machines()["kws-1"].state is MachineState.BUILDING
    clock.advance(10)
    assert node.machines()["kws-1"].state is MachineState.ACTIVE
    assert not node.check_login(address, LOGIN).accepted
    clock.advance(5)
    assert node.check_login(address, LOGIN).accepted
    assert node.release("kws-1").kinds() == ["port", "security_group", "server"]
    assert node.machines()["kws-1"].state is MachineState.DELETING
    clock.advance(3)
    assert node.machines() == {}
    assert node.release("kws-1").kinds() == []
    assert node.resources() == {}


def test_a_lost_answer_takes_effect(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    wanted = spec("kws-1")
    address = node.ensure_address(wanted)
    node.fail_next("ensure_server", LOST, after=True)
    with pytest.raises(NodeDown):
        node.ensure_server(wanted, address)
    server = node.machines()["kws-1"].id
    assert node.ensure_server(wanted, address) == server
    assert node.duplicates() == []


def test_a_failure_beforehand_has_no_effect(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    node.fail_next("ensure_address", LOST, times=2)
    for _ in range(2):
        with pytest.raises(NodeDown):
            node.ensure_address(spec("kws-1"))
    assert node.resources() == {}
    assert node.ensure_address(spec("kws-1"))
    assert node.calls == ["ensure_address"] * 3


def test_its_limits(clock: Clock) -> None:
    node = FakeNode("fake", clock, images=["debian-12"], vcpus=2, addresses=2)
    rent(node, spec("kws-1", Size("large", 2, 2048, 20)))
    capacity = node.capacity()
    assert (capacity.vcpus, capacity.used_vcpus, capacity.free_addresses) == (2, 2, 1)
    for wanted, reason in (
        (spec("kws-2", image="windows"), Refusal.NO_IMAGE),
        (spec("kws-2"), Refusal.NO_HOST),
        (spec("kws-3"), Refusal.NO_ADDRESS),
    ):
        with pytest.raises(NodeRefused) as raised:
            rent(node, wanted)
        assert raised.value.reason == reason
    with pytest.raises(NodeRefused):
        node.ensure_server(spec("kws-4", Size("tiny", 0, 1, 1)), Address("nowhere", "", ""))
    assert node.images()[0].login == "debian"


def test_a_machine_that_breaks(clock: Clock) -> None:
    node = FakeNode("fake", clock, build_seconds=1)
    node.break_next(Refusal.NO_HOST)
    rent(node, spec("kws-1"))
    assert node.machines()["kws-1"].state is MachineState.BUILDING
    clock.advance(1)
    machine = node.machines()["kws-1"]
    assert (machine.state, machine.refusal) == (MachineState.BROKEN, Refusal.NO_HOST)
    assert "No valid host" in machine.fault
    node.release("kws-1")
    rent(node, spec("kws-1"))
    assert node.duplicates() == []


def test_what_vanished_and_is_made_again_is_a_double(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    rent(node, spec("kws-1"))
    node.vanish("kws-1")
    assert node.resources()["kws-1"].kinds() == ["floating_ip", "port", "security_group"]
    rent(node, spec("kws-1"))
    assert node.duplicates() == ["kws-1"]
    assert node.user_data("kws-1") == "#cloud-config\n# kws-1\n"
    with pytest.raises(KeyError):
        node.user_data("kws-2")


def test_down_and_back(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    wanted = spec("kws-1")
    address = node.ensure_address(wanted)
    server = node.ensure_server(wanted, address)
    node.go_down()
    with pytest.raises(NodeDown):
        node.machines()
    assert not node.check_login(address, LOGIN).accepted
    node.come_back()
    assert node.machines()["kws-1"].id == server
    assert node.check_login(address, LOGIN).host_keys[0].startswith("SHA256:")
    assert node.host_keys(server) == []
    clock.advance(20)
    assert node.host_keys(server) == list(node.check_login(address, LOGIN).host_keys)


def test_planted_things_are_shown_and_can_be_released(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    node.plant("kws-leak")
    assert node.marked()["kws-leak"].kinds() == ["floating_ip", "port", "security_group", "server"]
    assert not node.release("kws-leak")


def container(mark: str, image: str = "nginx:latest", command: Sequence[str] = ()) -> ContainerSpec:
    return ContainerSpec(mark, "web", image, Size("small", 1, 512, 5), command, {"A": "b"})


def run(node: Node, wanted: ContainerSpec) -> str:
    return node.ensure_container(wanted, node.ensure_address(wanted))


def test_containers_break_as_in_zun_after_they_were_accepted(clock: Clock) -> None:
    node = FakeNode("fake", clock, vcpus=1, build_seconds=2, registry=("busybox:latest",))
    cases = {
        "kws-1": (container("kws-1"), Refusal.NO_IMAGE),
        "kws-2": (container("kws-2", "busybox:latest", ["no-such-command"]), Refusal.INVALID),
        "kws-3": (container("kws-3", "busybox:latest"), None),
        "kws-4": (container("kws-4", "busybox:latest"), Refusal.NO_HOST),
    }
    for wanted, _ in cases.values():
        run(node, wanted)
    assert {one.state for one in node.machines().values()} == {MachineState.BUILDING}
    clock.advance(2)
    assert {m: one.refusal for m, one in node.machines().items()} == {m: why for m, (_, why) in cases.items()}
    assert node.capacity().used_vcpus == 1
    assert node.duplicates() == []


def test_a_container_that_ends_is_stopped_and_can_be_started(clock: Clock) -> None:
    node = FakeNode("fake", clock, boot_seconds=3)
    wanted = container("kws-1")
    run(node, wanted)
    node.end("kws-1", 3)
    shown = node.machines()["kws-1"]
    assert (shown.state, shown.fault) == (MachineState.STOPPED, "Exited(3) 1 second ago")
    node.act(Kind.CONTAINER, shown.id, MachineAction.START)
    address = node.ensure_address(wanted)
    assert node.machines()["kws-1"].state is MachineState.ACTIVE
    assert not node.check_login(address, LOGIN).accepted
    clock.advance(3)
    assert node.check_login(address, LOGIN).accepted
    assert node.spec("kws-1") == wanted


def test_faults_of_the_newer_calls(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    wanted = container("kws-1")
    address = node.ensure_address(wanted)
    for method in ("ensure_container", "act", "console"):
        node.fail_next(method, LOST, after=method == "ensure_container")
    with pytest.raises(NodeDown):
        node.ensure_container(wanted, address)
    machine = node.machines()["kws-1"].id
    assert node.ensure_container(wanted, address) == machine
    with pytest.raises(NodeDown):
        node.act(Kind.CONTAINER, machine, MachineAction.STOP)
    assert node.machines()["kws-1"].state is MachineState.ACTIVE
    with pytest.raises(NodeDown):
        node.console(Kind.CONTAINER, machine, 5)
    node.vanish("kws-1", "container")
    assert node.machines() == {}


def test_a_console_has_what_was_written(clock: Clock) -> None:
    node = FakeNode("fake", clock, build_seconds=1)
    machine = rent(node, spec("kws-1"))
    assert node.console(Kind.SERVER, machine, 5) == ""
    with pytest.raises(NodeRefused):
        node.act(Kind.SERVER, machine, MachineAction.STOP)
    clock.advance(1)
    node.write("kws-1", "one\ntwo\n")
    assert node.console(Kind.SERVER, machine, 2) == "one\ntwo\n"


def test_a_broken_container_by_order(clock: Clock) -> None:
    node = FakeNode("fake", clock)
    node.break_next(Refusal.FAILED)
    run(node, container("kws-1"))
    assert node.machines()["kws-1"].refusal == Refusal.FAILED


def test_a_server_takes_its_new_key_when_it_boots(clock: Clock) -> None:
    node = FakeNode("fake", clock, build_seconds=3)
    spec = ServerSpec("kws-1", "web", "debian-12", Size("small", 1, 512, 5), "ssh-ed25519 OLD kws-web")
    server = node.ensure_server(spec, node.ensure_address(spec))
    with pytest.raises(NodeRefused) as refused:
        node.put_key(server, "ssh-ed25519 NEW")
    assert refused.value.reason == Refusal.INVALID, "it is still being built"
    clock.advance(3)
    node.put_key(server, "ssh-ed25519 NEW")
    assert (node.opens("kws-1", "ssh-ed25519 OLD"), node.opens("kws-1", "ssh-ed25519 NEW")) == (True, False)
    node.act(Kind.SERVER, server, MachineAction.START)  # it runs: no boot
    assert node.opens("kws-1", "ssh-ed25519 OLD")
    node.act(Kind.SERVER, server, MachineAction.REBOOT)
    assert (node.opens("kws-1", "ssh-ed25519 OLD"), node.opens("kws-1", "ssh-ed25519 NEW")) == (False, True)
