"""Images behind a circuit breaker: a node that does not answer is not asked, for whatever call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes.circuit_breaker import THRESHOLD, CircuitBreaker, GuardedNode
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.image_store import ACTIVE, ImageSpec, ImageStore
from kws_core.nodes.values import CopySpec

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CALLS: dict[str, Callable[[ImageStore], object]] = {
    "list": lambda shelf: shelf.list(),
    "look": lambda shelf: shelf.look("none"),
    "create": lambda shelf: shelf.create(ImageSpec("a", "raw")),
    "fetches": lambda shelf: shelf.fetches(),
    "fetch": lambda shelf: shelf.fetch("none", "http://images.example/a"),
    "change": lambda shelf: shelf.change("none", {"name": "b"}),
    "delete": lambda shelf: shelf.delete("none"),
    "ensure_copy": lambda shelf: shelf.ensure_copy("none", CopySpec("kws-a", "debian", 1)),
}


@pytest.fixture
def fake() -> FakeNode:
    return FakeNode("node1", lambda: NOW)


@pytest.fixture
def shelf(fake: FakeNode) -> ImageStore:
    return GuardedNode(fake, CircuitBreaker(lambda: NOW)).shelf


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_an_open_breaker_asks_the_node_nothing(
    fake: FakeNode, shelf: ImageStore, call: Callable[[ImageStore], object]
) -> None:
    fake.go_down()
    for _ in range(THRESHOLD):
        with pytest.raises(NodeDown):
            shelf.list()
    asked = len(fake.calls)
    with pytest.raises(NodeDown, match="not asked"):
        call(shelf)
    assert len(fake.calls) == asked
    assert shelf.hosts() == {"node1.lab.example"}, "known without its answer"


def test_what_the_node_says_passes(fake: FakeNode, shelf: ImageStore) -> None:
    image = shelf.create(ImageSpec("mine", "raw"))
    shelf.fill(image, [b"a disk"])  # type: ignore[arg-type]
    assert shelf.look(image).status == ACTIVE
    with shelf.read(image) as chunks:
        assert b"".join(chunks) == b"a disk"
    shelf.change(image, {"name": "ours"})
    assert "ours" in {one.name for one in shelf.list()}
    assert not shelf.fetches()
    assert shelf.delete(image)
    for name in ("look", "change", "ensure_copy"):
        with pytest.raises(NodeRefused) as error:
            CALLS[name](shelf)
        assert error.value.reason == Refusal.MISSING
