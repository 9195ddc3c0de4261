"""What a node has and what our project may use: Placement, hypervisors, quotas, free addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kws_core.nodes.openstack.api.rest import Json, Rest
from kws_core.nodes.openstack.api.types import Hardware, Usage
from kws_core.values import HostCapacity

_CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
_HYPERVISORS = "2.87"  # the last microversion that tells vCPUs, memory and disk


class Limits:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def placement(self) -> Hardware:
        """From Placement: totals with the allocation ratio, less what is reserved. Needs the admin role.

        Zun reports the same PC once more, as a provider of its own: it counts for what is used only.
        """
        totals, used = dict.fromkeys(_CLASSES, 0), dict.fromkeys(_CLASSES, 0)
        found: list[HostCapacity] = []
        hosts = self._rest.pages("compute", "/os-hypervisors", "hypervisors", version=_HYPERVISORS)
        novas = {str(host.get("id")): host for host in hosts}  # since 2.53 the provider's id
        for provider in self._rest.pages("placement", "/resource_providers", "resource_providers"):
            path = f"/resource_providers/{provider['uuid']}"
            inventories = self._rest.get("placement", f"{path}/inventories").get("inventories") or {}
            usages = self._rest.get("placement", f"{path}/usages").get("usages") or {}
            for name in _CLASSES:
                totals[name] += _lendable(inventories.get(name)) if provider["uuid"] in novas else 0
                used[name] += int(usages.get(name) or 0)
            if _takes(novas.get(provider["uuid"])):
                found.append(_host(inventories, usages))
        vcpus, ram_mb, disk_gb = (Usage(totals[name], used[name]) for name in _CLASSES)
        return Hardware(vcpus, ram_mb, disk_gb, found)

    def hypervisors(self) -> Hardware:
        """From Nova, without ratios and reservations. Needs the admin role."""
        path = "/os-hypervisors/detail"
        found = self._rest.pages("compute", path, "hypervisors", version=_HYPERVISORS)
        pairs = (("vcpus", "vcpus_used"), ("memory_mb", "memory_mb_used"), ("local_gb", "local_gb_used"))
        hosts = [_hypervisor(host, pairs) for host in found if _takes(host)]
        vcpus, ram_mb, disk_gb = (Usage(_sum(found, total), _sum(found, used)) for total, used in pairs)
        return Hardware(vcpus, ram_mb, disk_gb, hosts)

    def compute_quota(self) -> dict[str, Usage]:
        """Our project's ``instances``, ``cores`` and ``ram`` (MiB)."""
        absolute = self._rest.get("compute", "/limits").get("limits", {}).get("absolute", {})
        names = {"instances": "Instances", "cores": "Cores", "ram": "RAM"}
        return {
            key: _usage(
                absolute.get(f"maxTotal{word}{'Size' if key == 'ram' else ''}"),
                absolute.get(f"total{word}Used"),
            )
            for key, word in names.items()
        }

    def network_quota(self) -> dict[str, Usage]:
        """Our project's ``port``, ``floatingip``, ``security_group``, ``security_group_rule`` and so on."""
        body = self._rest.get("network", f"/quotas/{self._rest.project_id()}/details.json")
        quota: Mapping[str, Any] = body.get("quota") or {}
        return {
            name: _usage(entry.get("limit"), int(entry.get("used") or 0) + int(entry.get("reserved") or 0))
            for name, entry in quota.items()
            if isinstance(entry, Mapping)
        }

    def addresses(self, network_id: str) -> Usage:
        """Addresses of a network that can be handed out. Needs the admin role by default."""
        body = self._rest.get("network", f"/network-ip-availabilities/{network_id}")
        entry = body.get("network_ip_availability") or {}
        return Usage(int(entry.get("total_ips") or 0), int(entry.get("used_ips") or 0))


def _lendable(inventory: Any) -> int:
    entry = inventory or {}
    left = int(entry.get("total") or 0) - int(entry.get("reserved") or 0)
    return int(left * float(entry.get("allocation_ratio") or 1.0))


def _takes(host: Json | None) -> bool:
    """Whether a hypervisor is there, and its service is not disabled."""
    return host is not None and host.get("status") != "disabled"


def _host(inventories: Mapping[str, Any], usages: Mapping[str, Any]) -> HostCapacity:
    """``max_unit`` is what one server gets at most, however high the allocation ratio is."""
    most, free = [], []
    for name in _CLASSES:
        entry = inventories.get(name)
        lendable = _lendable(entry)
        one = min(lendable, int(entry.get("max_unit") or lendable)) if entry else None
        most.append(one)
        free.append(None if one is None else max(0, min(one, lendable - int(usages.get(name) or 0))))
    return HostCapacity(*most, *free)


def _hypervisor(host: Json, pairs: Iterable[tuple[str, str]]) -> HostCapacity:
    figures = [(int(host.get(total) or 0), int(host.get(used) or 0)) for total, used in pairs]
    return HostCapacity(*(total for total, _ in figures), *(max(0, total - used) for total, used in figures))


def _sum(entries: list[Json], key: str) -> int:
    return sum(int(entry.get(key) or 0) for entry in entries)


def _usage(limit: Any, used: Any) -> Usage:
    total = -1 if limit is None else int(limit)
    return Usage(None if total < 0 else total, int(used or 0))
