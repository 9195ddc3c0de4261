"""What the contract's tests share: a node to try, a clock, a configuration."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kws_core.config import Config, parse_config
from kws_core.nodes import Node, PortRange, ServerSpec, Size
from kws_core.nodes.fake import FakeNode
from kws_core.nodes.openstack import OpenStackNode

IMAGE = "debian-12"


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

    def __init__(self, node: Node, step: Callable[[], None], steps: int) -> None:
        self.node = node
        self._step = step
        self._steps = steps
        self._marks: list[str] = []

    def spec(self, image: str = IMAGE, size: Size | None = None, user_data: str = "") -> ServerSpec:
        """A new rental; whatever is made for it is released after the test."""
        mark = f"kws-test{secrets.token_hex(5)}"
        self._marks.append(mark)
        size = size or Size("small", 1, 512, 5)
        ports = (PortRange(80, 80), PortRange(6000, 6010, "udp"))
        return ServerSpec(mark, "web", image, size, user_data or "#cloud-config\n{}\n", "U0TEST", ports)

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
        if isinstance(self.node, FakeNode):
            self.node.vanish(mark, kind)
            return
        assert isinstance(self.node, OpenStackNode)
        cloud = self.node.cloud
        deletions = {
            "floating_ip": cloud.addresses.delete,
            "port": cloud.ports.delete,
            "security_group": cloud.security_groups.delete,
        }
        for found, resource_id in self.node.marked()[mark].items:
            if found == kind:
                deletions[kind](resource_id)

    def release_all(self) -> None:
        """Everything that the test made."""
        for mark in self._marks:
            self.until(lambda mark=mark: not self.node.release(mark))  # type: ignore[misc]
