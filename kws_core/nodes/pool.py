"""All nodes of nodes.toml: one long-lived connection each, and the guarded nodes that work through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING

from kws_core.config import Config
from kws_core.errors import ConfigError
from kws_core.nodes.circuit_breaker import CircuitBreaker, GuardedNode
from kws_core.nodes.openstack.connection import NodeConnection, read_clouds, unknown_cloud
from kws_core.nodes.openstack.importer import OpenStackImporter
from kws_core.nodes.openstack.node import OpenStackNode

if TYPE_CHECKING:
    from openstack.config import OpenStackConfig

__all__ = ["CircuitBreaker", "GuardedNode", "NodeConnection", "Pool"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Pool:
    """One connection per node, named as in nodes.toml.

    Making a Pool reads no file, makes no network call and imports no OpenStack library; all of that
    waits for the first use. ``clouds`` replaces the clouds.yaml of the usual search path.
    For what KWS does not wrap: ``pool["node1"].openstack`` and ``pool["node1"].zun``.
    """

    def __init__(
        self, config: Config, clouds: OpenStackConfig | None = None, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self._clouds = clouds
        self._lock = RLock()
        self._connections = {
            node.name: NodeConnection(node.name, node.cloud, config.openstack, self._read)
            for node in config.nodes
        }
        self._bare = {
            name: OpenStackNode(name, connection, config.openstack, now)
            for name, connection in self._connections.items()
        }
        self._nodes = {name: GuardedNode(node, CircuitBreaker(now)) for name, node in self._bare.items()}

    def __getitem__(self, name: str) -> NodeConnection:
        """The node's connections; KeyError when nodes.toml has no such node."""
        return self._connections[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    def nodes(self) -> dict[str, GuardedNode]:
        """Every node behind its own breaker, by name; always the same objects."""
        return dict(self._nodes)

    def credentials_file(self) -> str:
        """The clouds.yaml that is read, "" when there is none; ConfigError when it can't be read."""
        return str(self._read().config_filename or "")

    def importers(self) -> dict[str, OpenStackImporter]:
        """For taking over what is there, by name."""
        return {name: _importer(node) for name, node in self._bare.items()}

    def check(self) -> None:
        """ConfigError with a line for each node whose ``cloud`` clouds.yaml does not have. No network."""
        clouds = self._read()
        problems = [unknown_cloud(clouds, c.name, c.cloud) for c in self._connections.values()]
        if any(problems):
            raise ConfigError([problem for problem in problems if problem])

    def close(self) -> None:
        """Drop every connection."""
        for node in self._nodes.values():
            node.close()

    def _read(self) -> OpenStackConfig:
        with self._lock:
            if self._clouds is None:
                self._clouds = read_clouds()
            return self._clouds


def _importer(node: OpenStackNode) -> OpenStackImporter:
    return OpenStackImporter(node.name, lambda: node.cloud)
