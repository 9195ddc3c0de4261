"""A node's capacity, from whichever of its services tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from kws_core.errors import NodeDown, NodeError, NodeRefused
from kws_core.nodes.concurrency import Workers
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Hardware, Usage
from kws_core.nodes.openstack.faults import status_of
from kws_core.nodes.values import Capacity

T = TypeVar("T")

# What a machine takes of each quota; rules: two that let out, SSH, ICMP, its own network, and some open ports.
PER_MACHINE = {
    "instances": 1,
    "cores": 1,
    "ram": 64,
    "port": 1,
    "floatingip": 1,
    "security_group": 1,
    "security_group_rule": 7,
}


class Measure:
    """Measures one node. Remembers what the credentials may not ask, so as not to ask in vain each time."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._not_admin: set[str] = set()

    def capacity(self, cloud: Cloud, external_id: Callable[[], str], at: datetime) -> Capacity:
        """Everything that can be measured; only Nova's own limits must answer."""
        limits = cloud.limits
        compute, network, hardware, free = self._workers.gather(
            limits.compute_quota,
            lambda: self._try("quota", limits.network_quota),
            lambda: self._hardware(cloud),
            lambda: self._try("addresses", lambda: limits.addresses(external_id()).free),
        )
        quota = network or {}
        pool = [free, quota["floatingip"].free if "floatingip" in quota else None]
        counted: dict[str, Any] = {}
        if hardware:
            counted = {
                "vcpus": hardware.vcpus.total,
                "ram_mb": hardware.ram_mb.total,
                "disk_gb": hardware.disk_gb.total,
                "used_vcpus": hardware.vcpus.used,
                "used_ram_mb": hardware.ram_mb.used,
                "used_disk_gb": hardware.disk_gb.used,
                "hosts": tuple(hardware.hosts),
            }
        return Capacity(
            at=at,
            free_addresses=_least(pool),
            free_machines=_machines(quota),
            free_servers=_machines(compute),
            **counted,
        )

    def _hardware(self, cloud: Cloud) -> Hardware | None:
        return self._try("placement", cloud.limits.placement) or self._try("nova", cloud.limits.hypervisors)

    def _try(self, what: str, ask: Callable[[], T]) -> T | None:
        """None where it can't be known: no such service, no admin role, or that service alone is down."""
        if what in self._not_admin:
            return None
        try:
            return ask()
        except (NodeDown, NodeRefused) as error:
            self._remember(what, error)
            return None

    def _remember(self, what: str, error: NodeError) -> None:
        if status_of(error) == 403:
            self._not_admin.add(what)


def _machines(quota: Mapping[str, Usage]) -> int | None:
    """How many machines the given quotas still allow."""
    return _least(
        [
            None if quota[name].free is None else quota[name].free // take  # type: ignore[operator]
            for name, take in PER_MACHINE.items()
            if name in quota
        ]
    )


def _least(values: list[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
