"""The OpenStack nodes of nodes.toml: their entries in clouds.yaml, and one long-lived connection each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING

from kws_core.config import Config, NodeSection
from kws_core.nodes.openstack.connection import NodeConnection, read_clouds, unknown_cloud
from kws_core.nodes.openstack.importer import OpenStackImporter
from kws_core.nodes.openstack.node import OpenStackNode

if TYPE_CHECKING:
    from openstack.config import OpenStackConfig


class OpenStackDriver:
    """See :class:`kws_core.nodes.registry.Driver`.

    Making one imports no OpenStack library: that waits for the first use. ``clouds`` replaces the clouds.yaml of
    the usual search path.
    """

    def __init__(
        self,
        config: Config,
        sections: Sequence[NodeSection],
        now: Callable[[], datetime],
        clouds: OpenStackConfig | None = None,
    ) -> None:
        self._clouds = clouds
        self._lock = RLock()
        self.connections = {
            section.name: NodeConnection(section.name, section.cloud, config.openstack, self._read)
            for section in sections
        }
        self._nodes = {
            name: OpenStackNode(name, connection, config.openstack, now)
            for name, connection in self.connections.items()
        }

    def nodes(self) -> Mapping[str, OpenStackNode]:
        """See Driver."""
        return self._nodes

    def importers(self) -> Mapping[str, OpenStackImporter]:
        """See Driver."""
        return {name: _importer(node) for name, node in self._nodes.items()}

    def problems(self) -> Sequence[str]:
        """See Driver: a line for each node whose ``cloud`` clouds.yaml does not have."""
        clouds = self._read()
        problems = [unknown_cloud(clouds, one.name, one.cloud) for one in self.connections.values()]
        return [problem for problem in problems if problem]

    def credentials_file(self) -> str:
        """See Driver: the clouds.yaml that is read."""
        return str(self._read().config_filename or "")

    def _read(self) -> OpenStackConfig:
        with self._lock:
            if self._clouds is None:
                self._clouds = read_clouds()
            return self._clouds


def _importer(node: OpenStackNode) -> OpenStackImporter:
    return OpenStackImporter(node.name, lambda: node.cloud)
