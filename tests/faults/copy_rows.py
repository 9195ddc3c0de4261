"""Faults while somebody keeps a copy of a server, and while it travels to another node. node1 has the server."""

from __future__ import annotations

import itertools
from typing import Any

from harness.openstack_stub import Answer

from faults.bench import Bench
from faults.node_rows import BUSY, CLASH, HALF, LATE, LATER, LIST, OOPS, PAGE, nova, one_ready
from faults.rows import Row, keep_a_copy, list_copies
from kws_core.scheduling.capacity import record_of
from kws_core.tables.copy import Copy
from kws_core.tables.states import CopyState, Status

COPY = ("POST", "/action$")
CREATE, FILL, READ, RENAME = ("POST", "/images$"), ("PUT", "/file$"), ("GET", "/file$"), ("PATCH", "/images/")
NO_QUOTA = nova(403, "forbidden", "Quota exceeded, image_count_total is over its limit")
TOO_LARGE = Answer(413, "<html>image_size_total is over limit of 10</html>")
UNANSWERED = [(answer, False) for answer in (OOPS, LATE, BUSY, HALF, PAGE, LIST)] + [(HALF, True)]
ON_THE_WAY = [(*step, after) for after, step in itertools.product((False, True), (FILL, CREATE, RENAME))]


def copy(bench: Bench) -> Copy:
    """The one that there is."""
    (only,) = bench.copies()
    return only


def kept(bench: Bench) -> bool:
    return copy(bench).state is CopyState.KEPT and not bench.undelivered()


def gone(bench: Bench) -> bool:
    return copy(bench).state is CopyState.GONE and not bench.undelivered()


def says(bench: Bench, words: str) -> None:
    """One message tells it: not none, and not two."""
    notices = [m for m in bench.joon.dm() if "'block_id': 'notice-" in str(m) and words in str(m)]
    assert len(notices) == 1, f"{len(notices)} messages say {words!r}"


# -- while it is made


def down(bench: Bench, seconds: int) -> None:
    """The node dies so many seconds after the wish, and is back a while later."""
    one_ready(bench)
    keep_a_copy(bench)
    bench.loses(bench.clouds["node1"], LATER, after=seconds)
    bench.recovers(lambda: kept(bench), 300)
    says(bench, "Copy kept")


def unanswered(bench: Bench, strike: tuple[Answer, bool]) -> None:
    """The node fails twice as it is asked for the copy; at the last it has made it, and doesn't say so."""
    answer, after = strike
    one_ready(bench)
    bench.clouds["node1"].trouble(answer, *COPY, after=after, times=1 if after else 2)
    bench.strike()
    keep_a_copy(bench)
    bench.recovers(lambda: kept(bench), 600)
    assert bench.clouds["node1"].faced, "it never struck"
    says(bench, "Copy kept")


def busy(bench: Bench, seconds: int) -> None:
    """The server is being rebooted or stopped, as far as Nova knows."""
    one_ready(bench)
    bench.clouds["node1"].trouble(CLASH, *COPY)
    bench.strike()
    keep_a_copy(bench)
    bench.pass_time(seconds)
    bench.clouds["node1"].well()
    bench.over()
    bench.recovers(lambda: kept(bench), 300)


def refused(bench: Bench, answer: Answer) -> None:
    """It takes no image of it."""
    one_ready(bench)
    bench.clouds["node1"].trouble(answer, *COPY)
    bench.strike()
    keep_a_copy(bench)
    bench.recovers(lambda: gone(bench), 300)
    says(bench, "make a copy")


def deleted(bench: Bench, when: str) -> None:
    """Somebody deletes the image on the node."""
    one_ready(bench)
    cloud = bench.clouds["node1"]
    keep_a_copy(bench)
    bench.until(lambda: copy(bench).image_id if when == "made" else kept(bench), 60)
    bench.strike()
    with cloud.lock:
        cloud.stock.glance.delete(str(copy(bench).image_id))
    if when == "kept":
        bench.clock.advance(hours=1)  # when it is looked for again
    bench.recovers(lambda: gone(bench), 3600)
    says(bench, "someone deleted it")


# -- while it travels


def brought_back(bench: Bench) -> None:
    """A copy whose server has ended is asked for, on another node than its own."""
    one_ready(bench)
    keep_a_copy(bench)
    bench.until(lambda: kept(bench), 60)
    bench.return_rental()
    bench.until(lambda: bench.told(Status.ENDED) and bench.settled(), 60)
    with bench.service.store.write() as session:
        record_of(session, "node1").drained = True
    bench.old_keys = 1
    bench.joon.click("copy_bring_back", message=list_copies(bench))
    bench.workspace.wait_for(lambda: bench.joon.open_view, 10)
    bench.joon.fill_form({"name": "web01"})
    bench.sights.form(bench.joon.submit())
    bench.workspace.wait_for(lambda: len(bench.rentals()) == 2, 10)


def came(bench: Bench, within: float = 300) -> None:
    """It is ready; an hour later its node has no image of it any longer."""
    bench.recovers(lambda: Status.READY in states(bench) and not bench.undelivered(), within)
    bench.clock.advance(hours=1)
    bench.pass_time(30)


def states(bench: Bench) -> list[Status]:
    return [rental.status for rental in bench.rentals()]


def target(bench: Bench) -> Any:
    """The node to which it travels."""
    held = next(r.placement for r in bench.rentals() if r.copy_id)
    assert held
    return bench.clouds[held.node]


def full(bench: Bench, strike: tuple[tuple[str, str], Answer]) -> None:
    """The node has no room for it: the server is created on the third one."""
    step, answer = strike
    for name in ("node2", "node3"):
        bench.clouds[name].trouble(answer, *step, times=1)
    bench.strike()
    brought_back(bench)
    first = target(bench)
    for cloud in bench.clouds.values():
        if cloud is not first:
            cloud.well()
    came(bench)
    assert first.faced, "it never struck"
    assert target(bench) is not first


def full_everywhere(bench: Bench, answer: Answer) -> None:
    """No node but its own has room: the rental ends, and the copy is there as before."""
    bench.clouds["node2"].trouble(answer, *FILL)
    bench.strike()
    brought_back(bench)
    bench.recovers(lambda: set(states(bench)) == {Status.ENDED} and not bench.undelivered(), 300)
    assert kept(bench)


def broken_off(bench: Bench, strike: tuple[str, str, bool]) -> None:
    """Its way breaks off once, before or after the node did what it was asked."""
    method, path, after = strike
    bench.clouds["node2"].trouble(HALF if after else OOPS, method, path, after=after, times=1)
    bench.strike()
    brought_back(bench)
    came(bench)
    assert bench.clouds["node2"].faced, "it never struck"


def dies(bench: Bench, which: str) -> None:
    """One of the two nodes dies while the bytes go over, for a while."""
    cloud = bench.clouds[which]
    step = READ if which == "node1" else FILL
    cloud.trouble(OOPS, *step)
    brought_back(bench)
    bench.until(lambda: cloud.faced, 60)
    cloud.refuse()
    bench.strike()
    bench.pass_time(LATER)
    cloud.well()
    cloud.listen()
    bench.over()
    came(bench)


# -- telling


def untold(bench: Bench, seconds: int) -> None:
    """Nothing of Slack answers when it is kept."""
    one_ready(bench)
    keep_a_copy(bench)
    bench.loses_slack(seconds)
    bench.recovers(lambda: kept(bench), 600)
    bench.workspace.wait_connected(2, timeout=60)
    says(bench, "Copy kept")


NO_ROOM = ((CREATE, TOO_LARGE), (FILL, TOO_LARGE))
ROWS = (
    Row("node refuses connections", "for 30 s, 0 to 3 s after a copy was asked for", down, (1, 0, 2, 3)),
    Row("node fails at a copy", "not done, or done but unsaid", unanswered, UNANSWERED),
    Row("node responds 409", "for a minute, as it is asked for a copy", busy, (60,)),
    Row("node responds 403 or 413: quota", "as it is asked for a copy", refused, (NO_QUOTA, TOO_LARGE)),
    Row("a copy's image is deleted on the node", "while it is made, or afterwards", deleted, ("made", "kept")),
    Row("node is full", "as a copy is brought to it", full, NO_ROOM, nodes=3),
    Row("node is full", "the same, no other node", full_everywhere, (TOO_LARGE,)),
    Row("node fails as a copy is brought to it", "each call: not done, or done but unsaid", broken_off, ON_THE_WAY),
    Row("node dies while a copy travels", "the one that gets it, or the one that has it, for 30 s", dies, ("node2", "node1")),
    Row("Slack is away for a minute", "when a copy is kept", untold, (60,)),
)  # fmt: skip
