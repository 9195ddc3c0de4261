"""The end of a rental, as people see it: warnings with buttons, extending, the night, the grace time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from storybook import Story

from bot.workspace import Person
from kws_core.model import Rental, Status


def asking(person: Person) -> list[dict[str, Any]]:
    """Messages of their own about an end, newest last."""
    return [
        m
        for m in person.dm()
        if any(b.get("block_id", "").startswith("extend-") for b in m.get("blocks") or ())
    ]


def about(person: Person, text: str) -> list[dict[str, Any]]:
    return [m for m in person.dm() if text in str(m)]


def rented(story: Story, name: str = "web01", days: int = 14, who: str = "joon") -> tuple[Any, Rental]:
    person = story.workspace.person(who)
    story.rent(person, name, ends_on=(story.service.core.today() + timedelta(days=days)).isoformat())
    story.settle()
    rental = next(r for r in story.rentals() if r.name == name)
    assert rental.status is Status.READY
    return person, rental


def now_is(story: Story, day: date, hour: int = 12) -> None:
    """Noon in the lab, or another hour; the night pass and the notifier have their turn."""
    zone = story.service.core.config.kws.zone
    story.clock.at = datetime(day.year, day.month, day.day, hour, 1, tzinfo=zone)
    story.night()


def ends_on(story: Story, rental: Rental) -> date:
    return next(r for r in story.rentals() if r.id == rental.id).ends_on


def lasts_until(story: Story, rental: Rental, day: date) -> None:
    story.workspace.wait_for(lambda: ends_on(story, rental) == day)


def test_three_warnings_each_shown_once_and_then_the_end(story: Story) -> None:
    joon, rental = rented(story)
    shown = []
    for days in range(14, -1, -1):
        now_is(story, rental.ends_on - timedelta(days=days))
        shown.append(len(about(joon, ":alarm_clock:")) + len(about(joon, "until you")))
    assert len(asking(joon)) == 1, "older warnings have lost their buttons"
    assert sum(later > earlier for earlier, later in zip(shown, shown[1:], strict=False)) >= 1
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    story.settle()
    assert story.rentals() == []
    assert not asking(joon)
    assert about(joon, "last day is over")
    assert story.nodes["node1"].resources() == {}


def test_a_week_longer_with_one_click_however_often_it_is_clicked(story: Story) -> None:
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=3))
    ts = asking(joon)[-1]["ts"]
    joon.click("rental_extend_to:7", message=ts)
    lasts_until(story, rental, rental.ends_on + timedelta(days=7))
    joon.click("rental_extend_to:7", message=ts)
    story.settle()
    assert not asking(joon), "the warning says what happened"
    assert about(joon, "is yours until")
    now_is(story, rental.ends_on + timedelta(days=1))
    assert ends_on(story, rental) == rental.ends_on + timedelta(days=7)


def test_a_date_from_the_warning(story: Story) -> None:
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=1))
    until = rental.ends_on + timedelta(days=20)
    joon.choose("rental_extend_until", until.isoformat(), message=asking(joon)[-1]["ts"])
    lasts_until(story, rental, until)


def test_a_date_beyond_the_policy_is_refused_in_words(story: Story) -> None:
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=1))
    joon.choose("rental_extend_until", "2028-01-01", message=asking(joon)[-1]["ts"])
    story.workspace.wait_for(lambda: "At most 90 days" in str(joon.ephemeral()))
    assert ends_on(story, rental) == rental.ends_on
    assert asking(joon), "the warning still asks"


def test_the_form_of_the_card(story: Story) -> None:
    joon, rental = rented(story)
    joon.click("rental_extend")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"ends_on": "2026-11-01"})
    assert "That day is over" in str(joon.submit().errors)
    joon.fill_form({"ends_on": (rental.ends_on + timedelta(days=2)).isoformat()})
    joon.submit()
    story.settle()
    assert ends_on(story, rental) == rental.ends_on + timedelta(days=2)
    assert about(joon, "Extended until")


def test_words(story: Story) -> None:
    joon, rental = rented(story)
    joon.command("/kws extend web01 7d")
    lasts_until(story, rental, rental.ends_on + timedelta(days=7))
    joon.command("/kws extend web01 soon")
    story.workspace.wait_for(lambda: "is no length and no date" in str(joon.ephemeral()))
    joon.command("/kws extend web01 2027-12-24")
    story.workspace.wait_for(lambda: "At most 90 days" in str(joon.ephemeral()))
    joon.command("/kws extend web01")
    story.workspace.wait_for(lambda: joon.open_view)


def test_returned_from_the_warning(story: Story) -> None:
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=1))
    joon.click("rental_return", message=asking(joon)[-1]["ts"], confirm=True)
    story.workspace.wait_for(lambda: story.rentals()[0].status is Status.ENDING)
    story.settle()
    assert story.rentals() == []
    assert about(joon, "was returned")
    assert not asking(joon)


def test_nobody_else_extends_it(story: Story) -> None:
    _joon, rental = rented(story)
    mina = story.workspace.person("mina")
    mina.command("/kws extend web01 7d")
    story.workspace.wait_for(lambda: "web01" in str(mina.ephemeral()))
    assert ends_on(story, rental) == rental.ends_on
