"""What one host gives to one server, as Placement counts it and as Nova does."""

from __future__ import annotations

from typing import Any

import pytest

from kws_core.nodes.openstack.api.limits import Limits
from kws_core.values import HostCapacity


class OneLab:
    """Answers like Placement and Nova of a lab with these hosts."""

    def __init__(self, **hosts: dict[str, Any]) -> None:
        self.hosts = hosts

    def pages(self, service: str, path: str, key: str, *args: Any, **more: Any) -> list[dict[str, Any]]:
        if path == "/resource_providers":
            return [{"uuid": name} for name in [*self.hosts, "zun"]]
        return [
            {"id": name, "status": "enabled", **host.get("nova", {})} for name, host in self.hosts.items()
        ]

    def get(self, service: str, path: str) -> dict[str, Any]:
        name, what = path.split("/")[2:]
        host = self.hosts.get(name, {"inventories": inventories(64, 9999, 999), "usages": {"VCPU": 1}})
        return {what: host.get(what, {})}


def inventories(vcpus: int, ram_mb: int, disk_gb: int, **more: Any) -> dict[str, Any]:
    """Of a host as Nova makes them: the largest allocation is what there is, whatever the ratio."""
    entries = {"VCPU": vcpus, "MEMORY_MB": ram_mb, "DISK_GB": disk_gb}
    found = {name: {"total": total, "max_unit": total} for name, total in entries.items()}
    for name, fields in more.items():
        found[name] |= fields
    return found


def host(vcpus: int, ram_mb: int, disk_gb: int, usages: dict[str, int] | None = None, **more: Any) -> Any:
    return {"inventories": inventories(vcpus, ram_mb, disk_gb, **more), "usages": usages or {}}


@pytest.mark.parametrize(
    ("one", "gives"),
    [
        (host(2, 13913, 251, VCPU={"allocation_ratio": 4.0}), HostCapacity(2, 13913, 251, 2, 13913, 251)),
        (host(2, 8192, 100, {"VCPU": 7}, VCPU={"allocation_ratio": 4.0}), HostCapacity(2, 8192, 100, 1, 8192, 100)),
        (host(4, 8192, 100, MEMORY_MB={"reserved": 2048}), HostCapacity(4, 6144, 100, 4, 6144, 100)),
        (host(4, 8192, 100, MEMORY_MB={"max_unit": 4096}), HostCapacity(4, 4096, 100, 4, 4096, 100)),
        (host(4, 8192, 100, DISK_GB={"allocation_ratio": 0.5}), HostCapacity(4, 8192, 50, 4, 8192, 50)),
        (host(4, 8192, 100, {"MEMORY_MB": 9000}), HostCapacity(4, 8192, 100, 4, 0, 100)),
    ],
    ids=["overcommitted", "nearly full", "reserved", "largest allocation", "undercommitted", "overfull"],
)  # fmt: skip
def test_what_one_server_gets(one: dict[str, Any], gives: HostCapacity) -> None:
    assert Limits(OneLab(h1=one)).placement().hosts == [gives]  # type: ignore[arg-type]


def test_several_hosts_are_not_one_large_one() -> None:
    measured = Limits(OneLab(h1=host(4, 8192, 100), h2=host(2, 16384, 50))).placement()  # type: ignore[arg-type]
    assert (measured.vcpus.total, measured.ram_mb.total) == (6, 24576)
    assert [(one.vcpus, one.ram_mb) for one in measured.hosts] == [(4, 8192), (2, 16384)]


def test_a_disabled_host_gives_nothing_and_what_it_does_not_count_is_not_known() -> None:
    off = {**host(16, 65536, 500), "nova": {"status": "disabled"}}
    diskless = host(2, 4096, 0)
    del diskless["inventories"]["DISK_GB"]
    measured = Limits(OneLab(h1=off, h2=diskless)).placement()  # type: ignore[arg-type]
    assert measured.hosts == [HostCapacity(2, 4096, None, 2, 4096, None)]


def test_without_placement_nova_tells() -> None:
    nova = {"vcpus": 4, "vcpus_used": 6, "memory_mb": 8192, "memory_mb_used": 512, "local_gb": 100}
    measured = Limits(OneLab(h1={"nova": nova})).hypervisors()  # type: ignore[arg-type]
    assert measured.hosts == [HostCapacity(4, 8192, 100, 0, 7680, 100)]
