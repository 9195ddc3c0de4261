"""Faults of the proxy while a server with a web address is rented, and afterwards. Nobody waits for the proxy."""

from __future__ import annotations

from typing import Any

from harness.names import NameWatch
from harness.world import WEB

from faults.bench import Bench
from faults.copy_rows import CREATE
from faults.move_rows import NOT_THERE, TOO_LARGE, comes, fails, first, hours, moved, other, target
from faults.node_rows import LATER, OOPS, one_ready
from faults.reset_rows import ACTION, is_reset
from faults.rows import Row, move, reset
from kws_core.people import Actor
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status
from kws_core.web.routes import Page
from kws_core.web.service import SiteForm, Sites

HOST = "web01.lab.example"
LINK = f"https://{HOST}"


def served(bench: Bench) -> bool:
    """Whether a visitor gets to the server, and its owner knows."""
    (rental,) = bench.rentals()
    site, placement = rental.site, rental.placement
    known = site is not None and site.served_at is not None and not bench.undelivered()
    return known and placement is not None and bench.caddy.behind(HOST) == f"{placement.floating_ip}:80"


def told_once(bench: Bench) -> None:
    """One message has the link besides the card."""
    found = [m for m in bench.joon.dm() if "'block_id': 'notice-" in str(m) and LINK in str(m)]
    assert len(found) == 1, f"{len(found)} messages have the link"


def away(bench: Bench, seconds: int) -> None:
    """Nothing answers at the admin API from before the form until so many seconds after the server is ready."""
    _served_after(bench, "down", seconds)


def refuses(bench: Bench, seconds: int) -> None:
    """It takes no configuration."""
    _served_after(bench, "refuses", seconds)


def _served_after(bench: Bench, trouble: str, seconds: int) -> None:
    """Caddy has that trouble from before the form until so many seconds after the server is ready."""
    setattr(bench.caddy, trouble, True)
    bench.strike()
    one_ready(bench)
    bench.pass_time(seconds)
    setattr(bench.caddy, trouble, False)
    bench.over()
    bench.recovers(lambda: served(bench), 30)
    told_once(bench)


def changed(bench: Bench, how: str) -> None:
    """It is started again and remembers nothing, or somebody takes a route out."""
    one_ready(bench)
    bench.until(lambda: served(bench), 30)
    if how == "restarted":
        bench.caddy.restart()
    else:
        bench.caddy.found["apps"]["http"]["servers"]["kws"]["routes"].clear()
    bench.strike()
    bench.recovers(lambda: served(bench), 30)
    told_once(bench)


def ends(bench: Bench, seconds: int) -> None:
    """It is away as the server is returned."""
    one_ready(bench)
    bench.until(lambda: served(bench), 30)
    bench.caddy.down = True
    bench.strike()
    bench.return_rental()
    bench.until(lambda: bench.told(Status.ENDED), 120)
    bench.pass_time(seconds)
    bench.caddy.down = False
    bench.over()
    bench.recovers(lambda: bench.caddy.behind(HOST) is Page.ENDED, 30)


# -- a server that moves, or is reset: what is watched from now on, each second, is in ``harness/names.py``


def with_two_names(bench: Bench) -> None:
    """A server is served under two names, at a port that isn't open to everyone."""
    one_ready(bench)
    rental = first(bench)
    Sites(bench.service.context).change(
        Actor(rental.owner), rental.id, SiteForm(Audience.LAB, 8080, second="shop")
    )
    bench.until(lambda: leads_to(bench, rental), 30)
    bench.names = NameWatch()


def leads_to(bench: Bench, rental: Rental) -> bool:
    """Whether both names lead to that rental, whose node lets the proxy in, and its owner knows."""
    fresh = next(one for one in bench.rentals() if one.id == rental.id)
    held = fresh.placement
    if held is None or fresh.site is None or not fresh.site.served_at or not held.let_in:
        return False
    found = {bench.caddy.behind(host) for host in (HOST, "shop.lab.example")}
    return found == {f"{held.floating_ip}:8080"} and not bench.undelivered()


def moves_without_caddy(bench: Bench, seconds: int) -> None:
    """Caddy is away from the start of the move until so many seconds after its end."""
    with_two_names(bench)
    bench.caddy.down = True
    bench.strike()
    move(bench)
    bench.until(lambda: not first(bench).live, 120)
    bench.pass_time(seconds)
    bench.caddy.down = False
    bench.over()
    bench.recovers(lambda: leads_to(bench, other(bench)), 5)
    bench.until(lambda: moved(bench), 120)
    hours(bench)


def moves_from_a_dead_node(bench: Bench, when: str) -> None:
    """A node dies in the middle of the move, and is back half a minute later."""
    with_two_names(bench)
    move(bench)
    bench.until(lambda: other(bench).placement and other(bench).placement.image_at, 120)  # type: ignore[union-attr]
    bench.loses(bench.clouds["node1"] if when == "has it" else target(bench), LATER)
    comes(bench)
    assert leads_to(bench, other(bench)), "its names did not follow"
    assert first(bench).site is None, "two have it"


def move_is_refused(bench: Bench, strike: tuple[Any, tuple[str, str, int]]) -> None:
    """The node that should get it says no: the names stay where they are."""
    answer, (method, path, skip) = strike
    with_two_names(bench)
    cloud = bench.clouds["node2"]
    cloud.trouble(answer, method, path, skip=skip, times=1)
    bench.strike()
    move(bench)
    bench.until(lambda: cloud.faced, 120)
    fails(bench)
    assert leads_to(bench, first(bench)), "its names have left it"


def is_reset_meanwhile(bench: Bench, what: str) -> None:
    """Caddy forgets everything, or the node fails twice, while the server is reset."""
    with_two_names(bench)
    if what == "Caddy":
        bench.caddy.restart()
    else:
        bench.clouds["node1"].trouble(OOPS, *ACTION, times=2)
    bench.strike()
    reset(bench)
    bench.recovers(lambda: is_reset(bench) and leads_to(bench, first(bench)), 300)


ROWS = (
    Row("Caddy is away", "when a server is rented, until 5 s or 2 minutes after it is ready", away, (5, 120), web=WEB),
    Row("Caddy rejects its configuration", "the same", refuses, (5, 120), web=WEB),
    Row("Caddy forgets its configuration, or somebody changes it", "while a site is served", changed,
        ("restarted", "by hand"), web=WEB),
    Row("Caddy is away", "when a server is returned, and a minute more", ends, (60,), web=WEB),
    Row("Caddy is away", "during a move of a server with two names, and until 0 s or a minute after it",
        moves_without_caddy, (0, 60), web=WEB),
    Row("node refuses connections", "for 30 s during a move of a server with two names", moves_from_a_dead_node,
        ("gets it", "has it"), web=WEB),
    Row("node responds 403 or 413: quota", "at a move of a server with two names; no other node", move_is_refused,
        ((NOT_THERE, ("POST", "/servers$", 0)), (TOO_LARGE, (*CREATE, 0))), web=WEB),
    Row("Caddy forgets its configuration, or the node fails twice", "as a server with two names is reset",
        is_reset_meanwhile, ("Caddy", "node"), web=WEB),
)  # fmt: skip
