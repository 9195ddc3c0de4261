"""What is held is summed in the database; the rooms are those of a count one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from harness.world import MINA, START, World

from kws_core.database import queries
from kws_core.scheduling import capacity
from kws_core.tables.node import NodeRecord
from kws_core.values import HostCapacity, Size


def test_sums_say_what_a_count_says(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(2, max_rentals=20, vcpus=30, ram_mb=30000, policy="max_vcpus_per_user = 99")
    for number in range(4):
        world.ready(f"old{number}")
    world.clock.advance(minutes=2)
    world.settle(2)  # the nodes measure anew: they have counted the old ones
    world.nodes["node2"].go_down()
    for number in range(3):
        world.rent(f"new{number}", size="large")
        world.settle(3)
    world.rental_service.return_rental(MINA, world.rental_queries.rental_named(MINA, "old0").id)
    world.rent("asked-now")  # no server yet

    def look() -> tuple[list[capacity.NodeStatus], int]:
        with world.store.read() as session:
            return capacity.statuses(session, world.config), len(real(session, *since))

    real, since = queries.held_capacity, [START]
    one_by_one = START - timedelta(days=1)
    summed, _ = look()
    monkeypatch.setattr(queries, "held_capacity", lambda session, since=None: real(session, one_by_one))
    since[:] = [one_by_one]
    counted, rows = look()
    assert rows == sum(status.lent.rentals for status in counted) > 5
    assert summed == counted
    assert sum(room.free_vcpus for room in (status.room for status in counted)) > 0


def test_what_the_nodes_have_counted_is_a_row_for_each_node_and_state(world: World) -> None:
    for number in range(3):
        world.ready(f"web{number}", size="medium")
    with world.store.read() as session:
        rows = queries.held_capacity(session, world.clock())
    assert len(rows) == len({row.node for row in rows})
    assert sum(row.rentals for row in rows) == 3
    assert sum(row.ram_mb for row in rows) == 3 * 1024


def test_what_each_host_gives_is_remembered(world: World) -> None:
    world.nodes["node2"].largest = Size("most", 2, 1024, 50)
    world.clock.advance(minutes=2)
    world.settle(2)
    with world.store.read() as session:
        one, two = capacity.rooms(session, world.config)
        record = queries.node_records(session)[0]
        assert one.hosts == tuple(world.nodes["node1"].capacity().hosts)
        assert two.hosts == (HostCapacity(2, 1024, 50, 2, 1024, 50),)
        older = NodeRecord(
            name="x", capacity={k: v for k, v in (record.capacity or {}).items() if k != "hosts"}
        )
        newer = NodeRecord(
            name="x", capacity={**(record.capacity or {}), "hosts": [{"vcpus": 1, "colour": 2}]}
        )
        assert (read := capacity.load_capacity(older)) and read.hosts == ()
        assert (read := capacity.load_capacity(newer)) and read.hosts == (HostCapacity(1),)
