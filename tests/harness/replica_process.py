"""Replicas as processes: the whole service, as ``kws run`` has it, on nodes that are reached over a socket.

``python -m harness.replica_process`` has everything imported and forks a replica for each line of JSON that it reads, so
that a start costs milliseconds. What is forked is a process of its own: SIGKILL takes it as it takes any.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from typing import Any

from harness import mutants
from harness.node_line import FarNode
from harness.world import START, make_config

from bot.service import Service
from kws_core.cluster import heartbeat
from kws_core.cluster.heartbeat import Heartbeat
from kws_core.config import Environment
from kws_core.loop import Loop
from kws_core.nodes.fake.node import FakeNode  # noqa: F401 - what the line pickles

OFTEN = timedelta(seconds=0.5)


def lab_time(offset: float) -> datetime:
    """The same in all processes of this machine; ``offset`` seconds are added to go through the days."""
    return START + timedelta(seconds=offset + time.monotonic())


def main() -> None:
    """Forks a replica per order."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                live(json.loads(line))
            finally:
                os._exit(1)
        print(pid, flush=True)


def live(order: dict[str, Any]) -> None:
    """One replica, until it is killed, or its maker is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    maker = os.getppid()
    logging.basicConfig(
        filename=order["log"],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        force=True,
    )
    heartbeat.BEAT = timedelta(seconds=order["beat"])
    heartbeat.DEAD_AFTER = timedelta(seconds=order["dead_after"])
    Heartbeat.skew = lambda self: timedelta(0)  # type: ignore[method-assign]  # the lab's days are not the database's
    mutants.apply(order["mutant"])
    config = make_config(order["nodes"], **order["config"])
    environment = Environment(**order["environment"])
    nodes: dict[str, Any] = {}
    service = Service(config, environment, nodes, lambda: lab_time(order["offset"]))
    for section in config.nodes:
        nodes[section.name] = FarNode(section.name, order["line"], os.getpid(), service.context.who)
    nodes[config.nodes[0].name].ping()  # makes its name known before it does anything
    service.open()
    service.start()
    chores = Loop("chores", lambda: _chores(service), threading.Event())
    chores.start()
    service.connect()
    while os.getppid() == maker:
        time.sleep(1)


def _chores(service: Service) -> timedelta:
    """What APScheduler does each minute and each ten seconds, much more often: all replicas at once."""
    service.nightly.tick()
    service.monthly.tick()
    service.admin_notices.deliver_due()
    return OFTEN


if __name__ == "__main__":
    main()
