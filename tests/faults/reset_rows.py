"""Faults while somebody has a server reset. node1 has it."""

from __future__ import annotations

from typing import Any

from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.node_rows import BUSY, CLASH, HALF, LATE, LATER, LIST, OOPS, PAGE, at_rest_and_ready, one_ready
from faults.power_rows import server
from faults.rows import Row, reset
from kws_core.tables.states import Power, Status

ACTION = ("POST", "/action$")
UNANSWERED = [(HALF, True), *((answer, False) for answer in (OOPS, LATE, BUSY, HALF, PAGE, LIST))]


def is_reset(bench: Bench) -> bool:
    return at_rest_and_ready(bench) and all(rental.power is Power.ON for rental in bench.rentals())


def once(bench: Bench, times: int = 1) -> None:
    """That often it was rebuilt, and its owner was told once."""
    assert server(bench).rebuilt == times, f"rebuilt {server(bench).rebuilt} times"
    told = [m for m in bench.joon.dm() if "'block_id': 'notice-" in str(m) and "running again" in str(m)]
    assert len(told) == 1, f"told {len(told)} times"


def down(bench: Bench, seconds: int) -> None:
    """The node dies so many seconds after the wish, and is back a while later."""
    one_ready(bench)
    reset(bench)
    bench.loses(bench.clouds["node1"], LATER, after=seconds)
    bench.recovers(lambda: is_reset(bench), 300)
    once(bench)


def unanswered(bench: Bench, strike: tuple[Answer, bool]) -> None:
    """The node fails twice as it is asked; or it does it, and doesn't say so."""
    answer, after = strike
    one_ready(bench)
    bench.clouds["node1"].trouble(answer, *ACTION, after=after, times=1 if after else 2)
    bench.strike()
    reset(bench)
    bench.recovers(lambda: is_reset(bench), 300)
    assert bench.clouds["node1"].faced, "it never struck"
    once(bench)


def busy(bench: Bench, seconds: int) -> None:
    """The server is being rebooted or stopped, as far as Nova knows."""
    one_ready(bench)
    bench.clouds["node1"].trouble(CLASH, *ACTION)
    bench.strike()
    reset(bench)
    bench.pass_time(seconds)
    bench.clouds["node1"].well()
    bench.over()
    bench.recovers(lambda: is_reset(bench), 300)
    once(bench)


def image_gone(bench: Bench, _: str) -> None:
    """The node's image is deleted, and KWS does not know it yet."""
    one_ready(bench)
    cloud = bench.clouds["node1"]
    with cloud.lock:
        for image in list(cloud.stock.glance.images):
            cloud.stock.glance.delete(str(image["id"]))
    bench.strike()
    reset(bench)
    bench.recovers(lambda: is_reset(bench), 300)
    assert server(bench).rebuilt == 0
    assert "Nothing was changed" in str(bench.joon.dm())


def breaks(bench: Bench, times: int) -> None:
    """The node loses power, or fails, while it rebuilds: Nova shows the server in ERROR."""
    one_ready(bench)
    bench.clouds["node1"].stock.next_faults = ["Build of instance aborted"] * times
    bench.strike()
    reset(bench)
    bench.recovers(lambda: is_reset(bench), 300)
    once(bench, times + 1)


def no_key(bench: Bench, seconds: int) -> None:
    """Slack brings no new key: the disk stays until it does."""
    one_ready(bench)
    reset(bench, access="new")
    bench.workspace.down()
    bench.strike()
    bench.pass_time(seconds)
    assert server(bench).rebuilt == 0, "the disk is gone before its key is there"
    bench.workspace.up()
    bench.over()
    bench.old_keys = 1
    bench.recovers(lambda: is_reset(bench), 600)
    bench.workspace.wait_connected(2, timeout=60)
    once(bench)


def returned(bench: Bench, seconds: int) -> None:
    """Joon returns it in the middle."""
    one_ready(bench)
    reset(bench)
    for _ in range(seconds):
        bench.beat()
    bench.strike()
    bench.return_rental()
    bench.recovers(lambda: bench.told(Status.ENDED) and bench.settled(), 300)


ROWS: tuple[Any, ...] = (
    Row("node refuses connections", "for 30 s, 0 to 3 s after a reset was asked for", down, (1, 0, 2, 3)),
    Row("node fails at a reset", "not done, or done but unsaid", unanswered, UNANSWERED),
    Row("node responds 409", "for a minute, as it is asked for a reset", busy, (60,)),
    Row("an image is deleted on the node", "as a reset is asked for", image_gone),
    Row("node breaks the server that it rebuilds", "once or twice", breaks, (1, 2)),
    Row("Slack is away for a minute", "as a new key is to come before a reset", no_key, (60,)),
    Row("server is returned", "0 to 3 s after a reset was asked for", returned, (1, 0, 2, 3)),
)  # fmt: skip
