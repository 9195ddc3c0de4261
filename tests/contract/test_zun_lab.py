"""What only a real Zun can show: the container's inside, its group, what it wrote, the calls counted."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from harness.contract_kit import BUSYBOX, Kit

from contract.test_openstack_lab import Counted
from kws_core.errors import NodeDown
from kws_core.nodes.openstack.api.types import Rule
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.values import MachineAction, MachineState
from kws_core.values import Kind

pytestmark = pytest.mark.openstack


@pytest.fixture
def node(lab_dock: Kit) -> OpenStackNode:
    assert isinstance(lab_dock.node, OpenStackNode)
    return lab_dock.node


def test_command_environment_size_and_labels_arrive(lab_dock: Kit, node: OpenStackNode) -> None:
    words = "echo $GREETING; echo 'to stderr' >&2; exec sleep 600"
    spec = lab_dock.container(BUSYBOX, ("sh", "-c", words), {"GREETING": "안녕 'you'"})
    container = lab_dock.run(spec)
    lab_dock.until_state(spec.mark, MachineState.ACTIVE)
    shown = next(one for one in node.cloud.containers.list() if one.id == container)
    assert shown.labels == {"kws_rental": spec.mark.removeprefix("kws-"), "kws_owner": "U0TEST"}
    assert sorted(node.console(Kind.CONTAINER, container, 10).splitlines()) == ["to stderr", "안녕 'you'"]
    assert len(node.console(Kind.CONTAINER, container, 1).splitlines()) <= 2  # Docker counts per stream


def test_only_the_open_ports_and_icmp_are_let_in(lab_dock: Kit, node: OpenStackNode) -> None:
    spec = lab_dock.container()
    address = node.ensure_address(spec)
    lab_dock.run(spec)
    lab_dock.until_state(spec.mark, MachineState.ACTIVE)
    (group,) = node.cloud.security_groups.list(spec.mark)
    assert group.rules == {Rule("icmp"), Rule("tcp", 80, 80), Rule("udp", 6000, 6010)}
    (port,) = node.cloud.ports.list(spec.mark)
    assert (port.id, port.security_group_ids) == (address.port_id, (group.id,))
    assert port.device_id == node.machines()[spec.mark].id


def test_one_that_ends_by_itself_is_stopped_and_tells_how(lab_dock: Kit, node: OpenStackNode) -> None:
    spec = lab_dock.container(BUSYBOX, ("sh", "-c", "echo done; exit 3"))
    container = lab_dock.run(spec)
    shown = lab_dock.until_state(spec.mark, MachineState.STOPPED)
    assert "done" in node.console(Kind.CONTAINER, container, 10)
    assert shown.refusal is None
    lab_dock.until(lambda: not node.release(spec.mark))
    assert lab_dock.in_docker() == []


def test_an_answer_that_is_lost_leaves_no_double(
    lab_dock: Kit, node: OpenStackNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = lab_dock.container()
    address = node.ensure_address(spec)
    node.machines()
    session = node.raw().session.session
    send = session.request

    def request(method: str, url: str, **options: Any) -> Any:
        response = send(method, url, **options)
        if method == "POST" and "/containers" in url:
            raise requests.exceptions.ReadTimeout("lost")
        return response

    with monkeypatch.context() as patch:
        patch.setattr(session, "request", request)
        with pytest.raises(NodeDown):
            node.ensure_container(spec, address)
    container = lab_dock.run(spec)
    assert lab_dock.count(spec.mark) == {"security_group": 1, "port": 1, "floating_ip": 1, "container": 1}
    assert node.machines()[spec.mark].id == container


def test_calls_are_few_and_it_is_quick(
    lab_dock: Kit, node: OpenStackNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lab_dock.container()
    lab_dock.run(first)  # what is remembered afterwards
    counted = Counted(node, monkeypatch)
    spec, started = lab_dock.container(), time.monotonic()
    address = node.ensure_address(spec)
    assert len(counted.sent) == 7
    container = node.ensure_container(spec, address)
    assert len(counted.sent) == 9
    accepted = time.monotonic() - started
    lab_dock.until_state(spec.mark, MachineState.ACTIVE)
    running = time.monotonic() - started
    counted.sent.clear()
    assert node.ensure_container(spec, node.ensure_address(spec)) == container
    assert [line.split()[0] for line in counted.sent] == ["GET"] * 4
    counted.sent.clear()
    node.machines()
    assert len(counted.sent) == 2
    counted.sent.clear()
    node.act(Kind.CONTAINER, container, MachineAction.START)
    assert [line.split()[0] for line in counted.sent] == ["GET"]
    counted.sent.clear()
    node.console(Kind.CONTAINER, container, 5)
    assert len(counted.sent) == 1
    started = time.monotonic()
    counted.sent.clear()
    node.release(spec.mark)
    first_pass = len(counted.sent)
    lab_dock.until(lambda: not node.release(spec.mark))
    print(
        f"accepted {accepted:.1f} s, running {running:.1f} s, gone {time.monotonic() - started:.1f} s, "
        f"a pass of release: {first_pass} calls"
    )


def test_what_zun_uses_is_no_hardware_of_its_own(lab_dock: Kit, node: OpenStackNode) -> None:
    before = node.capacity()
    hosts = node.cloud.limits.hypervisors()
    assert before.vcpus is not None and hosts.vcpus.total is not None
    assert before.vcpus % hosts.vcpus.total == 0  # a whole ratio of Nova's own, Zun's nowhere in it
    assert before.vcpus // hosts.vcpus.total <= 16
    spec = lab_dock.container()
    lab_dock.run(spec)
    lab_dock.until_state(spec.mark, MachineState.ACTIVE)
    assert node.capacity().vcpus == before.vcpus
