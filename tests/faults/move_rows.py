"""Faults while a server moves from node1 to another node. Whatever strikes, it is there once, with all of its disk."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from harness.moving import MoveWatch, unfinished
from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.copy_rows import COPY, CREATE, FILL, NO_QUOTA, READ, RENAME, TOO_LARGE, says
from faults.node_rows import BUSY, CLASH, HALF, LATE, LATER, LIST, MAKES, OOPS, PAGE, nova, one_ready
from faults.rows import Row, move
from kws_core.moves.service import Moves
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Power, Status

STOP = COPY  # the first action is to stop it, the second one to copy it
DROP = ("DELETE", "/servers/")
ANSWERS = (OOPS, LATE, BUSY, HALF, PAGE, LIST)
SOURCE = [(*STOP, 0), (*COPY, 1), (*READ, 0), (*DROP, 0)]  # and how many such calls go well before
TARGET = [(method, path, 0) for method, path in (CREATE, FILL, RENAME, *MAKES)]
FAILED, NOT_BEGUN = "The move failed", "Couldn't move it"  # of what its owner is told then


def first(bench: Bench) -> Rental:
    """The one that was rented."""
    return min(bench.rentals(), key=lambda rental: rental.created_at)


def other(bench: Bench) -> Rental:
    """The one that is to take its place, or took it."""
    return max(bench.rentals(), key=lambda rental: rental.created_at)


def moved(bench: Bench) -> bool:
    """One is gone, the other one there, and its owner knows."""
    states = first(bench).status, other(bench).status
    over = states == (Status.ENDED, Status.READY) and not unfinished(bench.rentals())
    return over and not bench.undelivered() and bench.settled()


def stays(bench: Bench) -> bool:
    """The first one runs as before, and nothing else is there."""
    one = first(bench)
    runs = (one.status, one.power, one.replaced_by) == (Status.READY, Power.ON, None)
    others = [rental.status for rental in bench.rentals() if rental.id != one.id]
    return runs and set(others) <= {Status.ENDED} and not bench.undelivered() and bench.settled()


def begins(bench: Bench) -> None:
    """A server is ready, and its owner has it moved; what may not be at any moment is looked for from now on."""
    one_ready(bench)
    bench.moves = MoveWatch()
    move(bench)


def target(bench: Bench) -> Any:
    held = other(bench).placement
    assert held
    return bench.clouds[held.node]


def hours(bench: Bench) -> None:
    """The sweep comes every hour: what was brought to a node goes."""
    for _ in range(2):
        bench.clock.advance(hours=1)
        bench.pass_time(30)


def comes(bench: Bench, within: float = 600) -> None:
    bench.recovers(lambda: moved(bench), within)
    hours(bench)


def fails(bench: Bench, within: float = 600, words: str = FAILED) -> None:
    """It stays, and its owner is told why, once."""
    bench.recovers(lambda: stays(bench), within)
    says(bench, words)
    hours(bench)


# -- nodes that are away


def source_down(bench: Bench, seconds: int) -> None:
    """The node that has it dies so many seconds after the wish, and is back a while later."""
    begins(bench)
    bench.loses(bench.clouds["node1"], LATER, after=seconds)
    comes(bench)


def target_down(bench: Bench, seconds: int) -> None:
    """The same of the node that gets it."""
    begins(bench)
    for _ in range(seconds):
        bench.beat()
    bench.loses(target(bench), LATER)
    comes(bench)


def source_dies_for_good(bench: Bench, _: str) -> None:
    """Its disk has travelled when the node that had it dies: the other one comes, and what is left goes later."""
    begins(bench)
    bench.until(lambda: other(bench).placement and other(bench).placement.image_at, 120)  # type: ignore[union-attr]
    bench.clouds["node1"].refuse()
    bench.strike()
    bench.recovers(lambda: other(bench).status is Status.READY and other(bench).replaces is None, 300)
    bench.pass_time(LATER)
    bench.clouds["node1"].listen()
    bench.until(lambda: moved(bench), 600)
    hours(bench)


def dark(bench: Bench, _: str) -> None:
    """The node that has it loses power before the copy is made, and comes back with everything stopped."""
    begins(bench)
    cloud = bench.clouds["node1"]
    cloud.refuse()
    bench.strike()
    bench.pass_time(LATER * 2)
    for server in cloud.stock.servers.values():
        server.off = True
    cloud.listen()
    bench.over()
    comes(bench)


# -- calls that fail


def fails_once(bench: Bench, strike: tuple[str, Answer, tuple[str, str, int], bool]) -> None:
    """One call of the move fails, before or after it took effect."""
    which, answer, (method, path, skip), after = strike
    names = ["node1"] if which == "source" else ["node2", "node3"]
    one_ready(bench)
    bench.moves = MoveWatch()
    for name in names:
        bench.clouds[name].trouble(answer, method, path, after=after, times=1, skip=skip)
    bench.strike()
    move(bench)
    bench.until(lambda: any(bench.clouds[name].faced for name in names), 120)
    for name in names:
        bench.clouds[name].well()
    comes(bench)


def busy(bench: Bench, seconds: int) -> None:
    """The node does not stop it for a while."""
    one_ready(bench)
    bench.moves = MoveWatch()
    bench.clouds["node1"].trouble(CLASH, *STOP)
    bench.strike()
    move(bench)
    bench.pass_time(seconds)
    bench.clouds["node1"].well()
    bench.over()
    comes(bench)


def refused(bench: Bench, strike: tuple[Answer, tuple[str, str, int]]) -> None:
    """A node says no for good: to the copy, to the image that is brought, or to the server."""
    answer, (method, path, skip) = strike
    one_ready(bench)
    bench.moves = MoveWatch()
    cloud = bench.clouds["node1" if path == COPY[1] else "node2"]
    cloud.trouble(answer, method, path, skip=skip, times=1)
    bench.strike()
    move(bench)
    bench.until(lambda: cloud.faced, 120)
    fails(bench)


def deleted(bench: Bench, when: str) -> None:
    """Somebody deletes the image of its disk on the node: while it is made, or when it is to travel."""
    one_ready(bench)
    bench.moves = MoveWatch()
    cloud = bench.clouds["node1"]
    if when == "kept":
        cloud.trouble(OOPS, *READ)
    move(bench)
    state = CopyState.MAKING if when == "made" else CopyState.KEPT
    bench.until(lambda: bench.copies()[0].image_id and bench.copies()[0].state is state, 120)
    bench.strike()
    with cloud.lock:
        cloud.stock.glance.delete(str(bench.copies()[0].image_id))
    cloud.well()
    fails(bench, 3600)


# -- people in the middle


def twice(bench: Bench, _: str) -> None:
    """The same click comes twice, and the command once more."""
    begins(bench)
    bench.strike()
    Moves(bench.service.context).start(Actor(first(bench).owner), first(bench).id, via="card")
    bench.joon.command("/kws move web01")
    comes(bench)
    assert len(bench.rentals()) == 2, "it was moved twice"


def returned(bench: Bench, seconds: int) -> None:
    begins(bench)
    for _ in range(seconds):
        bench.beat()
    bench.strike()
    bench.return_rental()
    bench.recovers(lambda: bench.told(Status.ENDED) and bench.settled(), 600)
    hours(bench)


def extended(bench: Bench, seconds: int) -> None:
    begins(bench)
    for _ in range(seconds):
        bench.beat()
    until = bench.service.context.today() + timedelta(days=20)
    bench.strike()
    Extensions(bench.service.context).extend(Actor(first(bench).owner), first(bench).id, until, via="card")
    comes(bench)
    assert other(bench).ends_on == until, "the extension is lost"


def expires(bench: Bench, _: str) -> None:
    """Its last day ends while its disk is being copied."""
    one_ready(bench)
    last = first(bench).ends_on
    _goes_to(bench, last - timedelta(days=1), time(10))
    _goes_to(bench, last, time(23, 58))
    stock = bench.clouds["node1"].stock
    stock.times = replace(stock.times, copy=600.0)
    bench.keys_saved = True  # long ago
    bench.moves = MoveWatch()
    move(bench)
    bench.pass_time(LATER)
    bench.strike()
    _goes_to(bench, last + timedelta(days=1), time(0, 1))
    bench.recovers(lambda: bench.told(Status.ENDED) and bench.settled(), 600)
    hours(bench)


def planned(bench: Bench, _: str) -> None:
    """A move is planned, and at its hour the node is away: its owner is told, and it stays."""
    one_ready(bench)
    moves = Moves(bench.service.context)
    moves.plan(Actor(first(bench).owner), first(bench).id, moves.tonight())
    bench.clouds["node1"].refuse()
    bench.strike()
    _goes_to(bench, bench.service.context.today() + timedelta(days=1), time(3, 1))
    bench.pass_time(LATER)
    bench.clouds["node1"].listen()
    bench.over()
    fails(bench, words=NOT_BEGUN)


def _goes_to(bench: Bench, day: Any, hour: time) -> None:
    zone = bench.config.kws.zone
    bench.clock.at = datetime.combine(day, hour, zone).astimezone(bench.clock.at.tzinfo)
    bench.pass_time(40)
    bench.service.nightly.tick()
    bench.pass_time(20)


# -- telling


def untold(bench: Bench, seconds: int) -> None:
    """Nothing of Slack answers when it is ready."""
    begins(bench)
    bench.loses_slack(seconds)
    bench.workspace.wait_connected(2, timeout=60)
    comes(bench, 900)


CALLS = [
    *((name, answer, call, False) for name, calls in (("source", SOURCE), ("target", TARGET))
      for answer, call in zip(itertools.cycle(ANSWERS), calls)),
    *((name, HALF, call, True) for name, calls in (("source", SOURCE), ("target", TARGET)) for call in calls),
]  # fmt: skip
NOT_THERE = nova(
    403, "forbidden", "Quota exceeded for instances: Requested 1, but already used 50 of 50 instances"
)
REFUSALS = [
    (NO_QUOTA, (*COPY, 1)),
    (TOO_LARGE, (*CREATE, 0)),
    (TOO_LARGE, (*FILL, 0)),
    (NOT_THERE, ("POST", "/servers$", 0)),
]
ROWS: tuple[Any, ...] = (
    Row("node refuses connections", "for 30 s, 1 to 12 s after a move was asked for: the one that has it", source_down,
        (1, 0, 3, 6, 9, 12)),
    Row("node refuses connections", "the same during a move: the one that gets it", target_down, (9, 1, 5, 12)),
    Row("node refuses connections", "the same during a move: the one that gets it; a third one is there", target_down,
        (9, 1, 5, 12), nodes=3),
    Row("node dies", "during a move, when the copy has travelled", source_dies_for_good),
    Row("node loses power", "for a minute, as a move begins", dark),
    Row("node fails at a call of a move", "each call: not done, or done but unsaid", fails_once, CALLS, nodes=3),
    Row("node responds 409", "for a minute, as a move stops a server", busy, (60,)),
    Row("node responds 403 or 413: quota", "each step of a move; no other node", refused, REFUSALS),
    Row("a copy's image is deleted on the node", "during a move: while it is made, or as it travels", deleted,
        ("made", "kept")),
    Row("two clicks, and the command", "at the start of a move", twice),
    Row("server is returned", "0 to 12 s after a move was asked for", returned, (6, 0, 3, 9, 12)),
    Row("server is extended", "0 to 9 s after a move was asked for", extended, (6, 0, 9)),
    Row("server expires", "during a move, while its disk is copied", expires),
    Row("node refuses connections", "at 03:00, when a move is to begin", planned),
    Row("Slack is away for a minute", "during a move", untold, (60,)),
)  # fmt: skip
