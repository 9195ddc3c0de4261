"""The drivers that a node of nodes.toml may name, and what KWS asks of one.

A driver knows one kind of backend: how its nodes are reached, and with which credentials. To add one, name it
in ``kws_core.config.NodeSection.driver`` and here; ``kws_core/nodes/fake/driver.py`` is the example to copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Protocol, cast

from kws_core.config import Config, NodeSection
from kws_core.nodes import Node
from kws_core.nodes.importer import Importer

# Names, not classes: a backend's libraries are imported when a node of nodes.toml needs them.
DRIVERS: Mapping[str, tuple[str, str]] = {
    "openstack": ("kws_core.nodes.openstack.driver", "OpenStackDriver"),
    "fake": ("kws_core.nodes.fake.driver", "FakeDriver"),
}


class Driver(Protocol):
    """All nodes of one backend. Making one reads no file and makes no network call."""

    def nodes(self) -> Mapping[str, Node]:
        """One node for each section, by name; always the same objects, which nothing guards yet."""

    def importers(self) -> Mapping[str, Importer]:
        """For taking over what is there, by name."""

    def problems(self) -> Sequence[str]:
        """A line for each node whose credentials nodes.toml names wrongly; ConfigError when they can't be read."""

    def unusable(self) -> Mapping[str, str]:
        """The nodes that can't be logged in to with what is configured, and why. Makes no network call."""

    def credentials_file(self) -> str:
        """The file that holds the credentials, "" when there is none; ConfigError when it can't be read."""


class DriverFactory(Protocol):
    """Makes the driver of these nodes, which are all of nodes.toml that name it."""

    def __call__(
        self, config: Config, sections: Sequence[NodeSection], now: Callable[[], datetime]
    ) -> Driver: ...


def load_driver(name: str) -> DriverFactory:
    """The driver of that name; KeyError when there is none."""
    module, attribute = DRIVERS[name]
    return cast(DriverFactory, getattr(import_module(module), attribute))
