"""Faults while a server gets another size. node1 has it, and can change it in place unless it is said otherwise."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.copy_rows import says
from faults.move_rows import first, hours, moved
from faults.node_rows import BUSY, CLASH, HALF, LATE, LATER, LIST, OOPS, PAGE, nova, one_ready
from faults.power_rows import ACTION, server
from faults.rows import Row, resize
from kws_core.moves.service import Moves
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Status

NEW, OLD, CONFIRMED = "kws-2c-2048m-20g", "kws-1c-512m-5g", "confirmResize"
ASK, CONFIRM = 0, 1  # how many actions go well before
NO_HOST = nova(400, "badRequest", "No valid host was found. No valid host found for resize")
NO_QUOTA = nova(403, "forbidden", "Quota exceeded for cores: Requested 1, but already used 20 of 20 cores")
NO_POLICY = nova(403, "forbidden", "Policy doesn't allow os_compute_api:servers:resize to be performed.")
UNANSWERED = [
    *((HALF, skip, True) for skip in (ASK, CONFIRM)),
    *((answer, skip, False) for answer, skip in itertools.product((OOPS, LATE, BUSY, HALF, PAGE, LIST), (ASK, CONFIRM))),
]  # fmt: skip


def begins(bench: Bench) -> str:
    """A server is ready, and its owner chooses another size; its address."""
    one_ready(bench)
    address = address_of(first(bench))
    resize(bench)
    return address


def address_of(rental: Rental) -> str:
    assert rental.placement
    return rental.placement.floating_ip or ""


def settled(bench: Bench, size: str) -> bool:
    """It runs with that size, nothing is open, and its owner knows."""
    (rental, *more) = bench.rentals()
    runs = (rental.status, rental.power, rental.size) == (Status.READY, Power.ON, size)
    return runs and not more and not rental.resizing and not bench.undelivered() and bench.settled()


def comes(bench: Bench, address: str, within: float = 300) -> None:
    """It has the new size at its old address, its node was asked for it once, and the old flavor is gone."""
    bench.recovers(lambda: settled(bench, "large"), within)
    assert server(bench).resizes == [NEW, CONFIRMED], f"its node did {server(bench).resizes}"
    assert address_of(first(bench)) == address, "its address is another one"
    bench.until(lambda: [f["name"] for f in bench.clouds["node1"].stock.flavors.values()] == [NEW], 4000)
    told(bench, "The size is now large")


def told(bench: Bench, words: str) -> None:
    """Its owner got one message of that."""
    found = [m for m in bench.joon.dm() if "'block_id': 'notice-" in str(m) and words in str(m)]
    assert len(found) == 1, f"told {len(found)} times: {words}"


def through_a_copy(bench: Bench, within: float = 600) -> None:
    """With nothing to type again."""
    bench.recovers(lambda: moved(bench), within)
    new = next(rental for rental in bench.rentals() if rental.live)
    assert new.size == "large", f"its size is {new.size}"
    told(bench, "couldn't change the size in place")
    hours(bench)


def down(bench: Bench, seconds: int) -> None:
    """The node dies so many seconds after the wish, and is back a while later."""
    address = begins(bench)
    bench.loses(bench.clouds["node1"], LATER, after=seconds)
    comes(bench, address)


def unanswered(bench: Bench, strike: tuple[Answer, int, bool]) -> None:
    """The node fails as it is asked for the size, or to confirm it; or it does it, and doesn't say so."""
    answer, skip, after = strike
    one_ready(bench)
    address = address_of(first(bench))
    bench.clouds["node1"].trouble(answer, *ACTION, after=after, times=1 if after else 2, skip=skip)
    bench.strike()
    resize(bench)
    bench.until(lambda: bench.clouds["node1"].faced, 120)
    comes(bench, address)


def busy(bench: Bench, seconds: int) -> None:
    """Something else is under way with the server, as far as Nova knows."""
    one_ready(bench)
    address = address_of(first(bench))
    bench.clouds["node1"].trouble(CLASH, *ACTION)
    bench.strike()
    resize(bench)
    bench.pass_time(seconds)
    bench.clouds["node1"].well()
    bench.over()
    comes(bench, address) if seconds < 60 else through_a_copy(bench)


def refused(bench: Bench, answer: Answer) -> None:
    """The node says no at once."""
    one_ready(bench)
    bench.clouds["node1"].trouble(answer, *ACTION, times=1)
    bench.strike()
    resize(bench)
    bench.until(lambda: bench.clouds["node1"].faced, 120)
    through_a_copy(bench)


def unable(bench: Bench, _: str) -> None:
    """The node says yes, and finds out that it has no host for it."""
    one_ready(bench)
    bench.clouds["node1"].stock.resizes = False
    bench.strike()
    resize(bench)
    through_a_copy(bench)


def breaks(bench: Bench, _: str) -> None:
    """Nova shows the server in ERROR: its owner and the admins are told, and a reset helps."""
    one_ready(bench)
    bench.clouds["node1"].stock.next_faults = ["Instance rollback performed due to: disk"]
    bench.strike()
    resize(bench)
    bench.recovers(lambda: first(bench).power is Power.OFF and bench.at_rest(), 300)
    says(bench, "broke on node1")
    assert "broke on node1" in str(bench.admin.dm())
    server(bench).broken = ""  # by an admin, on the node
    bench.pass_time(400)
    bench.until(lambda: settled(bench, first(bench).size), 400)


def dark(bench: Bench, seconds: int) -> None:
    """The PC loses power in the middle, and comes back with its server stopped."""
    address = begins(bench)
    for _ in range(seconds):
        bench.beat()
    cloud = bench.clouds["node1"]
    cloud.refuse()
    bench.strike()
    bench.pass_time(LATER * 2)
    server(bench).off = True
    cloud.listen()
    bench.over()
    bench.recovers(lambda: settled(bench, "large") and not server(bench).off, 600)
    assert server(bench).resizes == [NEW, CONFIRMED], f"its node did {server(bench).resizes}"
    assert address_of(first(bench)) == address


def confirmed(bench: Bench, _: str) -> None:
    """Nova confirms it by itself (resize_confirm_window) while the bot can't reach the node."""
    one_ready(bench)
    address = address_of(first(bench))
    cloud = bench.clouds["node1"]
    cloud.trouble(OOPS, *ACTION, skip=CONFIRM)
    bench.strike()
    resize(bench)
    bench.until(lambda: cloud.faced, 120)
    with cloud.lock:
        cloud.stock.act(server(bench).id, {CONFIRMED: None})
    cloud.well()
    bench.over()
    comes(bench, address)


def twice(bench: Bench, _: str) -> None:
    """The same form comes twice, and the command once more."""
    address = begins(bench)
    bench.strike()
    rental, size = first(bench), bench.config.size("large")
    Moves(bench.service.context).start(Actor(rental.owner), rental.id, size=size, via="form")
    bench.joon.command("/kws resize web01")
    comes(bench, address)


def returned(bench: Bench, seconds: int) -> None:
    begins(bench)
    for _ in range(seconds):
        bench.beat()
    bench.strike()
    bench.return_rental()
    bench.recovers(lambda: bench.told(Status.ENDED) and bench.settled(), 300)


def extended(bench: Bench, seconds: int) -> None:
    address = begins(bench)
    for _ in range(seconds):
        bench.beat()
    until = bench.service.context.today() + timedelta(days=20)
    bench.strike()
    Extensions(bench.service.context).extend(Actor(first(bench).owner), first(bench).id, until, via="card")
    comes(bench, address)
    assert first(bench).ends_on == until, "the extension is lost"


def untold(bench: Bench, seconds: int) -> None:
    """Nothing of Slack answers when it has its size."""
    address = begins(bench)
    bench.loses_slack(seconds)
    bench.workspace.wait_connected(2, timeout=60)
    comes(bench, address, 900)


def slow(bench: Bench, seconds: int) -> None:
    """The node takes its time, and the process is another one before it is done."""
    one_ready(bench)
    address = address_of(first(bench))
    stock = bench.clouds["node1"].stock
    stock.times = replace(stock.times, resize=float(seconds))
    bench.strike()
    resize(bench)
    comes(bench, address, seconds + 300)


ROWS: tuple[Any, ...] = (
    Row("node refuses connections", "for 30 s, 0 to 5 s after a new size was chosen", down, (1, 0, 2, 3, 4, 5)),
    Row("node fails at a change of size", "as it is asked or is to confirm it: not done, or done but unsaid", unanswered,
        UNANSWERED),
    Row("node responds 409", "for 30 s or longer, as it is asked for a size", busy, (30, 90)),
    Row("node responds 400 or 403", "as it is asked for a size: no host, quota, policy", refused,
        (NO_HOST, NO_QUOTA, NO_POLICY)),
    Row("node can't change a size in place", "it says so by showing the server as it was", unable),
    Row("node breaks the server", "as it changes its size", breaks),
    Row("node loses power", "for a minute, 1 to 5 s after a new size was chosen", dark, (1, 3, 5)),
    Row("node confirms a size by itself", "before KWS does", confirmed),
    Row("node is slow", "10 minutes for a new size", slow, (600,)),
    Row("two forms, and the command", "at the start of a change of size", twice),
    Row("server is returned", "0 to 5 s after a new size was chosen", returned, (3, 0, 1, 2, 4, 5)),
    Row("server is extended", "0 to 4 s after a new size was chosen", extended, (2, 0, 4)),
    Row("Slack is away for a minute", "during a change of size", untold, (60,)),
)  # fmt: skip
