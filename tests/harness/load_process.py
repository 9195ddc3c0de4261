"""``kws run`` as a process, on simulated nodes that take their time: ``python -m harness.load_process ORDER.json``.

All but the nodes is as in ``kws run``: the configuration, the environment, the service, its threads and signals.
A call of a node waits on its caller's thread, as a call over the network would.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from bot import runner
from kws_core.config import Environment, parse_config
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import Address, Login, LoginCheck

T = TypeVar("T")
CALLS = {  # seconds, as measured on an all-in-one node
    "ping": 0.03,
    "ensure_address": 1.2,  # group, port and floating IP
    "ensure_server": 0.9,
    "machines": 0.15,
    "new_servers": 0.03,
    "capacity": 0.4,
    "images": 0.1,
    "release": 0.8,
    "host_keys": 0.2,
}
BUILD, BOOT, DELETE = (7.0, 8.0), (20.0, 40.0), 3.0  # to ACTIVE, then until SSH answers; to be gone


class TimedNode(FakeNode):
    """A FakeNode whose calls and machines take as long as real ones, divided by ``speed``."""

    def __init__(self, name: str, speed: float, **more: Any) -> None:
        dice = random.Random(name)
        build = dice.uniform(*BUILD) / speed
        super().__init__(name, build_seconds=build, delete_seconds=DELETE / speed, **more)
        self._speed = speed
        self._boots: dict[str, float] = {}
        self._dice = dice

    def _call(self, method: str, do: Callable[[], T]) -> T:
        time.sleep(CALLS.get(method, 0.05) / self._speed)
        return super()._call(method, do)

    def check_login(self, address: Address, login: Login) -> LoginCheck:
        """Each server has a boot time of its own."""
        time.sleep(0.01)
        boot = self._boots.setdefault(address.port_id, self._dice.uniform(*BOOT) / self._speed)
        now = self._now() - timedelta(seconds=boot)
        with self._lock:
            return self._check_login(address, login, now)


def main() -> None:
    """Runs until SIGTERM."""
    order = json.loads(Path(sys.argv[1]).read_text())
    logging.basicConfig(
        filename=order["log"], level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    config = parse_config(order["config"])
    nodes = {
        node.name: TimedNode(node.name, order["speed"], vcpus=999, ram_mb=10**6, disk_gb=10**5, addresses=999)
        for node in config.nodes
    }
    runner.run(config, Environment(**order["environment"]), nodes, None, None)


if __name__ == "__main__":
    main()
