"""What a node has and what our project may use: Placement, hypervisors, quotas, free addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kws_core.nodes.openstack.api.rest import Json, Rest
from kws_core.nodes.openstack.api.types import Hardware, Usage

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
        hosts = self._rest.pages("compute", "/os-hypervisors", "hypervisors", version=_HYPERVISORS)
        novas = {str(host.get("id")) for host in hosts}  # since 2.53 the provider's id
        for provider in self._rest.pages("placement", "/resource_providers", "resource_providers"):
            path = f"/resource_providers/{provider['uuid']}"
            inventories = self._rest.get("placement", f"{path}/inventories").get("inventories") or {}
            usages = self._rest.get("placement", f"{path}/usages").get("usages") or {}
            for name in _CLASSES:
                totals[name] += _lendable(inventories.get(name)) if provider["uuid"] in novas else 0
                used[name] += int(usages.get(name) or 0)
        return Hardware(*(Usage(totals[name], used[name]) for name in _CLASSES))

    def hypervisors(self) -> Hardware:
        """From Nova, without ratios and reservations. Needs the admin role."""
        path = "/os-hypervisors/detail"
        found = self._rest.pages("compute", path, "hypervisors", version=_HYPERVISORS)
        pairs = (("vcpus", "vcpus_used"), ("memory_mb", "memory_mb_used"), ("local_gb", "local_gb_used"))
        return Hardware(*(Usage(_sum(found, total), _sum(found, used)) for total, used in pairs))

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


def _sum(entries: list[Json], key: str) -> int:
    return sum(int(entry.get(key) or 0) for entry in entries)


def _usage(limit: Any, used: Any) -> Usage:
    total = -1 if limit is None else int(limit)
    return Usage(None if total < 0 else total, int(used or 0))
