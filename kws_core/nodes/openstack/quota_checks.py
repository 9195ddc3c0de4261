"""Whether a project's quotas allow what nodes.toml lends; the default of ten security groups does not."""

from __future__ import annotations

from collections.abc import Iterator

from kws_core.findings import Finding, Wanted, fail, note, ok
from kws_core.nodes.openstack.api import Cloud
from kws_core.nodes.openstack.api.types import Usage
from kws_core.nodes.openstack.capacity import PER_MACHINE

# what each project has of its own before the first rental: the default group with its rules, the router's ports
_BASE = {"security_group": 1, "security_group_rule": 4, "port": 3}
_OPTIONS = {
    "instances": "instances",
    "cores": "cores",
    "ram": "ram",
    "port": "ports",
    "floatingip": "floating-ips",
    "security_group": "secgroups",
    "security_group_rule": "secgroup-rules",
}


def quota_findings(cloud: Cloud, wanted: Wanted) -> Iterator[Finding]:
    """Each quota that is used up or allows fewer rentals than the node is to hold."""
    rentals = wanted.rentals()
    quotas = {**cloud.limits.compute_quota(), **cloud.limits.network_quota()}
    small = False
    for name, option in _OPTIONS.items():
        usage = quotas.get(name)
        if usage is None or usage.total is None:
            continue
        enough = _enough(name, rentals, wanted)
        data = {"quota": option, "limit": usage.total, "wanted": rentals, "enough": enough}
        if _used_up(name, usage):
            small = True
            yield fail("quota_used_up", **data)
        elif usage.total < enough:
            small = True
            yield note("quota_small", rentals=_allowed(name, usage.total, wanted), **data)
    if not small:
        yield ok("quotas", rentals=rentals)


def _enough(name: str, rentals: int, wanted: Wanted) -> int:
    """The limit that these rentals need, or everything that nodes.toml allocates."""
    lent = {"cores": wanted.vcpus, "ram": wanted.ram_mb}
    return lent.get(name) or _BASE.get(name, 0) + rentals * PER_MACHINE[name]


def _allowed(name: str, total: int, wanted: Wanted) -> int:
    """How many rentals of the smallest size that quota allows."""
    least = {"cores": min(s.vcpus for s in wanted.sizes), "ram": min(s.ram_mb for s in wanted.sizes)}
    return max(0, total - _BASE.get(name, 0)) // least.get(name, PER_MACHINE[name])


def _used_up(name: str, usage: Usage) -> bool:
    unused = (
        _BASE.get(name, 0) if usage.used == 0 else 0
    )  # a project makes its default group at its first use
    return usage.free is not None and usage.free - unused < PER_MACHINE[name]
