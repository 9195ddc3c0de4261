"""A busy morning: people see their place in the line, and are not told of each step."""

from __future__ import annotations

from collections.abc import Callable

from storybook import Story

from kws_core.nodes.fake import FakeNode


def slow(story: Story, seconds: float) -> None:
    """The one node takes so long for each server."""
    story.nodes["node1"] = story.service.reconciler.nodes["node1"] = FakeNode(  # type: ignore[index]
        "node1", story.clock, vcpus=64, ram_mb=65536, build_seconds=seconds
    )


def test_people_see_their_place_in_the_line(make_story: Callable[..., Story]) -> None:
    story = make_story(1, max_builds=1)
    slow(story, 10)
    story.service.reconciler.steps.nodes = story.service.reconciler.nodes
    mina, joon = story.workspace.person("mina"), story.workspace.person("joon")
    for person, name in ((mina, "first"), (mina, "second"), (joon, "third")):
        story.rent(person, name)
        story.settle(2)
    assert "waiting for its turn: 1 of 2" in str(joon.dm())
    assert "2건 가운데 2번째" in str(mina.dm())
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "waiting for its turn: 1 of 2" in str(joon.ephemeral()))
    joon.command("/kws status")
    story.workspace.wait_for(lambda: "2 wait for their turn" in str(joon.ephemeral()))
    story.settle(30)
    assert "waiting for its turn" not in str(joon.dm())
    ready = sorted(story.rentals(), key=lambda rental: rental.ready_at)
    assert [rental.name for rental in ready] == ["first", "third", "second"]
