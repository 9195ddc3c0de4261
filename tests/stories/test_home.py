"""The App Home: cards whose buttons work, a plain word for guests; it refreshes itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from harness.home_kit import events, home, later, opens, rented
from harness.storybook import Story

from kws_core.people import Actor
from kws_core.tables.event_kinds import EventKind
from slack_workspace import visible_text

# -- everybody


def test_a_students_rentals_and_their_buttons(story: Story) -> None:
    joon = story.workspace.person("joon")
    first, second = rented(story, "joon", "web01"), rented(story, "joon", "web02")
    rented(story, "mina", "db01")
    opens(story, joon)
    assert "You're using 2 of 3 rentals" in home(joon)
    assert "Available now:" in home(joon)
    assert "web01" in home(joon) and "ssh -i" in home(joon) and "web02" in home(joon)
    assert "db01" not in home(joon) and "desk" not in str(joon.home)
    joon.click("rental_console", first.id, where="home")
    story.workspace.wait_for(lambda: joon.open_view and "web01" in visible_text(joon.open_view))
    joon.click("rental_reboot", second.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: joon.open_view and "Rebooting" in visible_text(joon.open_view))
    joon.click("rental_new_key", first.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: joon.open_view and "SSH key of web01" in visible_text(joon.open_view))
    joon.click("rental_extend", second.id, where="home")
    story.workspace.wait_for(lambda: joon.open_view and joon.open_view["callback_id"] == "extend")
    joon.fill_form({"ends_on": (second.ends_on + timedelta(days=3)).isoformat()})
    joon.submit()
    later(story)
    assert "Thursday, December 18" not in home(joon)
    assert events(story, second, EventKind.EXTENDED)
    joon.click("rental_return", second.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: joon.open_view and "Deleting" in visible_text(joon.open_view))
    story.settle()
    later(story)
    assert "web02" not in home(joon)
    assert "You're using 1 of 3 rentals" in home(joon)


def test_the_form_is_opened_from_the_home(story: Story) -> None:
    joon = opens(story, story.workspace.person("joon"))
    assert "You don't have any rentals" in home(joon)
    joon.click("open_rent", where="home")
    story.workspace.wait_for(lambda: joon.open_view and joon.open_view["callback_id"] == "rent")
    joon.close()
    joon.click("show_help", where="home")
    story.workspace.wait_for(lambda: joon.open_view and "/kws return NAME" in visible_text(joon.open_view))


def test_an_answer_that_comes_too_late_for_a_modal_is_a_message(story: Story) -> None:
    joon = story.workspace.person("joon")
    rental = rented(story, "joon", "web01")
    opens(story, joon)
    story.workspace.faults.fail("views.open", error="expired_trigger_id")
    joon.click("rental_reboot", rental.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: any("Rebooting" in str(m) for m in joon.dm()))


def test_a_bug_in_a_home_is_told_with_its_reference(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    joon = story.workspace.person("joon")
    rental = rented(story, "joon", "web01")
    opens(story, joon)
    monkeypatch.setattr(story.service.operations, "console", lambda *a: 1 / 0)
    joon.click("rental_console", rental.id, where="home")
    story.workspace.wait_for(
        lambda: joon.open_view and "Something went wrong" in visible_text(joon.open_view)
    )


@pytest.mark.parametrize(("who", "words"), [("guest", "멤버만"), ("stranger", "사람만")])
def test_guests_and_strangers_read_for_whom_it_is(story: Story, who: str, words: str) -> None:
    person = opens(story, story.workspace.person(who))
    assert "KWS" in home(person)
    assert [block["type"] for block in person.home["blocks"]] == ["section"]  # type: ignore[index]


def test_the_messages_tab_publishes_nothing(story: Story) -> None:
    story.workspace.person("joon").open_home("messages")
    later(story)
    assert story.workspace.calls_of("views.publish") == []


# -- it refreshes itself


def test_it_shows_by_itself_that_a_rental_is_ready(story: Story) -> None:
    joon, mina = story.workspace.person("joon"), story.workspace.person("mina")
    opens(story, joon)
    opens(story, mina)
    story.rent(joon, "web01")
    before = len(story.workspace.calls_of("views.publish"))
    for _ in range(20):
        story.settle(1)
        story.service.homes.tick()
    later(story)
    assert "Running" in home(joon) and "ssh -i" in home(joon)
    published = [c.args["user_id"] for c in story.workspace.calls_of("views.publish")[before:]]
    assert (
        1 <= published.count(joon.id) <= 4 < len(story.service.rental_queries.history(story.rentals()[0].id))
    )
    assert mina.id not in published, "not hers"
    before = len(story.workspace.calls)
    later(story, 30)
    assert len(story.workspace.calls) == before, "nothing new, no call"


def test_what_is_free_is_looked_at_each_minute(story: Story) -> None:
    joon = opens(story, story.workspace.person("joon"))
    rented(story, "mina", "db01")
    before = home(joon)
    later(story, 61)
    assert home(joon) != before
    story.nodes["node1"].go_down()
    story.clock.advance(minutes=2)
    story.settle(20)
    later(story, 61)
    assert "1 of 2 nodes" in home(joon)


def test_slack_says_not_now(story: Story) -> None:
    joon = opens(story, story.workspace.person("joon"))
    story.workspace.faults.fail("views.publish", status=429, retry_after=40)
    story.rent(joon, "web01")
    later(story, 6)
    story.settle()
    assert "web01" not in home(joon)
    assert "web01" in str(joon.dm()), "messages wait for no Home"
    later(story, 40)
    assert "web01" in home(joon)
    story.workspace.faults.fail("views.publish", error="not_enabled")
    story.service.rental_service.return_rental(Actor(joon.id), story.rentals()[0].id)
    before = len(story.workspace.calls_of("views.publish"))
    later(story, 90)
    assert len(story.workspace.calls_of("views.publish")) == before + 1, "there is no Home: left alone"


def test_it_is_one_of_the_loops(story: Story) -> None:
    assert story.service.homes.tick in [loop.tick for loop in story.service.loops]
