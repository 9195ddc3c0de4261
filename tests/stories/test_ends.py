"""The end of a rental, as people see it: warnings with buttons, extending, the night, the grace time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from harness.storybook import Story

from kws_core.errors import UserError
from kws_core.nodes.values import MachineState
from kws_core.people import Actor
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from slack_workspace import Person, visible_text


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
    story.rent(person, name, ends_on=(story.service.context.today() + timedelta(days=days)).isoformat())
    story.settle()
    rental = next(r for r in story.rentals() if r.name == name)
    assert rental.status is Status.READY
    return person, rental


def now_is(story: Story, day: date, hour: int = 12) -> None:
    """Noon in the lab, or another hour; the nightly cleanup and the notifier have their turn."""
    zone = story.service.context.config.kws.zone
    story.clock.at = datetime(day.year, day.month, day.day, hour, 1, tzinfo=zone)
    story.night()


def ends_on(story: Story, rental: Rental) -> date:
    return next(r for r in story.rentals() if r.id == rental.id).ends_on


def lasts_until(story: Story, rental: Rental, day: date) -> None:
    story.workspace.wait_for(lambda: ends_on(story, rental) == day)


def notices(person: Person) -> list[str]:
    """ts of every message of its own about an end, with buttons or without by now."""
    found = []
    for message in person.dm():
        first = (message.get("blocks") or [{}])[0].get("block_id", "")
        if first.startswith("notice-") and "thread_ts" not in message:
            found.append(message["ts"])
    return found


def test_three_warnings_each_shown_once_and_then_the_end(story: Story) -> None:
    joon, rental = rented(story)
    warned = []
    for days in range(13, -1, -1):
        before = len(notices(joon))
        for hour in (0, 8, 9, 23):
            now_is(story, rental.ends_on - timedelta(days=days), hour)
            if len(notices(joon)) > before:
                warned.append((days, hour))
                before += 1
    assert warned == [(7, 9), (3, 9), (1, 9)]
    assert len(asking(joon)) == 1, "older warnings have lost their buttons"
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    story.settle()
    assert story.rentals() == []
    assert not asking(joon)
    assert len(about(joon, "The rental expired. Deleting it")) == 2, "the card and one message"
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
    assert about(joon, "You can use ")
    now_is(story, rental.ends_on + timedelta(days=1))
    assert ends_on(story, rental) == rental.ends_on + timedelta(days=7)


def monthly(person: Person) -> list[dict[str, Any]]:
    """Messages about a month."""
    return [m for m in person.dm() if (m.get("blocks") or [{}])[0].get("block_id", "").startswith("month-")]


def test_the_first_of_a_month_with_a_button_for_each_rental(story: Story) -> None:
    joon, rental = rented(story, days=60)
    rented(story, "web02", days=60)
    mina, _hers = rented(story, "box", days=60, who="mina")
    now_is(story, date(2027, 1, 1), hour=8)
    assert monthly(joon) == []
    now_is(story, date(2027, 1, 1), hour=9)
    now_is(story, date(2027, 1, 1), hour=10)
    (message,) = monthly(joon)
    assert "Your usage in December 2026: rental days 61" in visible_text(message)
    assert "thread_ts" not in message
    (hers,) = monthly(mina)
    assert "2026년 12월 사용량" in visible_text(hers)
    buttons = [block["accessory"]["value"] for block in message["blocks"][1:]]
    assert set(buttons) == {r.id for r in story.rentals() if r.owner == joon.id}
    joon.click("rental_return", rental.id, message=message["ts"], confirm=True)
    story.workspace.wait_for(lambda: "web01" not in visible_text(monthly(joon)[0]))
    story.settle()
    assert sorted(r.name for r in story.rentals()) == ["box", "web02"]
    assert "web02" in visible_text(monthly(joon)[0])
    now_is(story, date(2027, 2, 1), hour=9)
    assert len(monthly(joon)) == 2


def test_nobody_else_returns_it_from_that_message(story: Story) -> None:
    joon, rental = rented(story, days=60)
    now_is(story, date(2027, 1, 1), hour=9)
    (message,) = monthly(joon)
    mina = story.workspace.person("mina")
    with pytest.raises(UserError, match="rental_gone"):
        story.service.rental_service.return_rental(Actor(mina.id), rental.id)
    event_id = int(message["blocks"][0]["block_id"].removeprefix("month-"))
    with pytest.raises(UserError, match="rental_gone"):
        story.service.rental_queries.month_used(Actor(mina.id), event_id)
    assert story.service.rental_queries.month_used(Actor(joon.id), event_id).id == event_id


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
    story.workspace.wait_for(lambda: "within 90 days" in str(joon.ephemeral()))
    assert ends_on(story, rental) == rental.ends_on
    assert asking(joon), "the warning still asks"


def test_the_form_of_the_card(story: Story) -> None:
    joon, rental = rented(story)
    joon.click("rental_extend")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"ends_on": "2026-11-01"})
    assert "That date has passed" in str(joon.submit().errors)
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
    story.workspace.wait_for(lambda: "isn't a duration or date" in str(joon.ephemeral()))
    joon.command("/kws extend web01 2027-12-24")
    story.workspace.wait_for(lambda: "within 90 days" in str(joon.ephemeral()))
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


def test_stopped_first_and_restored(make_story: Callable[..., Story]) -> None:
    story = make_story(policy="grace_hours = 48")
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=1))
    assert "48 hours later it will be deleted" in visible_text(asking(joon)[-1])
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    assert story.rentals()[0].status is Status.STOPPED
    assert "or it will be deleted" in visible_text(asking(joon)[-1])
    joon.click("rental_restore", message=asking(joon)[-1]["ts"])
    story.workspace.wait_for(lambda: story.rentals()[0].status is Status.READY)
    story.settle()
    assert not asking(joon)
    assert story.nodes["node1"].machines()[rental.mark].state is MachineState.ACTIVE
    assert ends_on(story, rental) == rental.ends_on + timedelta(days=8)


def test_stopped_and_deleted_after_the_grace(make_story: Callable[..., Story]) -> None:
    story = make_story(policy="grace_hours = 48")
    joon, rental = rented(story)
    now_is(story, rental.ends_on - timedelta(days=1))
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    now_is(story, rental.ends_on + timedelta(days=2), hour=23)
    assert story.nodes["node1"].machines()[rental.mark].state is MachineState.STOPPED
    now_is(story, rental.ends_on + timedelta(days=3), hour=1)
    story.settle()
    assert story.rentals() == []
    assert not asking(joon)
    assert story.nodes["node1"].resources() == {}


def test_nothing_ends_in_the_holidays(make_story: Callable[..., Story]) -> None:
    story = make_story(policy="[[policy.quiet]]\nfrom = 2026-12-15\nto = 2027-01-03")
    joon, rental = rented(story)
    assert rental.ends_on == date(2026, 12, 15)
    now_is(story, date(2027, 1, 3))
    assert "so you can keep it longer" in visible_text(asking(joon)[-1])
    assert story.rentals()[0].status is Status.READY
    now_is(story, date(2027, 1, 4), hour=23)
    assert story.rentals()[0].status is Status.READY
    now_is(story, date(2027, 1, 5), hour=0)
    story.settle()
    assert story.rentals() == []


def test_days_without_slack_delete_nothing(story: Story) -> None:
    joon, rental = rented(story)
    story.workspace.down()
    for days in range(-7, 4):
        now_is(story, rental.ends_on + timedelta(days=days))
    story.workspace.up()
    story.clock.advance(minutes=10)
    story.night()
    assert [m["ts"] for m in asking(joon)] == notices(joon), "one warning, not three"
    assert "The last day of web01 has passed" in visible_text(asking(joon)[-1])
    now_is(story, rental.ends_on + timedelta(days=4), hour=0)
    assert story.rentals()[0].status is Status.READY, "warned only twelve hours before"
    now_is(story, rental.ends_on + timedelta(days=5), hour=0)
    story.settle()
    assert story.rentals() == []


def mute_or_wave(person: Person) -> dict[str, Any]:
    """The one message that asks an admin for a decision."""
    (found,) = [m for m in person.dm() if ":mute:" in str(m) or ":wave:" in str(m)]
    return found


def test_who_has_left_is_told_to_the_admins(story: Story) -> None:
    joon, rental = rented(story)
    rented(story, "web02")
    admin, mina = story.workspace.person("admin"), story.workspace.person("mina")
    story.workspace.deactivate("joon")
    story.service.look_for_departures()
    story.service.look_for_departures()
    story.night()
    (told,) = [m for m in admin.dm() if ":wave:" in str(m)]
    other = next(r for r in story.rentals() if r.id != rental.id)
    admin.click("rental_end", other.id, message=told["ts"], confirm=True)
    story.workspace.wait_for(lambda: any(r.status is Status.ENDING for r in story.rentals()))
    story.settle()
    story.workspace.wait_for(lambda: "web02" not in visible_text(mute_or_wave(admin)))
    admin.choose("rental_transfer", mina.id, message=told["ts"])
    story.workspace.wait_for(lambda: [r.owner for r in story.rentals()] == [mina.id])
    story.settle()
    assert "web01" in str(mina.dm()), "a card in the messages of the new owner"
    assert "transferred to" in str(joon.dm())
    story.workspace.wait_for(lambda: not any(b["type"] == "actions" for b in mute_or_wave(admin)["blocks"]))


def test_only_admins_decide(story: Story) -> None:
    joon, rental = rented(story)
    story.workspace.deactivate("joon")
    story.service.look_for_departures()
    story.night()
    mina = story.workspace.person("mina")
    with pytest.raises(UserError, match="admins_only"):
        story.service.terms.transfer(Actor(joon.id), rental.id, mina.id)
    assert story.rentals()[0].owner == joon.id


def test_nobody_to_warn_does_not_keep_it_for_ever(story: Story) -> None:
    _joon, rental = rented(story)
    story.workspace.deactivate("joon")
    for days in range(-7, 1):
        now_is(story, rental.ends_on + timedelta(days=days))
    assert story.rentals()[0].status is Status.READY
    assert ":wave:" in str(mute_or_wave(story.workspace.person("admin")))
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    story.settle()
    assert story.rentals() == []


def test_the_admins_get_one_summary_of_the_night(story: Story) -> None:
    _joon, rental = rented(story)
    rented(story, "web02")
    now_is(story, rental.ends_on - timedelta(days=1))
    story.nodes["node1"].go_down()
    now_is(story, rental.ends_on + timedelta(days=1), hour=0)
    story.settle()
    story.clock.advance(minutes=40)
    story.night()
    (summary,) = [m for m in story.workspace.person("admin").dm() if ":crescent_moon:" in str(m)]
    text = visible_text(summary)
    assert "종료됨 (1): web02" in text.replace("`", "")
    assert "(응답 없음)" in text
    story.nodes["node1"].come_back()
    story.settle(100)
    assert story.rentals() == []


def test_admin_words_are_for_admins(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    joon.command("/kws admin help")
    story.workspace.wait_for(lambda: "Only admins can do that" in str(joon.ephemeral()))
    admin.command("/kws 관리 도움말")
    story.workspace.wait_for(lambda: "/kws admin help" in str(admin.ephemeral()))
    admin.command("/kws admin hlp")
    story.workspace.wait_for(
        lambda: "hlp" in str(admin.ephemeral()[-1]) and "help" in str(admin.ephemeral()[-1])
    )
