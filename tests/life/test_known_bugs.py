"""Bugs that drawn lives have found, told by hand."""

from __future__ import annotations

from typing import Any

import pytest
from harness.world import MINA
from life.scenarios import MakeLab

from kws_core.errors import NodeDown, Refusal
from kws_core.nodes.values import ServerSpec
from kws_core.tables.states import Status


def test_two_short_silences_far_apart_do_not_end_a_long_build(make_lab: MakeLab) -> None:
    lab = make_lab(2, build=200)
    rental = lab.rent()
    lab.settle(4)
    first = lab.look(rental).placement
    assert first and first.server_id
    for _ in range(2):
        lab.nodes[first.node].fail_next("machines", NodeDown(first.node, Refusal.DOWN, "a blip"))
        lab.settle(60)
    now = lab.look(rental).placement
    assert now and now.node == first.node


def test_one_miss_after_a_silence_does_not_end_a_rental(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    rental = lab.rent()
    lab.settle(8)
    node = lab.nodes["node1"]
    lab.clock.advance(minutes=6)
    node.fail_next("machines", NodeDown("node1", Refusal.DOWN, "rebooting"))
    lab.tick()
    hidden = dict(node.servers)  # Nova answers again, but not for this machine yet
    node.servers.clear()
    lab.clock.advance(seconds=10)
    lab.tick()
    node.servers.update(hidden)
    assert lab.look(rental).status is Status.READY


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_server_that_a_timed_out_create_still_makes_is_not_left(make_lab: MakeLab, nodes: int) -> None:
    """The read timeout passed, Nova works on, and its listing shows the server three seconds later."""
    lab = make_lab(nodes)
    rental = lab.rent()
    node = lab.nodes[lab.look(rental).placements[0].node]
    late: list[ServerSpec] = []

    def times_out(spec: Any, address: Any) -> str:
        late.append(spec)
        raise NodeDown(node.name, Refusal.DOWN, "read timeout")

    node._ensure_server = times_out  # type: ignore[method-assign, assignment]
    while not late:
        lab.settle(1)
    del node._ensure_server
    if nodes == 1:
        lab.rental_service.return_rental(MINA, rental.id)  # else it moves on by itself
    lab.tick()
    lab.clock.advance(seconds=3)
    node.ensure_server(late[0], node.ensure_address(late[0]))
    lab.settle(60)
    lab.check()
