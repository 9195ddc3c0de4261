"""Faults while somebody waits for room, or for a first day. All nodes are full until one server is returned."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.database_rows import AWAY, LOCK
from faults.move_rows import NOT_THERE
from faults.node_rows import LATER, NO_HOST, QUOTAS, neutron
from faults.rows import SOON, Row, fill, go_to, make_room, reserve, wait_for_room
from kws_core.people import Actor
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

ROOM, RUNS, DUE = "There's room", "is running", "Its first day is near"  # of what rings
AGAIN = "so KWS will try again"
EARLY = timedelta(hours=3)  # before 00:00, when the promise's node fails
HEARD = [(method, how) for how in ("drop_after", "drop_before") for method in ("chat.postMessage", "chat.update")]  # fmt: skip
DOWN = 60  # seconds


def mine(bench: Bench) -> Rental:
    """Joon's."""
    return max((r for r in bench.rentals() if r.name == "web01"), key=lambda rental: rental.created_at)


def placed(bench: Bench) -> bool:
    """It has got its room, and nothing has been built."""
    return mine(bench).status in (Status.REQUESTED, Status.BUILDING)


def there(bench: Bench) -> bool:
    """It runs, what was returned is gone, and everybody knows."""
    return mine(bench).status is Status.READY and bench.told(Status.READY, Status.ENDED) and bench.settled()


def rang(bench: Bench, words: str) -> int:
    """How many messages with these words notified him."""
    bells = [m for m in bench.joon.dm() if m.get("subtype") == "thread_broadcast"]
    return len([m for m in bells if words in m["text"]])


def comes(bench: Bench, within: float = 600) -> None:
    """It runs after all, and its owner knows."""
    bench.recovers(lambda: there(bench), within)
    heard(bench, ROOM)


def heard(bench: Bench, words: str) -> None:
    """Once that there is room, and once that it runs."""
    bench.pass_time(0.2 if bench.real else 30)
    assert (rang(bench, words), rang(bench, RUNS)) == (1, 1), (
        f"he heard {rang(bench, words)} times of room and {rang(bench, RUNS)} times that it runs"
    )


def waits(bench: Bench) -> None:
    fill(bench)
    wait_for_room(bench)
    assert mine(bench).status is Status.WAITING


# -- nodes


def dies(bench: Bench, when: str | int) -> None:
    """The node that gets room refuses connections for a while: as it is to free it, or after so many beats."""
    waits(bench)
    cloud = bench.clouds["node1"]
    if when == "returned":
        cloud.refuse()
        bench.strike()
        make_room(bench)
        bench.pass_time(LATER)
        assert mine(bench).status is Status.WAITING, "it was given room that is not free"
        cloud.listen()
        bench.over()
    else:
        make_room(bench)
        bench.until(lambda: placed(bench), 120)
        bench.loses(cloud, LATER, after=int(when))
    comes(bench)


def dies_for_good(bench: Bench, seconds: int) -> None:
    """The node that it was given dies, and later another one has room."""
    waits(bench)
    make_room(bench)
    bench.until(lambda: placed(bench), 120)
    for _ in range(seconds):
        bench.beat()
    bench.clouds["node1"].refuse()
    bench.strike()
    bench.pass_time(LATER)
    make_room(bench, "node2")
    bench.recovers(lambda: mine(bench).status is Status.READY, 600)
    assert (held := mine(bench).placement) and held.node == "node2"
    bench.clouds["node1"].listen()
    bench.until(lambda: there(bench), 600)


def refuses(bench: Bench, call: str) -> None:
    """The node that has room says that it has none, and another one has some."""
    waits(bench)
    cloud = bench.clouds["node1"]
    cloud.trouble(no(call), "POST", f"/{call}$")
    bench.strike()
    make_room(bench)
    make_room(bench, "node2")
    comes(bench)
    cloud.well()


def no_room_after_all(bench: Bench, call: str) -> None:
    """The only node says that it has none: it waits again, is told, and gets the room that there is later."""
    waits(bench)
    cloud = bench.clouds["node1"]
    if call == NO_HOST:
        cloud.stock.next_faults = [NO_HOST]
    else:
        cloud.trouble(no(call), "POST", f"/{call}$")
    bench.strike()
    make_room(bench)
    bench.until(lambda: AGAIN in _lines(bench), 120)
    bench.until(lambda: mine(bench).status is Status.WAITING, 10)
    assert (rang(bench, ROOM), rang(bench, AGAIN)) == (1, 1)
    bench.pass_time(60)
    assert mine(bench).status is Status.WAITING, "it was not left alone"
    cloud.well()
    bench.over()
    bench.recovers(lambda: there(bench), 1800)
    assert (rang(bench, ROOM), rang(bench, AGAIN), rang(bench, RUNS)) == (2, 1, 1)


def _lines(bench: Bench) -> str:
    return "\n".join(bench.sights.lines)


def no(call: str) -> Answer:
    """A node's refusal for lack of room."""
    return NOT_THERE if call == "servers" else neutron(409, "OverQuota")


# -- a first day


def loses_its_node(bench: Bench, how: str) -> None:
    """The node on which the first day was promised goes: for maintenance, or it is dead. Another one keeps it."""
    midnight = reserve(bench)
    node = mine(bench).planned_node
    assert node
    go_to(bench, midnight - EARLY)
    bench.strike()
    if how == "drained":
        admin = Actor("U0ADMIN001", admin=True)
        NodeMaintenance(bench.service.context).drain(admin, node, reason="disk", where="test")
    else:
        bench.clouds[node].refuse()
    bench.recovers(lambda: mine(bench).planned_node != node, 300)
    go_to(bench, midnight - SOON)
    bench.until(lambda: there(bench), 900)
    heard(bench, DUE)
    ready_at = mine(bench).ready_at
    assert ready_at and ready_at <= midnight, "it is late"
    bench.clouds[node].listen()
    bench.pass_time(60)


# -- telling


def unheard(bench: Bench, strike: tuple[str, str]) -> None:
    """Slack drops the connection of the next call as room is told of."""
    method, how = strike
    fault: dict[str, Any] = {how: True}
    waits(bench)
    bench.workspace.faults.fail(method, **fault)
    bench.strike()
    make_room(bench)
    comes(bench)


def untold(bench: Bench, seconds: int) -> None:
    """Nothing of Slack answers as room comes."""
    waits(bench)
    make_room(bench)
    bench.until(lambda: placed(bench), 120)
    bench.loses_slack(seconds)
    bench.workspace.wait_connected(2, timeout=60)
    comes(bench)


# -- the database


def locked(bench: Bench, seconds: float) -> None:
    """Another process holds the write lock as room comes."""
    waits(bench)
    make_room(bench)
    command = [sys.executable, "-c", LOCK, str(bench.database), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"locked\n"
        bench.strike()
        holder.wait(seconds + 10)
    bench.over()
    comes(bench, 120)


def gone(bench: Bench, _: str) -> None:
    """PostgreSQL stops as room comes, and is started again."""
    waits(bench)
    make_room(bench)
    bench.prop.halt()
    bench.strike()
    bench.pass_time(AWAY)
    bench.prop.go()
    bench.over()
    comes(bench, 180)


ROWS: tuple[Any, ...] = (
    Row("node refuses connections", "for 30 s, as one who waits gets its room: when that is returned, or 0 to 3 s after it was given",
        dies, ("returned", 0, 1, 2, 3)),
    Row("node dies", "0 or 2 s after one who waits got its room; later another node has some", dies_for_good, (0, 2)),
    Row("node responds 403 or 409: quota", "each create call for one who got room; another node has some", refuses, QUOTAS),
    Row("node responds 403 or 409: quota; or it finds no host", "the same, without another node", no_room_after_all,
        (*QUOTAS, NO_HOST), nodes=1),
    Row("node dies, or goes into maintenance", "with a first day promised on it, 3 h before that begins", loses_its_node,
        ("drained", "dead")),
    Row("Slack drops a connection", "as one who waits is told of room: not executed, or executed without a response", unheard,
        HEARD),
    Row("Slack is away for a minute", "as one who waits gets its room", untold, (DOWN,)),
    Row("database is locked (SQLite)", "for 15 s, as room comes for one who waits", locked, (15.0,), real=True, noisy=True),
    Row("database is gone for a minute (PostgreSQL)", "as room comes for one who waits", gone, real=True, noisy=True,
        database="postgres"),
)  # fmt: skip
