"""Copies of servers, as people see them: kept from the card, listed, brought back, planned in a reminder, kept longer."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from harness import aftermath
from harness.storybook import Story

from kws_core.tables.copy import Copy
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Status
from slack_workspace import Person, visible_text


def rented(story: Story, who: str = "joon", name: str = "web01", days: int = 30) -> tuple[Any, Rental]:
    person = story.workspace.person(who)
    story.rent(person, name, ends_on=(story.service.context.today() + timedelta(days=days)).isoformat())
    story.settle()
    rental = next(r for r in story.rentals() if r.name == name)
    assert rental.status is Status.READY
    return person, rental


def copies(story: Story) -> list[Copy]:
    return list(story.service.homes.copies.everybodys())


def keep_a_copy(story: Story, person: Any) -> Copy:
    """From the card's button, through the question."""
    person.click("rental_copy_ask")
    story.workspace.wait_for(lambda: "'rental_copy'" in str(person.ephemeral()))
    person.click("rental_copy", message=person.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: copies(story))
    story.settle()
    (copy,) = copies(story)
    assert copy.state is CopyState.KEPT
    return copy


def listed(story: Story, person: Person) -> dict[str, Any]:
    """What /kws copies answers."""
    before = len(person.ephemeral())
    person.command("/kws copies")
    story.workspace.wait_for(lambda: len(person.ephemeral()) > before)
    return person.ephemeral()[-1]


def now_is(story: Story, day: date, hour: int = 12) -> None:
    """An hour of a day in the lab; the minute's tick and what follows from it."""
    zone = story.service.context.config.kws.zone
    story.clock.at = datetime(day.year, day.month, day.day, hour, 1, tzinfo=zone)
    story.night()


def reminders(person: Person) -> list[dict[str, Any]]:
    """Messages that ask about an end, newest last."""
    return [m for m in person.dm() if "'block_id': 'extend-" in str(m)]


def about(person: Person, text: str) -> list[dict[str, Any]]:
    """Messages of their own that say so."""
    return [m for m in person.dm() if text in visible_text(m)]


def told(person: Person, text: str) -> list[dict[str, Any]]:
    """Those of them that are no card."""
    return [m for m in about(person, text) if not aftermath.first_block(m).startswith("card-")]


def test_from_the_card_to_a_server_that_is_made_from_it(story: Story) -> None:
    joon, rental = rented(story)
    joon.click("rental_copy_ask")
    story.workspace.wait_for(lambda: "Keep a copy of web01?" in visible_text(joon.ephemeral()))
    asked = visible_text(joon.ephemeral()[-1])
    assert "up to 5 GB of the 20 GB available for copies" in asked
    assert copies(story) == [], "only asked"
    joon.click("rental_copy", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: "Making a copy of web01" in visible_text(joon.ephemeral()))
    assert "rental_copy" not in str(joon.ephemeral()), "the question was answered"
    story.settle()
    assert len(told(joon, "Copy kept until")) == 1
    (copy,) = copies(story)

    joon.click("rental_return", confirm=True)
    story.workspace.wait_for(lambda: not story.rentals() or story.rentals()[0].status is Status.ENDING)
    story.settle()
    assert story.rentals() == []

    shown = listed(story, joon)
    assert "Your copies (1)" in visible_text(shown)
    assert "web01" in visible_text(shown)
    joon.click("copy_bring_back", message=shown["ts"])
    story.workspace.wait_for(lambda: joon.open_view)
    assert chosen(joon.open_view, "image").startswith("Copy of web01")
    joon.fill_form({"name": "web02"})
    joon.submit()
    story.workspace.wait_for(story.rentals)
    story.settle(4)
    story.service.carrier.tick()
    story.workspace.wait_for(lambda: placement(story).image_at)
    story.settle()
    (back,) = story.rentals()
    assert (back.name, back.status, back.copy_id, back.login) == (
        "web02",
        Status.READY,
        copy.id,
        rental.login,
    )
    pems = [f["name"] for f in joon.files() if str(f["name"]).startswith("kws-web02")]
    assert pems, "a new key"
    home = joon.open_home()
    assert home.acked
    story.workspace.wait_for(lambda: "My copies" in visible_text(joon.home))


def chosen(view: Any, field: str) -> str:
    """What a form begins with in that field."""
    (block,) = [b for b in view["blocks"] if b.get("block_id") == field]
    return str(block["element"]["initial_option"]["text"]["text"])


def placement(story: Story) -> Any:
    found = story.rentals()[0].placement
    assert found
    return found


def test_words(story: Story) -> None:
    joon, _ = rented(story)
    joon.command("/kws copy web01")
    story.workspace.wait_for(lambda: "Keep a copy of web01?" in visible_text(joon.ephemeral()))
    joon.click("rental_keep", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: "rental_copy" not in str(joon.ephemeral()))
    joon.command("/kws copy web09")
    story.workspace.wait_for(lambda: "You don't have a rental called web09" in visible_text(joon.ephemeral()))
    assert "You don't have any copies" in visible_text(listed(story, joon))
    assert copies(story) == []


def test_a_copy_is_deleted_from_the_list(story: Story) -> None:
    joon, _ = rented(story)
    copy = keep_a_copy(story, joon)
    shown = listed(story, joon)
    joon.click("copy_delete", message=shown["ts"], confirm=True)
    story.workspace.wait_for(lambda: "Deleting the copy of web01" in visible_text(joon.ephemeral()))
    story.settle(30)
    assert copies(story) == []
    assert copy.mark not in story.nodes[copy.node].resources()
    assert told(joon, "The copy was deleted") == [], "whoever deletes it knows it"
    assert "You don't have any copies" in visible_text(listed(story, joon))


def test_a_copy_at_the_end_is_chosen_in_a_reminder(story: Story) -> None:
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=3))
    (asking,) = reminders(joon)
    assert "You can also keep a copy" in visible_text(asking)
    joon.click("rental_copy_at_end", message=asking["ts"])
    story.workspace.wait_for(lambda: story.rentals()[0].copy_at_end)
    story.settle()
    (asking,) = reminders(joon)
    assert "KWS makes a copy before it deletes the server" in visible_text(asking)
    joon.click("rental_no_copy_at_end", message=asking["ts"])
    story.workspace.wait_for(lambda: not story.rentals()[0].copy_at_end)
    story.settle()
    assert "You can also keep a copy" in visible_text(reminders(joon)[-1])
    joon.click("rental_copy_at_end", message=reminders(joon)[-1]["ts"])
    story.workspace.wait_for(lambda: story.rentals()[0].copy_at_end)

    now_is(story, rental.ends_on)
    assert "KWS makes a copy before" in visible_text(reminders(joon)[-1]), "the next reminder knows it"
    for node in story.nodes.values():
        node.shelf.copy_time = timedelta(minutes=2)
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    assert story.rentals()[0].status is Status.READY, "its copy is still being made"
    story.settle(180)
    assert story.rentals() == []
    (copy,) = copies(story)
    assert copy.state is CopyState.KEPT
    assert list(story.nodes[copy.node].resources()) == [copy.mark]
    assert told(joon, "Copy kept until")
    assert not reminders(joon)


def test_a_copy_has_a_reminder_of_its_own(story: Story) -> None:
    joon, _rental = rented(story)
    copy = keep_a_copy(story, joon)
    joon.click("rental_return", confirm=True)
    story.workspace.wait_for(lambda: story.rentals()[0].status is Status.ENDING)
    story.settle()
    now_is(story, copy.keep_until - timedelta(days=3), hour=8)
    assert told(joon, "The copy will be deleted") == []
    now_is(story, copy.keep_until - timedelta(days=3), hour=9)
    (warned,) = [m for m in about(joon, "The copy will be deleted") if "copy_prolong" in str(m)]
    joon.click("copy_prolong", message=warned["ts"])
    longer = story.service.context.today() + timedelta(days=30)
    story.workspace.wait_for(lambda: copies(story)[0].keep_until == longer)
    story.workspace.wait_for(lambda: "The copy of web01 is kept until" in visible_text(joon.ephemeral()))
    now_is(story, copy.keep_until + timedelta(days=2))
    assert copies(story)[0].state is CopyState.KEPT
    now_is(story, longer - timedelta(days=1))
    now_is(story, longer + timedelta(days=1), hour=1)
    story.settle(30)
    assert copies(story) == []
    assert told(joon, "The copy's last day has passed")
    assert story.nodes[copy.node].resources() == {}


def test_a_container_has_no_copy_and_its_reminder_says_so(story: Story) -> None:
    joon = story.workspace.person("joon")
    last = story.service.context.today() + timedelta(days=14)
    joon.command("/kws rent container")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "box", "image": "nginx:latest", "ends_on": last.isoformat()})
    joon.submit()
    story.settle()
    assert story.rentals()[0].status is Status.READY
    assert "rental_copy_ask" not in str(joon.dm())
    now_is(story, last - timedelta(days=1))
    (asking,) = reminders(joon)
    assert "can't keep copies of containers" in visible_text(asking)
    assert "copy_at_end" not in str(asking)
    joon.command("/kws copy box")
    story.workspace.wait_for(lambda: "box is a container" in visible_text(joon.ephemeral()))


def test_in_korean(story: Story) -> None:
    mina, rental = rented(story, "mina")
    copy = keep_a_copy(story, mina)
    assert "사본" in visible_text(mina.ephemeral()[-1])
    shown = visible_text(listed(story, mina))
    assert "내 사본(1)" in shown
    assert "Kept until" not in shown
    assert told(mina, "사본")
    now_is(story, rental.ends_on - timedelta(days=3))
    assert "사본" in visible_text(reminders(mina)[-1])
    assert copy.name == "web01"
