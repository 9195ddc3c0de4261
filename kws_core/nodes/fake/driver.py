"""The simulated nodes of nodes.toml, for trying KWS out; also the example of a driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from kws_core.config import Config, NodeSection
from kws_core.nodes.fake.importer import FakeImporter
from kws_core.nodes.fake.machines import REGISTRY
from kws_core.nodes.fake.node import FakeNode
from kws_core.values import Kind

# seconds that a node takes to build a machine, to boot it, to delete it, to stop it
BUILD, BOOT, DELETE, STOP = 2.0, 2.0, 1.0, 2.0


class FakeDriver:
    """See :class:`kws_core.nodes.registry.Driver`. Nodes in memory, each as large as its section says.

    What they hold is gone with the process.
    """

    def __init__(self, config: Config, sections: Sequence[NodeSection], now: Callable[[], datetime]) -> None:
        self._nodes = {section.name: _node(section, now) for section in sections}
        self._importers = {name: FakeImporter(node) for name, node in self._nodes.items()}

    def nodes(self) -> Mapping[str, FakeNode]:
        """See Driver."""
        return self._nodes

    def importers(self) -> Mapping[str, FakeImporter]:
        """See Driver."""
        return self._importers

    def problems(self) -> Sequence[str]:
        """See Driver: there is nothing to log in to."""
        return ()

    def unusable(self) -> Mapping[str, str]:
        """See Driver."""
        return {}

    def credentials_file(self) -> str:
        """See Driver."""
        return ""


def _node(section: NodeSection, now: Callable[[], datetime]) -> FakeNode:
    return FakeNode(
        section.name,
        now,
        vcpus=section.vcpus,
        ram_mb=section.ram_mb,
        disk_gb=section.disk_gb,
        build_seconds=BUILD,
        boot_seconds=BOOT,
        delete_seconds=DELETE,
        stop_seconds=STOP,
        resize_seconds=BUILD,
        registry=REGISTRY if Kind.CONTAINER in section.kinds else (),
    )
