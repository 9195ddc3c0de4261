"""What the contract's tests see and do inside a node, past the interface that they test.

A new driver adds a class here; its fixture in ``tests/contract/conftest.py`` hands it to the ``Kit``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Protocol

from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.openstack.node import OpenStackNode
from kws_core.nodes.values import ServerSpec


class NodeInside(Protocol):
    """One node, as its own administrator sees it."""

    def lets_in_from(self, mark: str) -> set[str]:
        """CIDRs from which the mark's security group lets in everything."""

    def key_left_for(self, server: str) -> str:
        """The public key in the server's metadata, "" if there is none."""

    def rebuilds(self, server: str) -> int:
        """How often the server was rebuilt."""

    def user_data_of(self, server: str) -> str:
        """The user data that its next first boot would find."""

    def lose(self, mark: str, kind: str) -> None:
        """Delete the mark's resources of one kind."""

    def running(self, containers: Sequence[str]) -> list[str]:
        """Those of the containers that the node's container engine still has. May say nothing."""


class FakeInside:
    """The node in memory."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node

    def lets_in_from(self, mark: str) -> set[str]:
        return {thing.inside for thing in self._node.network if thing.mark == mark and thing.inside}

    def key_left_for(self, server: str) -> str:
        return self._node.servers[server].key

    def rebuilds(self, server: str) -> int:
        return sum(mark == self._node.servers[server].spec.mark for mark, _ in self._node.rebuilt)

    def user_data_of(self, server: str) -> str:
        spec = self._node.servers[server].spec
        assert isinstance(spec, ServerSpec)
        return spec.user_data

    def lose(self, mark: str, kind: str) -> None:
        self._node.vanish(mark, kind)

    def running(self, containers: Sequence[str]) -> list[str]:
        return []


class OpenStackInside:
    """A real node, through its APIs and Docker."""

    def __init__(self, node: OpenStackNode) -> None:
        self._node = node

    def lets_in_from(self, mark: str) -> set[str]:
        (group,) = self._node.cloud.security_groups.list(mark)
        return {rule.source for rule in group.rules if rule.source and not rule.protocol}

    def key_left_for(self, server: str) -> str:
        return self._node.cloud.servers.get(server).metadata.get("kws_key", "")

    def rebuilds(self, server: str) -> int:
        actions = self._node.raw().compute.get(f"/servers/{server}/os-instance-actions").json()
        return sum(one["action"] == "rebuild" for one in actions["instanceActions"])

    def user_data_of(self, server: str) -> str:
        return self._node.cloud.servers.user_data(server)

    def lose(self, mark: str, kind: str) -> None:
        cloud = self._node.cloud
        deletions = {
            "floating_ip": cloud.addresses.delete,
            "port": cloud.ports.delete,
            "security_group": cloud.security_groups.delete,
            "container": lambda container: cloud.containers.delete(container, stop=True),
        }
        for found, resource_id in self._node.marked()[mark].items:
            if found == kind:
                deletions[kind](resource_id)

    def running(self, containers: Sequence[str]) -> list[str]:
        if not os.environ.get("KWS_TEST_DOCKER"):
            return []
        command = ["docker", "-H", os.environ["KWS_TEST_DOCKER"], "ps", "-a", "--format", "{{.Names}}"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [container for container in containers if container in shown]
