"""Two real nodes: what is on them, room for many servers, and taking away what a benchmark made."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.report import Report, skip

PREFIX = "bench-"  # of everything that a contestant makes; KWS has its own mark
IMAGE, FLAVOR, NETWORK, EXTERNAL = "debian-12", "m1.tiny", "default", "public"
SIZE = {"vcpus": 1, "ram_mb": 512, "disk_gb": 1}  # as FLAVOR: KWS takes any flavor that has these figures


def connect(names: Sequence[str]) -> dict[str, Any]:
    """Connections of openstacksdk by name; the benchmark is skipped where there are no such nodes."""
    if not os.environ.get("OS_CLIENT_CONFIG_FILE"):
        skip("OS_CLIENT_CONFIG_FILE is not set; needs two real nodes (docs/contributing/development.md)")
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
def borrowed(clouds: dict[str, Any], report: Report, database: Path) -> Iterator[None]:
    """Quotas are lifted meanwhile; whatever happened, what was made is taken away at the end and that is checked.

    ``database`` is KWS's own of this benchmark: its rentals, and nobody else's, are deleted with the rest.
    """
    before = count(clouds)
    for cloud in clouds.values():
        project = cloud.current_project_id
        cloud.set_network_quotas(project, security_group=-1, security_group_rule=-1, floatingip=-1, port=-1)
        cloud.set_compute_quotas(project, instances=-1, cores=-1, ram=-1, key_pairs=-1)
    try:
        yield
    finally:
        marks = marks_in(database)
        for cloud in clouds.values():
            clear(cloud, marks)
            cloud.delete_network_quotas(cloud.current_project_id)
            cloud.delete_compute_quotas(cloud.current_project_id)
        after = count(clouds)
        after.subtract(before)
        more = {kind: number for kind, number in after.items() if number}
        report.note(f"on the nodes after it, beyond what was there before: {more or 'nothing'}")


def marks_in(database: Path) -> frozenset[str]:
    """The marks of all rentals that there ever were in it."""
    if not database.exists():
        return frozenset()
    with closing(sqlite3.connect(database)) as connection:
        return frozenset(f"kws-{row[0]}" for row in connection.execute("SELECT id FROM rentals"))


def clear(cloud: Any, marks: Collection[str] = ()) -> None:
    """Delete what contestants made, and what carries one of ``marks``; nothing else."""

    def ours(text: str) -> bool:
        return text.startswith(PREFIX) or text in marks

    def named(kind: str) -> list[str]:
        return [one for one, text in inventory(cloud)[kind].items() if ours(text)]

    servers = {s.id for s in cloud.compute.servers() if ours(s.name) or ours(mark_of_server(s))}
    ports = {port.id for port in cloud.network.ports() if port.device_id in servers or ours(port.name)}
    addresses = {a.id for a in cloud.network.ips() if a.port_id in ports or ours(a.description or "")}
    all_at_once(cloud.network.delete_ip, addresses)
    all_at_once(cloud.compute.delete_server, servers)
    wait_until(lambda: not servers & {one.id for one in cloud.compute.servers(details=False)}, 600)
    all_at_once(cloud.network.delete_port, named("ports"))
    all_at_once(cloud.network.delete_security_group, named("groups"))
    all_at_once(cloud.compute.delete_keypair, named("keypairs"))


def mark_of_server(server: Any) -> str:
    """KWS's mark, "" without one."""
    rental = (server.metadata or {}).get("kws_rental", "")
    return f"kws-{rental}" if rental else ""


def all_at_once(delete: Callable[[str], Any], ids: Iterable[str]) -> None:
    """Some at a time; what is gone already, or can't go yet, is left."""

    def one(resource: str) -> None:
        with suppress(Exception):
            delete(resource)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, ids))


def wait_until(what: Callable[[], Any], seconds: float, pause: float = 0.5) -> None:
    """Wait until it happened.

    Raises:
        TimeoutError: If it takes more than ``seconds``.
    """
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"it took more than {seconds:g} s")
        time.sleep(pause)
