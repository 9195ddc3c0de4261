"""The OpenStack nodes of nodes.toml: their entries in clouds.yaml, and one long-lived connection each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING

from kws_core.config import Config, NodeSection
from kws_core.errors import ConfigError
from kws_core.nodes.openstack.connection import NodeConnection
from kws_core.nodes.openstack.credentials.reader import login_problem, read_clouds, stamp, unknown_cloud
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
        self._given = clouds
        self._clouds: OpenStackConfig | None = None
        self._stamp: list[tuple[int, int]] = []
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

    def unusable(self) -> Mapping[str, str]:
        """See Driver: also when the whole file can't be read."""
        try:
            clouds = self._read()
        except ConfigError as error:
            return dict.fromkeys(self.connections, "; ".join(error.problems))
        found = {name: login_problem(clouds, name, one.cloud) for name, one in self.connections.items()}
        return {name: problem for name, problem in found.items() if problem}

    def credentials_file(self) -> str:
        """See Driver: the clouds.yaml that is read."""
        return str(self._read().config_filename or "")

    def _read(self) -> OpenStackConfig:
        """As it is now: who mends the file need not start KWS again. Connections that work are kept."""
        with self._lock:
            if self._given:
                return self._given
            if self._clouds is None or not self._stamp or stamp(self._clouds) != self._stamp:
                self._clouds = None  # what it was before counts no more, whatever comes of it
                self._clouds = read_clouds()
                self._stamp = stamp(self._clouds)
            return self._clouds


def _importer(node: OpenStackNode) -> OpenStackImporter:
    return OpenStackImporter(node.name, lambda: node.cloud)
