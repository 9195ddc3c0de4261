"""A size that no single host can give is refused at its field, with the largest that fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from harness.world import ADMIN, World

from bot.text.error_messages import plain_sentence
from bot.text.i18n import Texts
from kws_core.errors import FormError, UserError
from kws_core.people import Actor
from kws_core.rentals.admission import CUSTOM
from kws_core.values import HostCapacity, Kind, Size


def measured(world: World) -> None:
    """What the nodes measured last is known."""
    world.clock.advance(minutes=2)
    world.settle(2)


def set_largest(world: World, **largest: tuple[int, int, int]) -> None:
    for node, figures in largest.items():
        world.nodes[node].largest = Size("most", *figures)
    measured(world)


def refused(world: World, who: Actor = ADMIN, **form: Any) -> dict[str, UserError]:
    with pytest.raises(FormError) as caught:
        world.rent(who=who, **form)
    return caught.value.fields


def custom(vcpus: int, ram_mb: int, disk_gb: int) -> dict[str, Any]:
    return {"size": CUSTOM, "vcpus": vcpus, "ram_mb": ram_mb, "disk_gb": disk_gb}


def codes(fields: dict[str, UserError]) -> dict[str, tuple[str, object]]:
    return {name: (error.code.value, error.data.get("most")) for name, error in fields.items()}


def test_a_named_size(world: World) -> None:
    set_largest(world, node1=(1, 8192, 100), node2=(1, 4096, 100))
    (name, error), *more = refused(world, size="large").items()
    assert (name, error.code, more) == ("size", "size_large", [])
    assert plain_sentence(error, Texts("en")) == (
        "No node can run a server of size large (2 vCPU · 2 GB RAM · 20 GB disk)."
        " Largest possible: node1 1 vCPU · 8 GB RAM · 100 GB disk; node2 1 vCPU · 4 GB RAM · 100 GB disk."
        " Sizes that fit: small, medium."
    )
    assert "node2 vCPU 1개" in plain_sentence(error, Texts("ko"))
    assert world.ready("web01", size="medium")


def test_each_figure_of_ones_own_size(world: World) -> None:
    set_largest(world, node1=(2, 2048, 30), node2=(1, 4096, 20))
    fields = refused(world, **custom(4, 6000, 50))
    assert codes(fields) == {
        "vcpus": ("figure_large", 2),
        "ram_mb": ("figure_large", 4096),
        "disk_gb": ("figure_large", 30),
    }
    assert plain_sentence(fields["vcpus"], Texts("en")) == "Enter 2 or less. No node can give a server more."
    assert world.ready("web01", **custom(2, 2048, 30))


def test_figures_that_no_host_has_together(world: World) -> None:
    set_largest(world, node1=(2, 2048, 30), node2=(1, 4096, 20))
    fields = refused(world, **custom(2, 4096, 20))
    assert codes(fields) == {"vcpus": ("size_large", None)}
    assert plain_sentence(fields["vcpus"], Texts("en")).startswith(
        "No node can run a server of size 2 vCPU · 4 GB RAM · 20 GB disk."
    )


def test_only_nodes_that_have_the_image_count(world: World) -> None:
    world.nodes["node1"].offered = [one for one in world.nodes["node1"].offered if one.name != "ubuntu-24.04"]
    set_largest(world, node2=(1, 8192, 100))
    assert refused(world, size="large", image="ubuntu-24.04")["size"].code == "size_large"
    assert world.ready("web01", size="large").image == "debian-12"


def test_only_the_node_that_was_chosen_counts(world: World) -> None:
    set_largest(world, node2=(1, 8192, 100))
    assert refused(world, size="large", node="node2")["size"].code == "size_large"
    assert world.ready("web01", ADMIN, size="large", node="node1")


def test_what_is_only_in_use_is_told_as_no_room(world: World) -> None:
    set_largest(world, node1=(2, 4096, 100), node2=(2, 4096, 100))
    for node in world.nodes.values():
        node.size = replace(node.size, vcpus=2)
    measured(world)
    for name in ("web01", "web02"):
        world.ready(name, ADMIN, size="large")
    assert refused(world, name="web03", size="large")["size"].code == "no_room"


def test_a_node_that_measures_nothing_lends_what_is_configured(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for node in world.nodes.values():
        told = node.capacity()
        unknown = replace(told, vcpus=None, ram_mb=None, disk_gb=None, hosts=())
        monkeypatch.setattr(node, "_capacity", lambda unknown=unknown: unknown)
    measured(world)
    most = max(section.disk_gb for section in world.context.config.nodes)
    assert world.rent(**custom(1, 512, most)).disk_gb == most


def test_a_container_is_no_server(world: World) -> None:
    set_largest(world, node1=(1, 128, 1), node2=(1, 128, 1))
    assert world.rent(kind=Kind.CONTAINER, image="nginx:latest", size="large")


def test_hosts_are_not_added_up(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(1)
    node = world.nodes["node1"]
    hosts = (HostCapacity(1, 8192, 100, 1, 8192, 100), HostCapacity(1, 8192, 100, 1, 8192, 100))
    two = replace(node.capacity(), vcpus=2, hosts=hosts)
    monkeypatch.setattr(node, "_capacity", lambda: two)
    measured(world)
    assert refused(world, size="large")["size"].code == "size_large"
    assert world.rent(size="medium")
