"""Slack is slow, refuses, loses answers, goes away: everything is told in the end, and told once."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from harness.sampling import every
from harness.storybook import Story

from bot.service import Service
from kws_core.people import Actor
from kws_core.tables.states import Status


def top_level(person: Any) -> list[dict[str, Any]]:
    return [m for m in person.dm() if m.get("thread_ts", m["ts"]) == m["ts"]]


def bells(person: Any) -> list[dict[str, Any]]:
    return [m for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def assert_told_once(story: Story, person: Any) -> None:
    """One card, one bell, one key that fits the server."""
    rental = story.rentals()[0]
    assert rental.status is Status.READY
    assert len(top_level(person)) == 1
    assert len(bells(person)) == 1
    key, putty = person.files()
    assert (key["name"], putty["name"]) == ("kws-web01", "kws-web01.ppk")
    assert b"PRIVATE KEY" in person.download(key)
    assert rental.public_key.split()[1][:64].encode() in person.download(putty)  # type: ignore[union-attr]
    assert rental.public_key in story.nodes[rental.placement.node].user_data(rental.mark)  # type: ignore[union-attr]
    assert ":large_green_circle:" in str(top_level(person)[0])


METHODS = [
    "conversations.open",
    "chat.postMessage",
    "chat.update",
    "files.getUploadURLExternal",
    "upload",
    "files.completeUploadExternal",
]


FAULTS = [
    {"status": 500},
    {"status": 503},
    {"error": "fatal_error"},
    {"drop_before": True},
    {"drop_after": True},
]


@pytest.mark.parametrize(("method", "fault"), every(7, product(METHODS, FAULTS)), ids=str)
def test_one_failing_call(story: Story, method: str, fault: dict[str, Any]) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.fail(method, **fault)
    story.rent(mina)
    story.settle(30)
    assert_told_once(story, mina)


@pytest.mark.parametrize("method", ["chat.postMessage", "conversations.open", "chat.update"])
def test_a_429_is_waited_out(story: Story, method: str) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.fail(method, status=429, retry_after=1, times=2)
    story.rent(mina)
    story.settle(30)
    assert_told_once(story, mina)


def test_hours_without_slack(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.workspace.down()
    for _ in range(40):
        story.service.notifier.tick()
        story.clock.advance(minutes=5)
    assert story.rentals()[0].status in (Status.REQUESTED, Status.BUILDING)
    story.workspace.up()
    story.clock.advance(minutes=6)
    story.settle(20)
    assert_told_once(story, mina)


def test_after_a_lost_connection_commands_work_again(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.workspace.disconnect("all", abrupt=True)
    story.workspace.wait_connected(2, timeout=20)
    joon.command("/kws help")
    story.workspace.wait_for(joon.ephemeral)


def test_a_bug_is_told_with_its_reference(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the reactor leaks")

    story.service.rental_service.offer = broken  # type: ignore[method-assign,assignment]
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(joon.ephemeral)
    text = joon.ephemeral()[-1]["text"]
    assert "reactor" not in text
    reference = text.rsplit(" ", 1)[-1]
    assert any(reference in record.getMessage() and record.exc_info for record in caplog.records)


def test_a_bug_in_the_form_is_told_at_the_form(story: Story) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the reactor leaks")

    story.service.rental_service.request = broken  # type: ignore[method-assign,assignment]
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "web01", "image": "debian-12"})
    outcome = joon.submit()
    assert "went wrong" in (outcome.errors or outcome.payload["errors"])["name"]
    assert joon.open_view is not None


def test_the_start_waits_for_slack(story: Story) -> None:
    story.workspace.down()
    late = Service(story.service.context.config, story.service.environment, story.nodes, story.clock)
    late.connect()
    story.workspace.up()
    story.workspace.wait_for(lambda: late.connected() == 2, timeout=20)
    late.stop()


def test_a_key_that_slack_shows_late_is_never_joined_by_a_second(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.fail("files.completeUploadExternal", drop_after=True)
    story.workspace.faults.fail("conversations.replies", error="fatal_error")
    story.rent(mina)
    story.settle(30)
    assert_told_once(story, mina)


def test_news_that_is_no_longer_true_rings_no_bell(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.rent(mina)
    story.service.reconciler.tick()
    story.service.notifier.tick()
    for _ in range(4):
        story.service.reconciler.tick()
        story.clock.advance(seconds=1)
    rental = story.rentals()[0]
    assert rental.status is Status.READY
    story.service.rental_service.return_rental(Actor(mina.id), rental.id)
    story.settle()
    assert "None" not in str(mina.dm())
    assert [":white_check_mark:" in str(m) for m in bells(mina)] == [True], "only that it is gone"


def test_a_long_429_is_left_to_the_outbox(story: Story) -> None:
    mina = story.workspace.person("mina")
    story.workspace.faults.fail("chat.postMessage", status=429, retry_after=600)
    story.rent(mina)
    story.settle(5)
    assert mina.dm() == []
    story.clock.advance(minutes=9)
    story.settle(2)
    assert mina.dm() == [], "not before Slack said"
    story.clock.advance(minutes=1)
    story.settle(20)
    assert_told_once(story, mina)
