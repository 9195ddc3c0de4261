"""What is asked at each form, each second or each minute reads no table from end to end, however long the history is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from harness.world import JOON, MINA, World
from sqlalchemy import event

from kws_core.database.job_ledger import maybe_overdue
from kws_core.outbox.admin_queries import DeskQueries, Search
from kws_core.outbox.home_state import HomeStates
from kws_core.rentals.admission import NEW_NETWORK
from kws_core.reports.metrics import figures
from kws_core.reports.past import Past

GROWING = ("rentals", "placements", "events", "deliveries", "acts", "job_runs", "notices")
PARTIAL = ("ix_events_undelivered",)  # holds only what is still to be told
NEWEST = "ORDER BY events.id DESC"  # stops at the first few


@contextmanager
def asked(world: World) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that the database gets."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            seen.append((statement, parameters))

    event.listen(world.store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(world.store.engine, "before_cursor_execute", note)


def scans(world: World, statements: list[tuple[str, Any]]) -> list[str]:
    """How SQLite would read a growing table from end to end, with the statement."""
    found = []
    with world.store.engine.connect() as connection:
        for statement, parameters in dict.fromkeys((s, tuple(p)) for s, p in statements):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            for detail in [str(row[3]) for row in rows]:
                table = re.match(r"SCAN (\w+)", detail)
                bounded = any(index in detail for index in PARTIAL) or NEWEST in statement
                if table and table[1] in GROWING and not bounded:
                    found.append(f"{detail}: {statement}")
    return found


def life(world: World) -> None:
    """A rental with a network of its own from the form to the end."""
    network = {"network": NEW_NETWORK, "network_name": "mine", "cidr": "10.77.0.0/24"}
    rental = world.ready("web02", **network)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(20)


def line(world: World) -> None:
    """Six wish for something on a node that builds one at a time."""
    for number in range(6):
        world.rent(f"line{number}")
    world.settle(5)


def night(world: World) -> None:
    world.nightly.tick()
    world.clock.advance(days=1)
    world.nightly.tick()
    with world.store.read() as session:
        maybe_overdue(session, world.context.today())


def homes(world: World) -> None:
    book, desk = HomeStates(world.context), DeskQueries(world.context)
    book.opened(MINA.id)
    book.due()
    assert book.sheet(MINA.id)
    desk.events()
    desk.missed()
    for search in (Search(), Search(person=MINA.id), Search(within=3), Search(node="node1")):
        desk.find(search)


def people(world: World) -> None:
    world.rental_service.offer(MINA)
    world.rental_queries.my_rentals(MINA)
    world.rental_queries.rental_named(MINA, "web01")
    world.rental_queries.nodes()
    world.members.owners()
    world.deliveries.first_time("trigger:1")
    world.deliveries.forget_old_deliveries()


def loops(world: World) -> None:
    """Ticks, a node that comes back, a sweep of leaks."""
    world.nodes["node1"].go_down()
    world.clock.advance(minutes=6)
    world.settle(30)
    world.nodes["node1"].come_back()
    world.settle(90)
    world.clock.at += timedelta(hours=1)
    world.tick()


def unused(world: World) -> None:
    """Somebody waits, and the owner of a server that looks unused is asked."""
    for number in range(4):
        world.ready(f"full{number}", ends_on=world.day(60), size="large")
    world.nodes["node1"].diagnostics = False
    world.clock.advance(days=8)
    world.rent("more", JOON, ends_on=world.day(60), size="large", wait=True)
    world.reconciler.idle.look("node1")
    asked_about = [
        rental for rental in world.rental_queries.all_rentals() if "idle_asked" in world.kinds(rental)
    ]
    assert len(asked_about) == 3


def monitoring(world: World) -> None:
    past = Past()
    for _ in range(2):
        figures(world.context, past)


@pytest.mark.parametrize("act", [people, life, line, loops, night, homes, monitoring, unused])
def test_no_table_that_grows_is_read_from_end_to_end(
    make_world: Callable[..., World], act: Callable[[World], None]
) -> None:
    world = make_world(
        1, max_builds=1, max_rentals=20, vcpus=60, ram_mb=60000, policy="max_vcpus_per_user = 99"
    )
    world.ready("web01")
    with asked(world) as statements:
        act(world)
    assert statements
    assert scans(world, statements) == []


def test_a_second_of_the_loop_reads_what_is_due_in_it(world: World) -> None:
    with asked(world) as statements:
        world.tick()
    (query,) = [one for one in statements if "min(placements.next_look_at)" in one[0]]
    with world.store.engine.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1]).all())
    assert "next_look_at<?" in plan, plan


def test_the_test_sees_a_scan(world: World) -> None:
    statement = ("SELECT id FROM placements WHERE state != ?", ("gone",))
    assert scans(world, [statement]) != []
