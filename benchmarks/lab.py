"""Two real nodes: what is on them, room for many servers, and taking away what a benchmark made."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from benchmarks.report import Report, skip

PREFIX = "bench-"  # of everything that a contestant makes; KWS has its own mark
OURS = (PREFIX, "kws-")
IMAGE, FLAVOR, NETWORK, EXTERNAL = "debian-12", "m1.tiny", "default", "public"
SIZE = {"vcpus": 1, "ram_mb": 512, "disk_gb": 1}  # as FLAVOR: KWS takes any flavor that has these figures


def connect(names: Sequence[str]) -> dict[str, Any]:
    """Connections of openstacksdk by name; the benchmark is skipped where there are no such nodes."""
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        skip("OS_CLIENT_CONFIG_FILE is not set; needs two real nodes (docs/development.md, The real lab)")
    import openstack

    clouds = {name: openstack.connect(cloud=name) for name in names}
    for name, cloud in clouds.items():
        try:
            cloud.authorize()
        except Exception as error:
            skip(f"{name} does not answer: {error}")
    return clouds


def inventory(cloud: Any) -> dict[str, dict[str, str]]:
    """Everything of each kind that a rental may have: id to name or mark."""
    network = cloud.network
    return {
        "servers": {one.id: one.name for one in cloud.compute.servers()},
        "floating IPs": {one.id: one.description or "" for one in network.ips()},
        "ports": {one.id: one.name for one in network.ports() if one.device_owner in ("", "compute:nova")},
        "groups": {one.id: one.name for one in network.security_groups()},
        "keypairs": {one.name: one.name for one in cloud.compute.keypairs()},
        "flavors": {one.id: one.name for one in cloud.compute.flavors()},
        "networks": {one.id: one.name for one in network.networks()},
    }


def count(clouds: dict[str, Any]) -> Counter[str]:
    """How many of each kind are on all the nodes together."""
    return Counter(
        {f"{name} {kind}": len(there) for name, c in clouds.items() for kind, there in inventory(c).items()}
    )


@contextmanager
def borrowed(clouds: dict[str, Any], report: Report) -> Iterator[None]:
    """Quotas are lifted meanwhile; what is there more than before is taken away at the end, whatever happened."""
    before = {name: inventory(cloud) for name, cloud in clouds.items()}
    counted = count(clouds)
    for cloud in clouds.values():
        project = cloud.current_project_id
        cloud.set_network_quotas(project, security_group=-1, security_group_rule=-1, floatingip=-1, port=-1)
        cloud.set_compute_quotas(project, instances=-1, cores=-1, ram=-1, key_pairs=-1)
    try:
        yield
    finally:
        for name, cloud in clouds.items():
            clear(cloud, before[name])
            cloud.delete_network_quotas(cloud.current_project_id)
            cloud.delete_compute_quotas(cloud.current_project_id)
        left = count(clouds)
        left.subtract(counted)
        more = {kind: number for kind, number in left.items() if number}
        report.note(f"on the nodes after it, beyond what was there before: {more or 'nothing'}")


def clear(cloud: Any, before: dict[str, dict[str, str]] | None = None) -> None:
    """Delete what a benchmark made: ours by name, and addresses on our servers; nothing that was there ``before``."""
    known = before or {}

    def new(kind: str, found: dict[str, str]) -> list[str]:
        fresh = {one: text for one, text in found.items() if one not in known.get(kind, {})}
        return [one for one, text in fresh.items() if text.startswith(OURS)]

    there = inventory(cloud)
    servers = [s for s in cloud.compute.servers() if is_ours(s) and s.id not in known.get("servers", {})]
    mine = {server.id for server in servers}
    ports = {
        port.id for port in cloud.network.ports() if port.device_id in mine or port.name.startswith(OURS)
    }
    addresses = [a.id for a in cloud.network.ips() if a.port_id in ports]
    all_at_once(cloud.network.delete_ip, {*addresses, *new("floating IPs", there["floating IPs"])})
    all_at_once(cloud.compute.delete_server, mine)
    wait_until(lambda: not mine & {one.id for one in cloud.compute.servers(details=False)}, 600)
    there = inventory(cloud)
    all_at_once(cloud.network.delete_port, new("ports", there["ports"]))
    all_at_once(cloud.network.delete_security_group, new("groups", there["groups"]))
    all_at_once(cloud.compute.delete_keypair, new("keypairs", there["keypairs"]))
    all_at_once(cloud.compute.delete_flavor, new("flavors", there["flavors"]))
    all_at_once(cloud.network.delete_network, new("networks", there["networks"]))


def is_ours(server: Any) -> bool:
    """Made by a contestant, or rented."""
    return str(server.name).startswith(PREFIX) or "kws_rental" in (server.metadata or {})


def all_at_once(delete: Callable[[str], Any], ids: Iterable[str]) -> None:
    """Some at a time; what is gone already, or can't go yet, is left."""

    def one(resource: str) -> None:
        with suppress(Exception):
            delete(resource)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, ids))


def wait_until(what: Callable[[], Any], seconds: float, pause: float = 0.5) -> None:
    """TimeoutError when it takes longer."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"it took more than {seconds:g} s")
        time.sleep(pause)
