"""Faults of the proxy while a server with a web address is rented, and afterwards. Nobody waits for the proxy."""

from __future__ import annotations

from harness.world import WEB

from faults.bench import Bench
from faults.node_rows import one_ready
from faults.rows import Row
from kws_core.tables.states import Status
from kws_core.web.routes import Page

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
    bench.caddy.down = True
    bench.strike()
    one_ready(bench)
    bench.pass_time(seconds)
    bench.caddy.down = False
    bench.over()
    bench.recovers(lambda: served(bench), 30)
    told_once(bench)


def refuses(bench: Bench, seconds: int) -> None:
    """It takes no configuration."""
    bench.caddy.refuses = True
    bench.strike()
    one_ready(bench)
    bench.pass_time(seconds)
    bench.caddy.refuses = False
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


ROWS = (
    Row("Caddy is away", "when a server is rented, until 5 s or 2 minutes after it is ready", away, (5, 120), web=WEB),
    Row("Caddy rejects its configuration", "the same", refuses, (5, 120), web=WEB),
    Row("Caddy forgets its configuration, or somebody changes it", "while a site is served", changed,
        ("restarted", "by hand"), web=WEB),
    Row("Caddy is away", "when a server is returned, and a minute more", ends, (60,), web=WEB),
)  # fmt: skip
