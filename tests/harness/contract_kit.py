"""What the contract's tests share: a node to try, a clock, a configuration."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.node_inside import NodeInside
from harness.openstack_stub import Stub
from openstack.config import OpenStackConfig

from kws_core.config import Config, parse_config
from kws_core.errors import NodeRefused, Refusal
from kws_core.nodes import Node
from kws_core.nodes.openstack.driver import OpenStackDriver
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.pool import Pool
from kws_core.nodes.values import (
    Address,
    ContainerSpec,
    Machine,
    MachineAction,
    MachineState,
    Rebuild,
    ServerSpec,
)
from kws_core.values import PortRange, Size

IMAGE = "debian-12"
NGINX, BUSYBOX = "nginx:latest", "busybox:latest"


def config_for(cloud: str, **openstack: object) -> Config:
    """A nodes.toml of one node, called as its cloud."""
    extra = "\n".join(f"{key} = {value!r}" for key, value in openstack.items())
    return parse_config(f"""
        [openstack]
        {extra}
        [sizes]
        small = {{ vcpus = 1, ram_mb = 512, disk_gb = 5 }}
        [[nodes]]
        name = "{cloud}"
        cloud = "{cloud}"
        vcpus = 8
        ram_mb = 8192
        disk_gb = 100
        """)


@contextmanager
def pool_on(stub: Stub, folder: Path, patch: pytest.MonkeyPatch, **openstack: object) -> Iterator[Pool]:
    """A Pool whose one node, "stub", is a stub of OpenStack; ``openstack`` are lines of that section."""
    patch.setenv("OS_CLIENT_CONFIG_FILE", str(stub.clouds_yaml(folder)))
    pool = Pool(config_for("stub", **openstack))
    yield pool
    pool.close()


def bare_node(config: Config, clouds: OpenStackConfig | None = None) -> OpenStackNode:
    """The first node of that configuration without its circuit breaker."""
    driver = OpenStackDriver(config, config.nodes, lambda: datetime.now(UTC), clouds)
    return driver.nodes()[config.nodes[0].name]


@contextmanager
def node_on(
    stub: Stub, folder: Path, patch: pytest.MonkeyPatch, **openstack: object
) -> Iterator[OpenStackNode]:
    """A node without its circuit breaker on a stub of OpenStack; ``openstack`` are lines of that section."""
    patch.setenv("OS_CLIENT_CONFIG_FILE", str(stub.clouds_yaml(folder)))
    node = bare_node(config_for("stub", **openstack))
    yield node
    node.close()


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Kit:
    """A node to try, and what differs between a fake and a real one."""

    def __init__(self, node: Node, inside: NodeInside, step: Callable[[], None], steps: int) -> None:
        self.node = node
        self._inside = inside
        self._step = step
        self._steps = steps
        self.marks: list[str] = []
        self._containers: list[str] = []

    def spec(self, image: str = IMAGE, size: Size | None = None, user_data: str = "") -> ServerSpec:
        """A new rental; whatever is made for it is released after the test."""
        mark = f"kws-test{secrets.token_hex(5)}"
        self.marks.append(mark)
        size = size or Size("small", 1, 512, 5)
        ports = (PortRange(80, 80), PortRange(6000, 6010, "udp"))
        return ServerSpec(mark, "web", image, size, user_data or "#cloud-config\n{}\n", "U0TEST", ports)

    def container(
        self, image: str = NGINX, command: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> ContainerSpec:
        """A new container; whatever is made for it is released after the test."""
        mark = f"kws-test{secrets.token_hex(5)}"
        self.marks.append(mark)
        size, ports = Size("small", 1, 64, 5), (PortRange(80, 80), PortRange(6000, 6010, "udp"))
        return ContainerSpec(mark, "web", image, size, command, environment or {}, "U0TEST", ports)

    def run(self, spec: ContainerSpec) -> str:
        """The whole way to a container, without waiting for it."""
        container = self.node.ensure_container(spec, self.node.ensure_address(spec))
        self._containers.append(container)
        return container

    def act(self, shown: Machine, action: MachineAction) -> None:
        """Ask for it until nothing else is under way there."""

        def accepted() -> bool:
            try:
                self.node.act(shown.kind, shown.id, action)
            except NodeRefused as error:
                if error.reason != Refusal.INVALID:
                    raise
                return False
            return True

        self.until(accepted)

    def lets_in_from(self, mark: str) -> set[str]:
        """CIDRs from which the mark's security group lets in everything."""
        return self._inside.lets_in_from(mark)

    def rebuild(self, again: Rebuild, address: Address) -> str:
        """Ask for it until nothing else is under way there, and what was there is gone."""
        made: list[str | None] = []

        def asked() -> bool:
            try:
                made.append(self.node.rebuild(again, address))
            except NodeRefused as error:
                if error.reason != Refusal.INVALID:
                    raise
            return bool(made and made[-1])

        self.until(asked)
        if isinstance(again.spec, ContainerSpec):
            self._containers.append(str(made[-1]))
        return str(made[-1])

    def rebuilds(self, server: str) -> int:
        """How often the node rebuilt that server."""
        return self._inside.rebuilds(server)

    def user_data_of(self, server: str) -> str:
        """What a first boot of the server would find."""
        return self._inside.user_data_of(server)

    def key_left_for(self, server: str) -> str:
        """What the server's metadata service would say of a new key."""
        return self._inside.key_left_for(server)

    def in_docker(self) -> list[str]:
        """Of the containers that run() made, those that Docker still has, whatever Zun says."""
        return self._inside.running(self._containers)

    def machine(self, mark: str) -> Machine | None:
        """What the node shows of the mark's machine."""
        return self.node.machines().get(mark)

    def until_state(self, mark: str, state: MachineState) -> Machine:
        """Wait for that state; fails at once when the machine is broken instead."""

        def is_so() -> bool:
            shown = self.machine(mark)
            if shown is not None and shown.state is MachineState.BROKEN is not state:
                pytest.fail(f"broken: {shown.fault}")
            return shown is not None and shown.state is state

        self.until(is_so)
        found = self.machine(mark)
        assert found is not None
        return found

    def until(self, happened: Callable[[], bool]) -> None:
        """Let time pass until ``happened()``; fails after a minute."""
        for _ in range(self._steps):
            if happened():
                return
            self._step()
        pytest.fail("it did not happen in time")

    def count(self, mark: str) -> Counter[str]:
        """How many of each kind carry the mark."""
        found = self.node.marked().get(mark)
        return Counter(kind for kind, _ in found.items) if found else Counter()

    def lose(self, mark: str, kind: str) -> None:
        """Delete the mark's things of one kind behind the node's back."""
        self._inside.lose(mark, kind)

    def release_all(self) -> None:
        """Everything that the test made. All at once: a container takes 10 s to stop."""
        left = set(self.marks)

        def gone() -> bool:
            left.difference_update([mark for mark in left if not self.node.release(mark)])
            return not left

        self.until(gone)
        assert self.in_docker() == []
