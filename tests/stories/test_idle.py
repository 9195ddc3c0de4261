"""A server looks unused while somebody waits: its owner is asked, in a message with three answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness.storybook import Story

from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Status
from slack_workspace import Person, visible_text
from slack_workspace.persons import payloads
from slack_workspace.persons.outcome import exchange


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    """One node with room for one small server."""
    return make_story(1, vcpus=1, ram_mb=512, disk_gb=5)


def day(story: Story, days: int) -> str:
    return (story.service.context.today() + timedelta(days=days)).isoformat()


def named(story: Story, name: str) -> Rental:
    return next(rental for rental in story.rentals() if rental.name == name)


def questions(person: Person) -> list[dict[str, Any]]:
    """The messages about servers that look unused, whatever they say by now."""
    return [m for m in person.dm() if "notice-" in str(m) and ":zzz:" in str(m.get("text")) + str(m)]


def asked(story: Story) -> tuple[Person, dict[str, Any]]:
    """Joon has had a server for long; mina waits, and joon is asked."""
    joon, mina = story.workspace.person("joon"), story.workspace.person("mina")
    story.rent(joon, "web01", ends_on=day(story, 60))
    story.settle()
    story.clock.advance(days=8)
    mina.command(f"/kws rent db01 debian-12 small {day(story, 70)}")
    story.workspace.wait_for(lambda: "rent_words:wait" in str(mina.ephemeral()))
    mina.click("rent_words:wait", message=mina.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: any(r.name == "db01" for r in story.rentals()))
    assert named(story, "db01").status is Status.WAITING
    look(story)
    assert questions(joon) == []
    story.clock.advance(hours=6)
    look(story)
    (message,) = questions(joon)
    return joon, message


def look(story: Story) -> None:
    story.service.reconciler.idle.look("node1")
    story.settle(4)


def now(person: Person, message: dict[str, Any]) -> str:
    """What the message says by now, with its buttons."""
    return str(next(m for m in person.dm() if m["ts"] == message["ts"]))


def kinds(story: Story, name: str = "web01") -> list[str]:
    return [event.kind.value for event in story.service.rental_queries.history(named(story, name).id)]


def test_the_owner_still_needs_it(story: Story) -> None:
    joon, message = asked(story)
    text = visible_text(message)
    assert "web01 has looked unused since" in text
    assert "and 1 person waits for room. Do you still need it?" in text
    assert "Only returning it makes room: a stopped server keeps its place." in text
    assert [e["text"]["text"] for e in message["blocks"][-1]["elements"]] == [
        "I still need it",
        "Stop server",
        "Return server",
    ]
    joon.click("rental_still_needed", message=message["ts"])
    story.workspace.wait_for(lambda: "idle_kept" in kinds(story))
    story.settle(4)
    assert "You still need web01. KWS won't ask about it for at least a week." in now(joon, message)
    assert "rental_still_needed" not in now(joon, message)
    story.clock.advance(days=6)
    look(story)
    story.clock.advance(hours=6)
    look(story)
    assert kinds(story).count("idle_asked") == 1
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "rental_history" in str(joon.ephemeral()))
    joon.click("rental_history", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: "Still needed" in str(joon.ephemeral()))
    assert "Asked whether it's still needed" in str(joon.ephemeral())
    assert named(story, "db01").status is Status.WAITING


def test_the_owner_stops_it_which_makes_no_room(story: Story) -> None:
    joon, message = asked(story)
    joon.click("rental_stop", message=message["ts"], confirm=True)
    story.workspace.wait_for(lambda: "switched_off" in kinds(story))
    story.settle(120)
    assert named(story, "web01").power is Power.OFF
    assert named(story, "db01").status is Status.WAITING, "it keeps its place, as the message says"
    assert "You stopped web01. It keeps its place until you return it." in now(joon, message)
    story.clock.advance(days=7)
    look(story)
    last = questions(joon)[-1]
    assert last["ts"] != message["ts"]
    assert "rental_still_needed" in str(last)
    assert "rental_stop" not in str(last), "it is stopped already"


def test_the_owner_returns_it_and_who_waits_gets_the_room(story: Story) -> None:
    joon, message = asked(story)
    joon.click("rental_return", message=message["ts"], confirm=True)
    story.workspace.wait_for(lambda: named(story, "web01").status is Status.ENDING)
    story.settle(120)
    assert named(story, "db01").status is Status.READY
    assert "web01 was returned." in now(joon, message)
    assert "rental_still_needed" not in now(joon, message)


def forged(story: Story, person: Person, action: str, message: dict[str, Any]) -> None:
    """A click on a message that the person was never shown."""
    core = story.workspace.parts
    dm = core.state.dm(person.id)
    clicked = {
        "type": "button", "block_id": message["blocks"][0]["block_id"], "action_id": action, "action_ts": "1.1",
        "value": named(story, "web01").id,
    }  # fmt: skip
    payload = payloads.block_actions_in_message(core, person.user, dm, message, {}, clicked)
    exchange(core, "interactive", payload, "block_actions")


@pytest.mark.parametrize("who", ["mina", "stranger"])
def test_a_click_of_somebody_else_changes_nothing(story: Story, who: str) -> None:
    joon, message = asked(story)
    person, before = story.workspace.person(who), kinds(story)
    for action in ("rental_still_needed", "rental_stop", "rental_return"):
        said = len(person.ephemeral())
        forged(story, person, action, message)
        story.workspace.wait_for(lambda said=said: len(person.ephemeral()) > said)
    story.settle(4)
    assert kinds(story) == before
    assert "rental_still_needed" in now(joon, message)
    assert named(story, "web01").power is Power.ON


def test_without_an_answer_nothing_happens_and_a_week_later_it_is_asked_again(story: Story) -> None:
    joon, first = asked(story)
    story.clock.advance(days=7)
    look(story)
    story.clock.advance(hours=16)
    look(story)
    assert kinds(story).count("idle_asked") == 2
    assert "rental_still_needed" not in now(joon, first)
    assert "KWS asked about web01 again later." in now(joon, first)
    assert "rental_still_needed" in str(questions(joon)[-1])
    assert named(story, "web01").status is Status.READY
