"""All nodes of nodes.toml, made by their drivers, each behind its own circuit breaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from kws_core.config import Config
from kws_core.errors import ConfigError
from kws_core.nodes import Node
from kws_core.nodes.circuit_breaker import CircuitBreaker, GuardedNode
from kws_core.nodes.importer import Importer
from kws_core.nodes.registry import Driver, DriverFactory, load_driver


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Pool:
    """The nodes by name, in the order of nodes.toml.

    Making a Pool reads no file, makes no network call and imports no backend's library; all of that waits for
    the first use. ``drivers`` are taken in place of those of the registry.
    """

    def __init__(
        self,
        config: Config,
        now: Callable[[], datetime] = _utc_now,
        drivers: Mapping[str, DriverFactory] | None = None,
    ) -> None:
        own = drivers or {}
        self._drivers: list[Driver] = []
        bare: dict[str, Node] = {}
        for name in dict.fromkeys(section.driver for section in config.nodes):
            sections = [section for section in config.nodes if section.driver == name]
            driver = (own.get(name) or load_driver(name))(config, sections, now)
            self._drivers.append(driver)
            bare.update(driver.nodes())
        self._nodes = {
            section.name: GuardedNode(bare[section.name], CircuitBreaker(now)) for section in config.nodes
        }

    def nodes(self) -> dict[str, GuardedNode]:
        """Every node behind its own breaker, by name; always the same objects."""
        return dict(self._nodes)

    def importers(self) -> dict[str, Importer]:
        """For taking over what is there, by name."""
        return {name: one for driver in self._drivers for name, one in driver.importers().items()}

    def credentials_files(self) -> list[str]:
        """Every file that credentials are read from; ConfigError when one can't be read."""
        return [file for driver in self._drivers if (file := driver.credentials_file())]

    def unusable(self) -> dict[str, str]:
        """The nodes that can't be logged in to with their credentials, and why; they are down. No network."""
        return {name: why for driver in self._drivers for name, why in driver.unusable().items()}

    def check(self) -> list[str]:
        """Return a line for each node that its credentials can't log in to. Uses no network.

        ConfigError when nodes.toml names credentials that are not there, or when no node is left.

        Raises:
            ConfigError: If clouds.yaml has mistakes, or no node is left.
        """
        problems = [problem for driver in self._drivers for problem in driver.problems()]
        unusable = list(self.unusable().values())
        if problems or len(unusable) == len(self._nodes):
            raise ConfigError(list(dict.fromkeys([*problems, *unusable])))
        return unusable

    def close(self) -> None:
        """Drop every connection."""
        for node in self._nodes.values():
            node.close()
