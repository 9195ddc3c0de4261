"""A busy morning: people see their place in the line, and are not told of each step."""

from __future__ import annotations

from collections.abc import Callable

from harness.storybook import Story

from kws_core.nodes.fake.node import FakeNode


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
    assert "Queued (1 of 2)" in str(joon.dm())
    assert "2건 중 2번째" in str(mina.dm())
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "Queued (1 of 2)" in str(joon.ephemeral()))
    joon.command("/kws status")
    story.workspace.wait_for(lambda: "2 in the queue" in str(joon.ephemeral()))
    story.settle(30)
    assert "Queued" not in str(joon.dm())
    ready = sorted(story.rentals(), key=lambda rental: rental.ready_at)
    assert [rental.name for rental in ready] == ["first", "third", "second"]


def test_a_bell_does_not_wait_for_the_card(story: Story) -> None:
    """Slack takes no edits for a minute: that it is ready is told all the same, and only once."""
    mina = story.workspace.person("mina")
    story.workspace.faults.fail("chat.update", status=429, retry_after=60, times=1)
    story.rent(mina)
    story.settle(20)
    bells = [m for m in mina.dm() if m.get("subtype") == "thread_broadcast"]
    assert len(bells) == 1
    card = next(m for m in mina.dm() if m["blocks"][0]["block_id"].startswith("card-"))
    assert "ssh" not in str(card)
    story.settle(60)
    assert len([m for m in mina.dm() if m.get("subtype") == "thread_broadcast"]) == 1
    card = next(m for m in mina.dm() if m["blocks"][0]["block_id"].startswith("card-"))
    assert "ssh" in str(card)
