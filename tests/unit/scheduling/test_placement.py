"""Which node gets a rental: figures in, a ruling out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_core.scheduling.placement import (
    NodeCapacity,
    PlacementRequest,
    RejectReason,
    choose,
    largest,
)
from kws_core.values import HostCapacity, Kind, Size

SMALL = Size("small", 1, 512, 5)
WISH = PlacementRequest(Kind.SERVER, "debian-12", SMALL)


def room(node: str = "node1", **changes: Any) -> NodeCapacity:
    """An empty node of 8 vCPUs."""
    values: dict[str, Any] = {
        "kinds": frozenset({Kind.SERVER}), "images": frozenset({"debian-12"}),
        "vcpus": 8, "ram_mb": 8192, "disk_gb": 100, "free_vcpus": 8, "free_ram_mb": 8192, "free_disk_gb": 100,
    }  # fmt: skip
    return NodeCapacity(node=node, **{**values, **changes})


LACK_OF_ROOM = {
    RejectReason.VCPUS, RejectReason.RAM, RejectReason.DISK, RejectReason.ADDRESSES, RejectReason.QUOTA,
}  # fmt: skip


def fits(room: NodeCapacity, wish: PlacementRequest) -> bool:
    """What people were promised, said without the code."""
    server = wish.kind is Kind.SERVER
    left = [room.free_addresses, room.free_machines, room.free_servers if server else None]
    return (
        room.up
        and not room.drained
        and wish.kind in room.kinds
        and (wish.image in room.images or not server)
        and room.node not in wish.tried
        and (wish.only is None or wish.only == room.node)
        and room.free_vcpus >= wish.size.vcpus
        and room.free_ram_mb >= wish.size.ram_mb
        and room.free_disk_gb >= wish.size.disk_gb
        and 0 not in left
    )


amount = st.integers(0, 16)
rooms = st.lists(
    st.builds(
        NodeCapacity,
        node=st.sampled_from(["a", "b", "c", "d"]),
        kinds=st.frozensets(st.sampled_from(Kind)),
        images=st.frozensets(st.sampled_from(["debian-12", "ubuntu"])),
        vcpus=st.integers(1, 16),
        ram_mb=st.integers(1, 16),
        disk_gb=st.integers(1, 16),
        free_vcpus=amount,
        free_ram_mb=amount,
        free_disk_gb=amount,
        free_addresses=st.none() | st.integers(0, 2),
        free_machines=st.none() | st.integers(0, 2),
        free_servers=st.none() | st.integers(0, 2),
        builds=st.integers(0, 4),
        max_builds=st.integers(1, 3),
        up=st.booleans(),
        drained=st.booleans(),
    ),
    unique_by=lambda room: room.node,
    max_size=4,
)
wishes = st.builds(
    PlacementRequest,
    kind=st.sampled_from(Kind),
    image=st.sampled_from(["debian-12", "ubuntu"]),
    size=st.builds(Size, st.just("any"), st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)),
    tried=st.frozensets(st.sampled_from(["a", "b"])),
    only=st.none() | st.sampled_from(["a", "b", "c"]),
)


@given(rooms, wishes)
def test_the_chosen_node_always_fits(rooms: list[NodeCapacity], wish: PlacementRequest) -> None:
    chosen = next((r for r in rooms if r.node == choose(rooms, wish).node), None)
    if chosen is None:
        return
    assert chosen.up and not chosen.drained
    assert wish.kind in chosen.kinds
    assert chosen.node not in wish.tried
    assert wish.kind is not Kind.SERVER or wish.image in chosen.images
    assert wish.size.vcpus <= chosen.free_vcpus
    assert wish.size.ram_mb <= chosen.free_ram_mb
    assert wish.size.disk_gb <= chosen.free_disk_gb
    assert chosen.free_addresses != 0
    assert chosen.free_machines != 0


@given(rooms, wishes)
def test_a_node_is_chosen_whenever_one_fits_and_every_other_has_its_reason(
    rooms: list[NodeCapacity], wish: PlacementRequest
) -> None:
    ruling = choose(rooms, wish)
    fitting = {r.node for r in rooms if fits(r, wish)}
    assert (ruling.node in fitting) if fitting else ruling.node is None
    assert set(ruling.refused) == {r.node for r in rooms} - fitting
    assert ruling.full == (ruling.node is None and bool(LACK_OF_ROOM & set(ruling.refused.values())))


@given(rooms, wishes)
def test_the_order_of_the_nodes_decides_ties_only(rooms: list[NodeCapacity], wish: PlacementRequest) -> None:
    forward, backward = choose(rooms, wish), choose(rooms[::-1], wish)
    assert (forward.node is None) == (backward.node is None)
    assert forward.refused == backward.refused


@pytest.mark.parametrize(
    ("changes", "no"),
    [
        ({"up": False}, RejectReason.DOWN),
        ({"drained": True}, RejectReason.DRAINED),
        ({"kinds": frozenset({Kind.CONTAINER})}, RejectReason.KIND),
        ({"images": frozenset()}, RejectReason.IMAGE),
        ({"free_vcpus": 0}, RejectReason.VCPUS),
        ({"free_ram_mb": 511}, RejectReason.RAM),
        ({"free_disk_gb": 4}, RejectReason.DISK),
        ({"free_addresses": 0}, RejectReason.ADDRESSES),
        ({"free_machines": 0}, RejectReason.QUOTA),
        ({"free_servers": 0}, RejectReason.QUOTA),
    ],
)
def test_each_refusal_has_its_reason(changes: dict[str, Any], no: RejectReason) -> None:
    ruling = choose([room(**changes)], WISH)
    assert ruling.node is None
    assert ruling.refused == {"node1": no}


def test_a_node_that_was_tried_is_not_tried_again() -> None:
    assert choose([room()], replace(WISH, tried=frozenset({"node1"}))).refused == {
        "node1": RejectReason.TRIED
    }


def test_exactly_what_is_left_fits() -> None:
    assert choose([room(free_vcpus=1, free_ram_mb=512, free_disk_gb=5)], WISH).node == "node1"


def test_rentals_are_spread_to_the_node_with_most_left_of_its_scarcest() -> None:
    lopsided = room("lopsided", free_ram_mb=1024)
    even = room("even", free_vcpus=4, free_ram_mb=4096, free_disk_gb=50)
    assert choose([lopsided, even], WISH).node == "even"


def test_on_a_tie_the_shorter_queue_of_builds_wins() -> None:
    assert choose([room("busy", builds=1), room("idle")], WISH).node == "idle"


def test_a_node_that_can_build_at_once_comes_before_an_emptier_one_that_can_not() -> None:
    queueing, free = room("queueing", builds=2, max_builds=2), room("free", free_vcpus=2)
    assert choose([queueing, free], WISH).node == "free"


def test_without_nodes_nothing_is_chosen_and_nothing_is_full() -> None:
    ruling = choose([], WISH)
    assert (ruling.node, ruling.refused, ruling.full) == (None, {}, False)


def host(
    vcpus: int, ram_mb: int, free_vcpus: int | None = None, free_ram_mb: int | None = None
) -> HostCapacity:
    """A host with a disk of 100 GiB, empty unless it is said."""
    left = (vcpus if free_vcpus is None else free_vcpus, ram_mb if free_ram_mb is None else free_ram_mb)
    return HostCapacity(vcpus, ram_mb, 100, *left, 100)


LARGE = PlacementRequest(Kind.SERVER, "debian-12", Size("large", 4, 4096, 20))


@pytest.mark.parametrize(
    ("hosts", "no"),
    [
        ((), None),
        ((host(4, 4096),), None),
        ((host(2, 8192), host(4, 4096)), None),
        ((HostCapacity(),), None),
        ((host(2, 8192), host(8, 2048)), RejectReason.TOO_LARGE),
        ((host(3, 8192), host(3, 8192)), RejectReason.TOO_LARGE),
        ((host(4, 4096, 2),), RejectReason.VCPUS),
        ((host(8, 8192, 3), host(8, 8192, 8, 2048)), RejectReason.VCPUS),
        ((host(8, 8192, 3, 0), host(8, 8192, 8, 2048)), RejectReason.RAM),
    ],
    ids=[
        "unknown",
        "one",
        "one of two",
        "untold",
        "neither",
        "not both together",
        "in use",
        "either",
        "least",
    ],
)
def test_a_server_is_on_one_host(hosts: tuple[HostCapacity, ...], no: RejectReason | None) -> None:
    here = room(hosts=hosts)
    ruling = choose([here], LARGE)
    assert ruling.refused.get("node1") == no
    assert ruling.full is (no in LACK_OF_ROOM), "waiting helps only where it is in use"
    assert choose([replace(here, kinds=frozenset(Kind))], replace(LARGE, kind=Kind.CONTAINER)).node == "node1"


def test_the_largest_server_is_within_what_the_node_lends() -> None:
    assert largest(room()) == [Size("node1", 8, 8192, 100)]
    assert largest(room(hosts=(host(16, 4096), HostCapacity(2)))) == [
        Size("node1", 8, 4096, 100),
        Size("node1", 2, 8192, 100),
    ]
