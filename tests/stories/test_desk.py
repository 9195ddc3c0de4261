"""The admins' desk: 300 rentals and the search, acts on anybody's rental, and nobody else gets at it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness.home_kit import events, home, later, opens, rented, stock, told
from harness.stock import made
from harness.storybook import Story
from harness.world import make_config

from kws_core.people import Actor
from kws_core.tables.details.events import Stopped
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState, Status
from slack_workspace import Person, UserGroup, visible_text
from slack_workspace.persons import payloads
from slack_workspace.persons.outcome import exchange

# -- the desk


def rows(person: Person) -> list[str]:
    """Names of the rentals on the page."""
    shown = person.home or {"blocks": []}
    found = [
        b["text"]["text"] for b in shown["blocks"] if b["type"] == "section" and b["text"]["text"][0] == ":"
    ]
    return [text.split("*")[1] for text in found if "nnn" in text]


def do(story: Story, act: Callable[[], Any]) -> None:
    """A click in the Home, and what it publishes."""
    before = len(story.workspace.calls_of("views.publish"))
    act()
    story.workspace.wait_for(lambda: len(story.workspace.calls_of("views.publish")) > before)
    assert story.workspace.violations == []


@pytest.mark.parametrize(("locale", "where"), [("ko-KR", "{}/20페이지"), ("en-US", "page {} of 20")])
def test_300_rentals_page_by_page(story: Story, locale: str, where: str) -> None:
    stock(story, 300)
    admin = story.workspace.person("admin")
    admin.user.locale = locale
    opens(story, admin)
    seen = rows(admin)
    for page in range(2, 21):
        do(story, lambda: admin.click("desk_page:next", where="home"))
        story.workspace.wait_for(lambda page=page: where.format(page) in home(admin))
        assert len(admin.home["blocks"]) <= 100  # type: ignore[index]
        seen += rows(admin)
    assert len(seen) == 300 == len(set(seen))
    assert seen == sorted(seen)
    with pytest.raises(Exception, match="desk_page:next"):
        admin.click("desk_page:next", where="home")
    do(story, lambda: admin.click("desk_page:previous", where="home"))
    story.workspace.wait_for(lambda: where.format(19) in home(admin))


def test_a_node_that_is_in_nodes_toml_no_more(story: Story) -> None:
    admin, joon = story.workspace.person("admin"), story.workspace.person("joon")
    stock(story, 3)
    with story.service.store.write() as session:
        lost = made(
            0, story.clock(), story.service.context.today(), owner=joon.id, name="web09", request_key="lost"
        )
        lost.placements[0].node, lost.placements[0].server_id = "node9", "s9"
        session.add(lost)
    opens(story, joon)
    assert "web09" in home(joon) and "node9" in home(joon)
    joon.click("rental_reboot", lost.id, where="home", confirm=True)
    told(story, joon, "node9 couldn't complete the request")
    opens(story, admin)
    assert ":ghost: node9 (nodes.toml에 없음)" in home(admin)
    assert ":ghost: *node9* 노드가 nodes.toml에 없지만 대여 1건이" in home(admin)
    do(story, lambda: admin.choose("desk_node", "node9", where="home"))
    story.workspace.wait_for(lambda: "대여 1건" in home(admin))
    act(story, admin, lost, "end")
    assert "노드를 다시 추가하면" in visible_text(admin.open_view)
    admin.submit()
    told(story, admin, "web09")
    story.settle(4)
    assert next(r for r in story.rentals() if r.id == lost.id).status is Status.ENDING
    with story.service.store.write() as session:
        session.get_one(Rental, lost.id).placements[0].state = PlacementState.DELETED
    later(story, 61)
    chosen = next(b for b in admin.home["blocks"] if "desk-filters" in b["block_id"])["elements"][1]  # type: ignore[index]
    assert chosen["initial_option"]["value"] == "node9", "what is searched for stays chosen"
    assert ":ghost: *node9*" not in home(admin)


def test_the_search_and_that_it_survives_a_refresh(story: Story) -> None:
    stock(story, 300)
    admin, mina = story.workspace.person("admin"), story.workspace.person("mina")
    opens(story, admin)
    count = lambda n: story.workspace.wait_for(lambda: f"대여 {n}건" in home(admin))  # noqa: E731
    nothing = lambda: story.workspace.wait_for(lambda: "검색 결과가 없습니다" in home(admin))  # noqa: E731
    count(300)
    do(story, lambda: admin.choose("desk_person", mina.id, where="home"))
    count(150)
    do(story, lambda: admin.choose("desk_node", "node1", where="home"))
    count(150)
    do(story, lambda: admin.choose("desk_node", "node2", where="home"))
    nothing()
    do(story, lambda: admin.choose("desk_node", "any", where="home"))
    do(story, lambda: admin.choose("desk_state", "stopped", where="home"))
    count(75)
    do(story, lambda: admin.choose("desk_within", "7", where="home"))
    count(2)
    other = next(r for r in story.rentals() if r.name.endswith("-001"))
    story.service.terms.extend(Actor(other.owner), other.id, other.ends_on + timedelta(days=9), via="test")
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
    nothing()


def act(story: Story, admin: Person, rental: Rental, what: str, **fields: str) -> None:
    """Chooses it in the row's menu, fills in the form, sends it."""
    blocks = admin.home["blocks"]  # type: ignore[index]
    (block,) = [b for b in blocks if rental.id in str(b.get("accessory", ""))]
    admin.choose(block["block_id"], f"{what}|{rental.id}", where="home")
    story.workspace.wait_for(lambda: admin.open_view and admin.open_view["callback_id"] == "desk")
    admin.fill_form(fields)


def test_beyond_the_policy_with_a_reason(story: Story) -> None:
    rental = rented(story, "joon", "web01")
    admin, joon = opens(story, story.workspace.person("admin")), story.workspace.person("joon")
    far = (story.service.context.today() + timedelta(days=400)).isoformat()
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
        row.move_to(Status.STOPPED, story.clock(), event=Stopped(story.clock()))
        row.ends_on = story.service.context.today() - timedelta(days=1)
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
    assert f"<@{admin.id}> ended this rental. Reason: a miner" in str(joon.dm())
    assert f"<@{admin.id}> restored it until" in str(joon.dm())
    over = [m for m in joon.dm() if "was transferred to" in str(m) and "she needs it" in str(m)]
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
    story.service.rental_service.return_rental(Actor(rental.owner), rental.id)
    admin.submit()
    told(story, admin, "종료되었거나")


# -- admins only


def forged(story: Story, person: Person, action: dict[str, Any]) -> None:
    """A click that the person's own Home does not have."""
    live = story.workspace.parts.views.home(person.id)
    assert live
    payload = payloads.block_actions_in_view(story.workspace.parts, person.user, live, action)
    exchange(story.workspace.parts, "interactive", payload, "block_actions")


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
        told(story, joon, "Only admins can do that.")
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
    live = story.workspace.parts.views.top(admin.id)
    assert live
    payload = payloads.view_submission(story.workspace.parts, joon.user, live)
    exchange(story.workspace.parts, "interactive", payload, "view_submission")
    told(story, joon, "Only admins can do that.")
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
    assert "Manage rentals" in home(joon) and "대여 관리" not in home(admin)
    act(story, joon, rental, "end")
    group.users[:] = [admin.id]
    story.clock.advance(minutes=6)
    joon.submit()
    told(story, joon, "Only admins can do that.")
    later(story, 5)
    assert "The desk" not in home(joon)
    assert "대여 관리" in home(admin)
    assert story.rentals()[0].status is Status.READY


def test_who_is_in_the_group_when_slack_fails_and_when_it_is_gone(make_story: Callable[..., Story]) -> None:
    config = make_config()
    kws = config.kws.model_copy(update={"admins": ("S0ADMINS01",)})
    story = make_story(config=config.model_copy(update={"kws": kws}))
    joon = story.workspace.person("joon")
    group = UserGroup("S0ADMINS01", "admins", [joon.id])
    story.workspace.add_group(group)
    directory = story.service.directory
    admin = lambda: directory.authorize(joon.id, None)[0].admin  # noqa: E731
    story.workspace.faults.fail("usergroups.users.list", error="internal_error")
    assert not admin()
    story.clock.advance(seconds=31)
    assert admin(), "asked again soon"
    story.workspace.faults.fail("usergroups.users.list", error="internal_error")
    story.clock.advance(minutes=6)
    assert admin(), "what Slack said last"
    group.deleted = True
    story.clock.advance(minutes=6)
    assert not admin(), "there is no such group"


def test_the_list_as_a_message(story: Story) -> None:
    stock(story, 30)
    admin, joon = story.workspace.person("admin"), story.workspace.person("joon")
    admin.command("/kws admin rentals")
    story.workspace.wait_for(lambda: "대여 30건" in str(admin.ephemeral()))
    admin.command("/kws admin rentals -007")
    story.workspace.wait_for(lambda: "대여 1건" in str(admin.ephemeral()[-1]))
    (row,) = [block for block in admin.ephemeral()[-1]["blocks"] if "-007" in str(block)]
    assert "accessory" not in row, "it is being deleted: nothing can be done"
    joon.command("/kws admin rentals")
    story.workspace.wait_for(lambda: "Only admins can do that." in str(joon.ephemeral()))
    assert "nnn" not in str(joon.ephemeral()) + str(joon.dm())
