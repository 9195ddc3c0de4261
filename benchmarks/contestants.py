"""Those that KWS is compared with, as scripts of their own: `python -m benchmarks.contestants NAME NODE…`.

* `floor`: openstacksdk's proxy layer and nothing else: port, floating IP, server, then polls until ACTIVE.
* `layer`: openstacksdk's cloud layer, `create_server(auto_ip=True, wait=True)`, as most scripts have it.
* `original`: the order of calls of the previous system: a keypair and a flavor by name, the server,
  a free address or a new one; its night deletes one after the other.

A process is started once, logs in and looks up its ids, then does what comes on stdin, a JSON line each, and
answers with one. So what is measured is as warm as a bot that runs for weeks.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any

import openstack
from openstack import exceptions

from benchmarks.lab import EXTERNAL, FLAVOR, IMAGE, NETWORK

LIMIT = 900  # seconds for one server
ABOVE_BUILDS = 6  # requests of a node at once beyond its builds, as KWS's threads


class Contestant:
    """Makes and deletes servers; at most ``builds`` are built on a node at the same time."""

    def __init__(self, nodes: Sequence[str], builds: int, poll: float) -> None:
        self.poll = poll
        self.clouds: dict[str, Any] = {node: openstack.connect(cloud=node) for node in nodes}
        self.slots = {node: BoundedSemaphore(builds) for node in nodes}
        self.lanes = {node: BoundedSemaphore(builds + ABOVE_BUILDS) for node in nodes}
        self.ids = {node: self._look_up(cloud) for node, cloud in self.clouds.items()}

    def _look_up(self, cloud: Any) -> dict[str, str]:
        return {
            "image": cloud.image.find_image(IMAGE, ignore_missing=False).id,
            "flavor": cloud.compute.find_flavor(FLAVOR, ignore_missing=False).id,
            "network": cloud.network.find_network(NETWORK, ignore_missing=False).id,
            "external": cloud.network.find_network(EXTERNAL, ignore_missing=False).id,
        }

    def make(self, wishes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """All of (name, node) at once; when each was ready (time.time()), and what failed."""
        return self._all(wishes, self.make_one)

    def delete(self, wishes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """As make(): everything that was made for them."""
        return self._all(wishes, self.delete_one)

    def tidy(self, wishes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Take away what deletion leaves."""
        return {}

    def _all(
        self, wishes: Sequence[tuple[str, str]], act: Callable[[str, str], object], workers: int = 0
    ) -> dict[str, Any]:
        done: dict[str, float] = {}
        failed: dict[str, str] = {}

        def one(wish: tuple[str, str]) -> None:
            name, node = wish
            try:
                act(name, node)
                done[name] = time.time()
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"[:300]

        begun = time.time()
        with ThreadPoolExecutor(workers or len(wishes)) as pool:
            list(pool.map(one, wishes))
        return {"begun": begun, "done": done, "failed": failed}

    def make_one(self, name: str, node: str) -> None:
        """Create one, until it is ready.

        Raises:
            NotImplementedError: In the base class.
        """
        raise NotImplementedError

    def delete_one(self, name: str, node: str) -> None:
        """Delete one, until it is gone.

        Raises:
            NotImplementedError: In the base class.
        """
        raise NotImplementedError


class Floor(Contestant):
    """The least that a rental with an address can cost."""

    def __init__(self, nodes: Sequence[str], builds: int, poll: float, *, groups: bool = False) -> None:
        super().__init__(nodes, builds, poll)
        self.groups = groups
        self.made: dict[str, dict[str, str]] = {}

    def make_one(self, name: str, node: str) -> None:
        cloud, ids = self.clouds[node], self.ids[node]
        things = self.made[name] = {}
        with self.lanes[node]:
            wanted: dict[str, Any] = {"name": name, "network_id": ids["network"]}
            if self.groups:
                things["group"] = cloud.network.create_security_group(name=name).id
                wanted["security_groups"] = [things["group"]]
            things["port"] = cloud.network.create_port(**wanted).id
            address = cloud.network.create_ip(
                floating_network_id=ids["external"], port_id=things["port"], description=name
            )
            things["address"] = address.id
        with self.slots[node]:
            server = cloud.compute.create_server(
                name=name,
                image_id=ids["image"],
                flavor_id=ids["flavor"],
                networks=[{"port": things["port"]}],
            )
            things["server"] = server.id
            cloud.compute.wait_for_server(server, interval=self.poll, wait=LIMIT)

    def delete_one(self, name: str, node: str) -> None:
        cloud, things = self.clouds[node], self.made.pop(name)
        with self.lanes[node]:
            cloud.network.delete_ip(things["address"])
            cloud.compute.delete_server(things["server"])
            with suppress(exceptions.NotFoundException):
                for _ in range(int(LIMIT / self.poll)):
                    time.sleep(self.poll)
                    cloud.compute.get_server(things["server"])
            cloud.network.delete_port(things["port"])
            if "group" in things:
                cloud.network.delete_security_group(things["group"])


class Layer(Contestant):
    """One call, as the SDK's documentation shows it."""

    def make_one(self, name: str, node: str) -> None:
        with self.slots[node]:
            self.clouds[node].create_server(
                name, image=IMAGE, flavor=FLAVOR, network=NETWORK, auto_ip=True, wait=True, timeout=LIMIT
            )


class Original(Contestant):
    """Written from the description of its faults, not from its code."""

    def __init__(self, nodes: Sequence[str], builds: int, poll: float) -> None:
        super().__init__(nodes, builds, poll)
        self.addresses: list[tuple[str, str]] = []

    def make_one(self, name: str, node: str) -> None:
        cloud = self.clouds[node]
        with self.slots[node]:
            if cloud.get_keypair(name) is None:
                cloud.create_keypair(name)
            flavor = cloud.get_flavor(FLAVOR)
            server = cloud.create_server(
                name, image=IMAGE, flavor=flavor, network=NETWORK, key_name=name,
                auto_ip=False, wait=True, timeout=LIMIT,
            )  # fmt: skip
            cloud.add_auto_ip(server, wait=True, reuse=True, timeout=LIMIT)

    def delete(self, wishes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """One after the other. Its addresses are remembered for tidy() before the clock runs."""
        for name, node in wishes:
            network = self.clouds[node].network
            ports = network.ports(device_id=self.clouds[node].get_server(name).id)
            self.addresses += [(node, a.id) for port in ports for a in network.ips(port_id=port.id)]
        return self._all(wishes, self.delete_one, workers=1)

    def tidy(self, wishes: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Release the addresses that its night leaves; not under the clock."""
        for node, address in self.addresses:
            self.clouds[node].network.delete_ip(address)
        self.addresses.clear()
        return {}

    def delete_one(self, name: str, node: str) -> None:
        """Its loop ends when the server is gone *and* eleven seconds have ended; the address stays."""
        cloud = self.clouds[node]
        cloud.delete_server(name)
        seconds = 0
        while cloud.get_server(name) is not None or seconds <= 10:
            time.sleep(1)
            seconds += 1
        with suppress(exceptions.NotFoundException):
            cloud.delete_keypair(name)


def contestant(name: str, nodes: Sequence[str], builds: int, poll: float) -> Contestant:
    """Return the contestant of that name; it polls every ``poll`` seconds."""
    if name == "floor with group":
        return Floor(nodes, builds, poll, groups=True)
    kinds: dict[str, type[Contestant]] = {"floor": Floor, "layer": Layer, "original": Original}
    return kinds[name](nodes, builds, poll)


def main() -> None:
    """NAME BUILDS POLL NODE…"""
    name, builds, poll, *nodes = sys.argv[1:]
    acts = contestant(name, nodes, int(builds), float(poll))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        act, wishes = json.loads(line)
        answer = {"make": acts.make, "delete": acts.delete, "tidy": acts.tidy}[act](
            [(name, node) for name, node in wishes]
        )
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
