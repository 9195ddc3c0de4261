"""Nothing fits: people wait, take less, or come on another day; nobody types anything again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.storybook import Story

from kws_core.errors import Refusal
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from kws_core.values import Kind
from slack_workspace import Person, visible_text


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    """One node with room for two small servers, or one of medium size."""
    return make_story(1, vcpus=2, ram_mb=1024, disk_gb=10, max_rentals=4)


def day(story: Story, days: int) -> str:
    """As a date picker says it."""
    return (story.service.context.today() + timedelta(days=days)).isoformat()


def shown(story: Story, days: int) -> str:
    """As people read it in English."""
    found = story.service.context.today() + timedelta(days=days)
    return f"{found:%b} {found.day}, {found.year}"


def named(story: Story, name: str) -> Rental:
    return next(rental for rental in story.rentals() if rental.name == name)


def full(story: Story, days: int = 14) -> Person:
    """Mina has all of the node."""
    mina = story.workspace.person("mina")
    for name in ("a1", "a2"):
        story.rent(mina, name, ends_on=day(story, days))
        story.settle(4)
    return mina


def midnight(story: Story, days: int, minutes: int = 1) -> None:
    """It is that many days later, soon after 00:00 in the lab."""
    zone = story.service.context.config.kws.zone
    then = story.service.context.today() + timedelta(days=days)
    begins = datetime(then.year, then.month, then.day, tzinfo=zone).astimezone(UTC)
    story.clock.at = begins + timedelta(minutes=minutes)
    story.night()
    story.settle(120)


def asked(person: Person) -> str:
    """The block of the question in the open form."""
    blocks = [block["block_id"] for block in person.open_view["blocks"] if block["type"] == "input"]
    return next(block for block in blocks if block.startswith("room_"))


def answer(person: Person, value: str, **more: Any) -> None:
    person.fill_form({asked(person): value, **more})
    person.submit()


def bells(person: Person) -> list[str]:
    """What rang in the DM, oldest first."""
    return [str(m["text"]) for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def test_the_form_asks_instead_of_failing_and_room_that_comes_is_used(story: Story) -> None:
    mina = full(story)
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill("access", "password")
    story.workspace.wait_for(lambda: "Slack shows it while you type" in str(joon.open_view))
    typed = {"name": "web01", "image": "debian-12", "ends_on": day(story, 30)}
    joon.fill_form({**typed, "password": "correct horse battery"})
    joon.submit()
    form = visible_text(joon.open_view)
    assert "No node has room for *small* now. What you typed is kept." in form
    assert shown(story, 15) in form
    answer(joon, "wait")
    assert joon.open_view is None
    story.settle(4)
    assert named(story, "web01").status is Status.WAITING
    assert "Waiting for room (1 of 1)" in str(joon.dm())
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "Waiting for room (1 of 1)" in str(joon.ephemeral()))
    mina.command("/kws return a1")
    story.workspace.wait_for(lambda: "rental_keep" in str(mina.ephemeral()))
    mina.click("rental_return", message=mina.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: named(story, "a1").status is Status.ENDING)
    story.settle(120)
    assert named(story, "web01").status is Status.READY
    assert named(story, "web01").password_hash
    first, second = bells(joon)
    assert "There's room" in first
    assert "is running" in second


def test_a_smaller_size_is_one_click(make_story: Callable[..., Story]) -> None:
    story = make_story(1, vcpus=2, ram_mb=1024, disk_gb=10, max_rentals=4)
    mina, hana = story.workspace.person("mina"), story.workspace.person("joon")
    story.rent(mina, "a1")
    story.settle(4)
    story.rent(hana, "web01", size="medium")
    assert "small · 1 vCPU" in visible_text(hana.open_view)
    answer(hana, "size:small")
    story.settle(4)
    assert (named(story, "web01").size, named(story, "web01").status) == ("small", Status.READY)


def test_the_question_stays_while_the_form_changes(story: Story) -> None:
    full(story)
    joon = story.workspace.person("joon")
    story.rent(joon, "web01")
    joon.fill(asked(joon), "wait")
    joon.fill("access", "password")
    story.workspace.wait_for(lambda: "Slack shows it while you type" in str(joon.open_view))
    assert "No node has room for *small* now." in visible_text(joon.open_view)
    joon.fill_form({"password": "correct horse battery"})
    joon.submit()
    assert named(story, "web01").status is Status.WAITING


def test_a_choice_that_is_gone_meanwhile_is_asked_about_again(story: Story) -> None:
    mina, joon = story.workspace.person("mina"), story.workspace.person("joon")
    story.rent(mina, "a1", ends_on=day(story, 10))
    story.settle(4)
    story.rent(joon, "web01", size="medium", ends_on=day(story, 12))
    before = asked(joon)
    story.rent(mina, "a2", ends_on=day(story, 10))
    answer(joon, "size:small")
    assert asked(joon) != before
    assert "No node has room for *small* now." in visible_text(joon.open_view)
    answer(joon, "wait", wait_until=day(story, 5))
    waiting = named(story, "web01")
    assert (waiting.size, waiting.status) == ("small", Status.WAITING)
    assert waiting.wait_until and waiting.wait_until.isoformat() == day(story, 5)


def test_room_that_comes_between_the_two_clicks_is_used(story: Story) -> None:
    mina = full(story)
    joon = story.workspace.person("joon")
    story.rent(joon, "web01")
    story.service.rental_service.return_rental(
        story.service.dispatcher.directory.authorize(mina.id, None)[0], named(story, "a1").id
    )
    story.settle(30)
    answer(joon, "wait")
    assert named(story, "web01").status is Status.REQUESTED
    assert len([rental for rental in story.rentals() if rental.name == "web01"]) == 1


def test_fewer_days_where_the_room_is_promised_later(story: Story) -> None:
    mina, joon = story.workspace.person("mina"), story.workspace.person("joon")
    mina.command(f"/kws rent exam debian-12 medium {day(story, 10)}..{day(story, 12)}")
    story.workspace.wait_for(lambda: "예약" in str(mina.ephemeral()))
    story.settle(4)
    assert "예약됨" in str(mina.dm())
    story.rent(joon, "web01", ends_on=day(story, 20))
    assert (
        f"Only until {story.service.context.today() + timedelta(days=8):%a}, {shown(story, 8)}"
        in visible_text(joon.open_view)
    )
    answer(joon, "until")
    assert named(story, "web01").ends_on.isoformat() == day(story, 8)


def test_a_first_day_in_the_form(story: Story) -> None:
    full(story)
    joon = story.workspace.person("joon")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.click("rent_more")
    story.workspace.wait_for(lambda: "starts_on" in str(joon.open_view))
    joon.fill_form(
        {"name": "exam", "image": "debian-12", "starts_on": day(story, 10), "ends_on": day(story, 20)}
    )
    refused = joon.submit()
    assert refused.errors.keys() == {"starts_on"}
    assert (
        f"Not free from {story.service.context.today() + timedelta(days=10):%a}"
        in refused.errors["starts_on"]
    )
    assert shown(story, 16) in refused.errors["starts_on"]  # the evening before, it's still taken
    joon.fill_form({"starts_on": day(story, 16), "ends_on": day(story, 26)})
    assert joon.submit().errors == {}
    story.settle(4)
    assert "Reserved: starts on" in str(joon.dm())
    for _ in range(15):
        midnight(story, 1)
    midnight(story, 1, minutes=-20)
    assert named(story, "exam").status is Status.WAITING
    story.settle(1100)
    assert named(story, "exam").status is Status.READY
    assert "Its first day is near" in bells(joon)[0]
    assert "is running" in bells(joon)[1]


def test_a_container_and_a_custom_size_wait_as_well(story: Story) -> None:
    full(story)
    joon = story.workspace.person("joon")
    joon.command("/kws rent container")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "box", "image": "nginx:latest", "ends_on": day(story, 30)})
    joon.submit()
    answer(joon, "wait")
    assert (named(story, "box").kind, named(story, "box").status) == (Kind.CONTAINER, Status.WAITING)
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.click("rent_more")
    story.workspace.wait_for(lambda: "starts_on" in str(joon.open_view))
    joon.fill("size", "custom")
    story.workspace.wait_for(lambda: "vcpus" in str(joon.open_view))
    joon.fill_form({"name": "odd", "image": "debian-12", "vcpus": 1, "ram_mb": 600, "disk_gb": 6})
    joon.submit()
    assert "No node has room for *this size* now." in visible_text(joon.open_view)
    answer(joon, "wait")
    odd = named(story, "odd")
    assert (odd.status, odd.size, odd.ram_mb) == (Status.WAITING, "custom", 600)


def test_words_that_find_no_room_have_buttons(story: Story) -> None:
    full(story)
    joon = story.workspace.person("joon")
    joon.command(f"/kws rent web01 debian-12 small {day(story, 30)}")
    story.workspace.wait_for(lambda: "rent_words:wait" in str(joon.ephemeral()))
    joon.click("rent_words:wait", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: "web01 waits for room" in str(joon.ephemeral()))
    waiting = named(story, "web01")
    assert (waiting.status, waiting.ends_on.isoformat()) == (Status.WAITING, day(story, 30))


def test_leaving_the_queue_in_korean(story: Story) -> None:
    joon, mina = story.workspace.person("joon"), story.workspace.person("mina")
    story.rent(joon, "a1")
    story.rent(joon, "a2")
    story.rent(mina, "web01")
    assert "지금은 *small* 사양을 만들 수 있는 노드가 없습니다." in visible_text(mina.open_view)
    answer(mina, "wait")
    story.settle(4)
    assert "여유 자원 대기 중 (1건 중 1번째)" in str(mina.dm())
    card = next(m for m in mina.dm() if "대기열에서 나가기" in str(m["blocks"]))
    mina.click("rental_return", message=card["ts"], confirm=True)
    story.workspace.wait_for(lambda: all(rental.name != "web01" for rental in story.rentals()))
    story.settle(4)
    assert "대기열에서 나왔습니다" in str(mina.dm())
    assert "삭제" not in str(mina.dm()[-1]["blocks"])


def test_what_waits_too_long_ends_with_a_message(story: Story) -> None:
    full(story, days=60)
    joon = story.workspace.person("joon")
    story.rent(joon, "web01", ends_on=day(story, 40))
    answer(joon, "wait", wait_until=day(story, 2))
    story.settle(4)
    midnight(story, 3)
    assert all(rental.name != "web01" for rental in story.rentals())
    assert "No node had room in time" in bells(joon)[-1]


def promised(story: Story) -> Rental:
    """Mina's exam needs all of the node from the tenth day on, and Joon has half of it until the fifth."""
    mina, joon = story.workspace.person("mina"), story.workspace.person("joon")
    mina.command(f"/kws rent exam debian-12 medium {day(story, 10)}..{day(story, 12)}")
    story.workspace.wait_for(lambda: "예약" in str(mina.ephemeral()))
    story.rent(joon, "web01", ends_on=day(story, 5))
    story.settle(4)
    return named(story, "web01")


def test_extending_stops_where_it_is_promised(story: Story) -> None:
    mine = promised(story)
    joon = story.workspace.person("joon")
    joon.command("/kws extend web01")
    story.workspace.wait_for(lambda: joon.open_view)
    assert f"{shown(story, 8)}. From" in str(joon.open_view)
    joon.fill_form({"ends_on": day(story, 11)})
    refused = joon.submit().errors["ends_on"]
    assert f"{shown(story, 8)}. From" in refused
    assert f"{shown(story, 9)}, its room is promised to someone else." in refused
    joon.fill_form({"ends_on": day(story, 8)})
    assert joon.submit().errors == {}
    assert named(story, "web01").ends_on == mine.ends_on + timedelta(days=3)


def test_an_admin_sees_whom_it_hits_and_they_hear_of_it_on_their_day(story: Story) -> None:
    mine = promised(story)
    admin, mina = story.workspace.person("admin"), story.workspace.person("mina")
    admin.command("/kws admin rentals web01")
    story.workspace.wait_for(lambda: "desk_act" in str(admin.ephemeral()))
    admin.choose("desk_act", f"extend|{mine.id}", message=admin.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: admin.open_view)
    admin.fill_form({"ends_on": day(story, 20), "note": "paper"})
    admin.submit()
    form = visible_text(admin.open_view)
    assert "다른 사람이 예약한 자원" in form
    assert f"exam (<@{mina.id}> 님)" in form
    assert named(story, "web01").ends_on == mine.ends_on
    admin.submit()
    assert "다른 사람이 예약한 자원" in visible_text(admin.open_view), "it isn't ticked"
    admin.fill_form({"anyway": ["anyway"]})
    admin.submit()
    assert admin.open_view is None
    story.workspace.wait_for(lambda: named(story, "web01").ends_on.isoformat() == day(story, 20))
    for _ in range(10):
        midnight(story, 1)
    assert named(story, "exam").status is Status.WAITING
    assert len([text for text in bells(mina) if "시작일이 되었지만" in text]) == 1
    mina.command("/kws list")
    story.workspace.wait_for(lambda: "여유 자원 대기 중 (1건 중 1번째)" in str(mina.ephemeral()))


def test_who_was_given_room_that_is_none_is_told_and_waits_again(story: Story) -> None:
    mina, joon = full(story), story.workspace.person("joon")
    story.rent(joon, "web01", ends_on=day(story, 30))
    answer(joon, "wait")
    story.nodes["node1"].break_next(Refusal.NO_HOST)
    mine = story.service.dispatcher.directory.authorize(mina.id, None)[0]
    story.service.rental_service.return_rental(mine, named(story, "a1").id)
    story.settle(240)
    assert named(story, "web01").status is Status.WAITING
    assert "Waiting for room (1 of 1)" in str(joon.dm())
    assert [text.partition("* ")[2] for text in bells(joon)] == [
        ":white_check_mark: There's room: creating it on node1 now.",
        ":hourglass: node1: no capacity. No other node has capacity, so KWS will try again.",
    ]
    story.settle(600)
    assert named(story, "web01").status is Status.READY
