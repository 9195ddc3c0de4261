"""The App Home: cards whose buttons work, a plain word for guests, the admins' desk with 300 rentals, acts on any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from stock import made
from storybook import Story
from world import make_config

from bot.workspace import Person, UserGroup, payloads, visible_text
from bot.workspace.outcome import exchange
from kws_core.admission import Who
from kws_core.model import Event, EventKind, Rental, Status


def home(person: Person) -> str:
    """All that the person reads there."""
    return visible_text(person.home)


def opens(story: Story, person: Person) -> Person:
    """The person looks at the App Home."""
    before = len(story.workspace.calls_of("views.publish"))
    person.open_home()
    story.workspace.wait_for(lambda: len(story.workspace.calls_of("views.publish")) > before)
    story.workspace.wait_for(lambda: person.home)
    return person


def later(story: Story, seconds: int = 5) -> None:
    """The homes' loop has its turns."""
    for _ in range(seconds):
        story.clock.advance(seconds=1)
        story.service.homes.tick()


def rented(story: Story, who: str, name: str) -> Rental:
    person = story.workspace.person(who)
    story.rent(person, name)
    story.settle()
    return next(r for r in story.rentals() if r.name == name)


def stock(story: Story, count: int) -> None:
    """So many rentals of two people, in several states."""
    people = [story.workspace.person(name).id for name in ("mina", "joon")]
    with story.service.store.write() as session:
        for n in range(count):
            ends_on = story.service.core.today() + timedelta(days=n)
            session.add(made(n, story.clock(), ends_on, owner=people[n % 2], name=f"{'n' * 50}-{n:03}"))


def events(story: Story, rental: Rental, kind: EventKind) -> list[Event]:
    return [event for event in story.service.core.history(rental.id) if event.kind is kind]


# -- everybody


def test_a_students_rentals_and_their_buttons(story: Story) -> None:
    joon = story.workspace.person("joon")
    first, second = rented(story, "joon", "web01"), rented(story, "joon", "web02")
    rented(story, "mina", "db01")
    opens(story, joon)
    assert "You use 2 of 3 rentals" in home(joon)
    assert "Free now:" in home(joon)
    assert "web01" in home(joon) and "ssh -i" in home(joon) and "web02" in home(joon)
    assert "db01" not in home(joon) and "desk" not in str(joon.home)
    joon.click("rental_console", first.id, where="home")
    story.workspace.wait_for(lambda: joon.open_view and "web01" in visible_text(joon.open_view))
    joon.click("rental_reboot", second.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: joon.open_view and "is rebooting" in visible_text(joon.open_view))
    joon.click("rental_new_key", first.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: joon.open_view and "A new key for web01" in visible_text(joon.open_view))
    joon.click("rental_extend", second.id, where="home")
    story.workspace.wait_for(lambda: joon.open_view and joon.open_view["callback_id"] == "extend")
    joon.fill_form({"ends_on": (second.ends_on + timedelta(days=3)).isoformat()})
    joon.submit()
    later(story)
    assert "Thursday, December 18" not in home(joon)
    assert events(story, second, EventKind.EXTENDED)
    joon.click("rental_return", second.id, where="home", confirm=True)
    story.workspace.wait_for(lambda: joon.open_view and "is being deleted" in visible_text(joon.open_view))
    story.settle()
    later(story)
    assert "web02" not in home(joon)
    assert "You use 1 of 3 rentals" in home(joon)


def test_the_form_is_opened_from_the_home(story: Story) -> None:
    joon = opens(story, story.workspace.person("joon"))
    assert "You have no rentals" in home(joon)
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
    story.workspace.wait_for(lambda: any("is rebooting" in str(m) for m in joon.dm()))


def test_a_bug_in_a_home_is_told_with_its_reference(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    joon = story.workspace.person("joon")
    rental = rented(story, "joon", "web01")
    opens(story, joon)
    monkeypatch.setattr(story.service.operations, "console", lambda *a: 1 / 0)
    joon.click("rental_console", rental.id, where="home")
    story.workspace.wait_for(
        lambda: joon.open_view and "Something went wrong on our side" in visible_text(joon.open_view)
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
    assert "ready" in home(joon) and "ssh -i" in home(joon)
    published = [c.args["user_id"] for c in story.workspace.calls_of("views.publish")[before:]]
    assert 1 <= published.count(joon.id) <= 4 < len(story.service.core.history(story.rentals()[0].id))
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
    story.service.core.give_back(Who(joon.id), story.rentals()[0].id)
    before = len(story.workspace.calls_of("views.publish"))
    later(story, 90)
    assert len(story.workspace.calls_of("views.publish")) == before + 1, "there is no Home: left alone"


def test_it_is_one_of_the_loops(story: Story) -> None:
    assert story.service.homes.tick in [loop._tick for loop in story.service.loops]


# -- the desk


def rows(person: Person) -> list[str]:
    """Names of the rentals on the page."""
    shown = person.home or {"blocks": []}
    found = [
        b["text"]["text"] for b in shown["blocks"] if b["type"] == "section" and "-" in b["text"]["text"]
    ]
    return [text.split("*")[1] for text in found if "nnn" in text]


def do(story: Story, act: Callable[[], Any]) -> None:
    """A click in the Home, and what it publishes."""
    before = len(story.workspace.calls_of("views.publish"))
    act()
    story.workspace.wait_for(lambda: len(story.workspace.calls_of("views.publish")) > before)
    assert story.workspace.violations == []


def test_300_rentals_page_by_page(story: Story) -> None:
    stock(story, 300)
    admin = opens(story, story.workspace.person("admin"))
    seen = rows(admin)
    for page in range(2, 21):
        do(story, lambda: admin.click("desk_page:next", where="home"))
        story.workspace.wait_for(lambda page=page: f"20쪽 중 {page}쪽" in home(admin))
        assert len(admin.home["blocks"]) <= 100  # type: ignore[index]
        seen += rows(admin)
    assert len(seen) == 300 == len(set(seen))
    assert seen == sorted(seen)
    with pytest.raises(Exception, match="desk_page:next"):
        admin.click("desk_page:next", where="home")
    do(story, lambda: admin.click("desk_page:previous", where="home"))
    story.workspace.wait_for(lambda: "20쪽 중 19쪽" in home(admin))


def test_the_search_and_that_it_survives_a_refresh(story: Story) -> None:
    stock(story, 300)
    admin, mina = story.workspace.person("admin"), story.workspace.person("mina")
    opens(story, admin)
    count = lambda n: story.workspace.wait_for(lambda: f"대여 {n}개" in home(admin))  # noqa: E731
    count(300)
    do(story, lambda: admin.choose("desk_person", mina.id, where="home"))
    count(150)
    do(story, lambda: admin.choose("desk_node", "node1", where="home"))
    count(150)
    do(story, lambda: admin.choose("desk_node", "node2", where="home"))
    count(0)
    do(story, lambda: admin.choose("desk_node", "any", where="home"))
    do(story, lambda: admin.choose("desk_state", "stopped", where="home"))
    count(75)
    do(story, lambda: admin.choose("desk_within", "7", where="home"))
    count(2)
    other = next(r for r in story.rentals() if r.name.endswith("-001"))
    story.service.terms.extend(Who(other.owner), other.id, other.ends_on + timedelta(days=9), via="test")
    later(story)
    assert "-001" in home(admin), "among what happened last"
    count(2)
    opens(story, admin)
    count(2)
    do(story, lambda: admin.click("desk_clear", where="home"))
    count(300)
    do(story, lambda: admin.choose("desk_name", "-29", where="home"))
    count(10)
    do(story, lambda: admin.choose("desk_name", "%", where="home"))
    count(0)


def act(story: Story, admin: Person, rental: Rental, what: str, **fields: str) -> None:
    """Chooses it in the row's menu, fills in the form, sends it."""
    blocks = admin.home["blocks"]  # type: ignore[index]
    (block,) = [b for b in blocks if rental.id in str(b.get("accessory", ""))]
    admin.choose(block["block_id"], f"{what}|{rental.id}", where="home")
    story.workspace.wait_for(lambda: admin.open_view and admin.open_view["callback_id"] == "desk")
    admin.fill_form(fields)


def told(story: Story, admin: Person, text: str) -> None:
    story.workspace.wait_for(lambda: admin.open_view and text in visible_text(admin.open_view))


def test_beyond_the_policy_with_a_reason(story: Story) -> None:
    rental = rented(story, "joon", "web01")
    admin, joon = opens(story, story.workspace.person("admin")), story.workspace.person("joon")
    far = (story.service.core.today() + timedelta(days=400)).isoformat()
    act(story, admin, rental, "extend", ends_on=far)
    assert admin.submit().errors, "a reason is required"
    admin.fill_form({"note": "   "})
    assert admin.submit().errors
    admin.fill_form({"note": "thesis <!channel>", "ends_on": "2026-01-01"})
    assert "ends_on" in str(admin.submit().errors)
    admin.fill_form({"ends_on": "2099-01-01"})
    assert "ends_on" in str(admin.submit().errors)
    admin.fill_form({"ends_on": far})
    admin.submit()
    told(story, admin, "web01")
    story.settle()
    (done,) = events(story, rental, EventKind.EXTENDED)
    assert (done.actor, done.data["via"], done.data["note"]) == (admin.id, "desk", "thesis <!channel>")
    bells = [m for m in joon.dm() if m.get("subtype") == "thread_broadcast" or "thread_ts" in m]
    assert any(f"<@{admin.id}> extended it until" in str(m) and "thesis" in str(m) for m in bells)
    assert "<!channel>" not in str(joon.dm()) + str(admin.home)
    story.workspace.wait_for(lambda: "thesis" in home(admin))


def test_end_now_hand_over_and_restore(make_story: Callable[..., Story]) -> None:
    story = make_story(policy="grace_hours = 48")
    first, second, third = (rented(story, "joon", name) for name in ("web01", "web02", "web03"))
    admin, joon, mina = (story.workspace.person(name) for name in ("admin", "joon", "mina"))
    with story.service.store.write() as session:
        row = session.get_one(Rental, third.id)
        row.stopped_at = story.clock()
        row.move_to(Status.STOPPED, story.clock(), event=EventKind.STOPPED, until=story.clock().isoformat())
        row.ends_on = story.service.core.today() - timedelta(days=1)
    opens(story, admin)
    act(story, admin, first, "end", note="a miner")
    admin.submit()
    told(story, admin, "web01")
    act(story, admin, second, "transfer", person=mina.id, note="she needs it")
    admin.submit()
    told(story, admin, "web02")
    act(story, admin, third, "restore")
    admin.submit()
    told(story, admin, "web03")
    story.settle()
    ended, handed = (
        events(story, first, EventKind.RETURNED)[0],
        events(story, second, EventKind.TRANSFERRED)[0],
    )
    (restored,) = events(story, third, EventKind.RESTORED)
    for event in (ended, handed, restored):
        assert (event.actor, event.data["via"]) == (admin.id, "desk")
    assert f"<@{admin.id}> ended it (a miner)" in str(joon.dm())
    assert f"<@{admin.id}> restored it until" in str(joon.dm())
    over = [m for m in joon.dm() if "was handed over to" in str(m) and "she needs it" in str(m)]
    assert len(over) == 2, "the card, and a message"
    assert "she needs it" in str(mina.dm()) and "web02" in str(mina.dm())


def test_only_members_take_over(story: Story) -> None:
    rental = rented(story, "joon", "web01")
    admin = opens(story, story.workspace.person("admin"))
    act(story, admin, rental, "transfer", person=story.workspace.person("guest").id)
    admin.submit()
    told(story, admin, "멤버가 아닙니다")
    assert story.rentals()[0].owner == rental.owner


def test_it_is_over_when_the_admin_clicks(story: Story) -> None:
    rental = rented(story, "joon", "web01")
    admin = opens(story, story.workspace.person("admin"))
    act(
        story,
        admin,
        rental,
        "extend",
        note="why not",
        ends_on=(rental.ends_on + timedelta(days=1)).isoformat(),
    )
    story.service.core.give_back(Who(rental.owner), rental.id)
    admin.submit()
    told(story, admin, "이미 끝났거나")


# -- admins only


def forged(story: Story, person: Person, action: dict[str, Any]) -> None:
    """A click that the person's own Home does not have."""
    live = story.workspace._core.views.home(person.id)
    assert live
    payload = payloads.block_actions_in_view(story.workspace._core, person.user, live, action)
    exchange(story.workspace._core, "interactive", payload, "block_actions")


def test_a_student_who_forges_the_desk_is_refused(story: Story) -> None:
    rental = rented(story, "mina", "web01")
    joon = opens(story, story.workspace.person("joon"))
    option = {"value": f"end|{rental.id}"}
    clicks: list[dict[str, Any]] = [
        {"action_id": "desk_act", "selected_option": option},
        {"action_id": "desk_person", "selected_user": rental.owner},
        {"action_id": "desk_state", "selected_option": {"value": "ready"}},
        {"action_id": "desk_name", "value": "web"},
        {"action_id": "desk_clear"},
        {"action_id": "desk_page:next", "value": "1"},
    ]
    for click in clicks:
        forged(story, joon, {"type": "button", "block_id": "x", **click})
        told(story, joon, "Only admins may do that.")
        joon.close()
    later(story, 61)
    assert "web01" not in home(joon)
    assert story.service.homes.book.sheet(joon.id).search.name == ""  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["end", "transfer", "extend"])
def test_a_student_who_forges_a_form_of_the_desk_is_refused(story: Story, what: str) -> None:
    rental = rented(story, "mina", "web01")
    joon, admin = story.workspace.person("joon"), opens(story, story.workspace.person("admin"))
    fields = {"transfer": {"person": joon.id}, "extend": {"ends_on": "2027-12-01", "note": "mine"}}
    act(story, admin, rental, what, **fields.get(what, {}))
    opens(story, joon)
    live = story.workspace._core.views.top(admin.id)
    assert live
    payload = payloads.view_submission(story.workspace._core, joon.user, live)
    exchange(story.workspace._core, "interactive", payload, "view_submission")
    told(story, joon, "Only admins may do that.")
    (now,) = story.rentals()
    assert (now.owner, now.ends_on, now.status) == (rental.owner, rental.ends_on, rental.status)


def test_a_group_is_read_again_and_who_left_it_loses_the_desk(make_story: Callable[..., Story]) -> None:
    config = make_config()
    kws = config.kws.model_copy(update={"admins": ("S0ADMINS01",)})
    story = make_story(config=config.model_copy(update={"kws": kws}))
    group = UserGroup("S0ADMINS01", "admins", ["U0JOON0001"])
    story.workspace.add_group(group)
    rental = rented(story, "mina", "web01")
    joon, admin = opens(story, story.workspace.person("joon")), opens(story, story.workspace.person("admin"))
    assert "The desk" in home(joon) and "모든 대여" not in home(admin)
    act(story, joon, rental, "end")
    group.users[:] = [admin.id]
    story.clock.advance(minutes=6)
    joon.submit()
    told(story, joon, "Only admins may do that.")
    later(story, 5)
    assert "The desk" not in home(joon)
    assert "모든 대여" in home(admin)
    assert story.rentals()[0].status is Status.READY


def test_the_list_as_a_message(story: Story) -> None:
    stock(story, 30)
    admin, joon = story.workspace.person("admin"), story.workspace.person("joon")
    admin.command("/kws admin rentals")
    story.workspace.wait_for(lambda: "대여 30개" in str(admin.ephemeral()))
    admin.command("/kws admin rentals -007")
    story.workspace.wait_for(lambda: "대여 1개" in str(admin.ephemeral()[-1]))
    (row,) = [block for block in admin.ephemeral()[-1]["blocks"] if "-007" in str(block)]
    assert "accessory" not in row, "it is being deleted: nothing can be done"
    joon.command("/kws admin rentals")
    story.workspace.wait_for(lambda: "Only admins may do that." in str(joon.ephemeral()))
    assert "nnn" not in str(joon.ephemeral()) + str(joon.dm())
