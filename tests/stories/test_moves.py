"""Moves, as people see them: another size from the card, another node when theirs goes into maintenance."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from harness.storybook import Story

from kws_core.errors import NodeRefused, Refusal
from kws_core.people import Actor
from kws_core.reports.audit import Audit
from kws_core.scheduling.capacity import record_of
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from slack_workspace import visible_text

LONG = 150


def look(story: Story, rental: Rental) -> Rental:
    """As it is now."""
    return story.service.rental_queries.rental(Actor(rental.owner), rental.id)


def node_of(rental: Rental) -> str:
    assert rental.placement
    return rental.placement.node


def travels(story: Story, rental: Rental) -> None:
    """The server stops, its copy is made and carried, and the other one boots."""
    story.settle(30)
    successor = look(story, rental).replaced_by
    story.service.carrier.tick()

    def is_there() -> bool:
        held = story.service.rental_queries.rental(Actor(rental.owner), successor or "").placement
        return held is not None and held.image_at is not None

    story.workspace.wait_for(is_there)
    story.settle(60)


def cards(person: Any, name: str = "web01") -> list[str]:
    """What the cards of that name say, the oldest first."""
    own = [m for m in person.dm() if m.get("thread_ts", m["ts"]) == m["ts"]]
    return [visible_text(m) for m in own if f"*{name}*" in str(m) and "'block_id': 'card-" in str(m)]


def rings(person: Any) -> list[str]:
    return [visible_text(m) for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def rented(story: Story, who: str = "joon") -> Any:
    person = story.workspace.person(who)
    story.rent(person)
    story.settle()
    return person


def drained(story: Story, node: str, *, move: bool = False) -> Any:
    """An admin starts maintenance by the form, and tells the people on the node."""
    admin = story.workspace.person("admin")
    admin.command(f"/kws admin nodes drain {node}")
    story.workspace.wait_for(lambda: admin.open_view)
    admin.fill_form({"tell": ["tell", "move"] if move else ["tell"], "reason": "new disk"})
    assert admin.submit().errors == {}
    story.settle()
    story.night()
    return admin


def notice(person: Any) -> str:
    """ts of the message that tells of the maintenance."""
    return str(next(m["ts"] for m in person.dm() if "rental_move_ask" in str(m)))


def chooses(story: Story, person: Any, size: str) -> str:
    """Opens the form from the card and submits it; what it said of each size."""
    person.click("rental_size")
    story.workspace.wait_for(lambda: person.open_view)
    form = str(person.open_view)
    assert "takes minutes to hours" in form or "몇 시간" in form
    assert "'value': 'small'" not in form, "it has that one"
    assert "size" in person.submit().errors
    person.fill_form({"size": size})
    assert person.submit().errors == {}
    story.settle(1)
    return form


def test_a_server_gets_another_size_where_it_is(story: Story) -> None:
    joon = rented(story)
    old = story.rentals()[0]
    node = story.nodes[node_of(old)]
    node.times = replace(node.times, resize=timedelta(seconds=20))
    assert "Keeps its address, restarts" in chooses(story, joon, "large")
    assert "Changing size" in cards(joon)[0]
    assert "keeps its address" in cards(joon)[0]
    assert "Change size…" not in cards(joon)[0]
    joon.command("/kws resize web01")
    story.workspace.wait_for(lambda: "is getting a new size" in str(joon.ephemeral()))
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "Changing size" in str(joon.ephemeral()[-1:]))
    story.settle(60)
    (card,) = cards(joon)
    assert ":large_green_circle:" in card
    assert "2 vCPU " in card
    assert "The size is now large (2 vCPU " in rings(joon)[-1]
    now = look(story, old)
    assert (now.status, now.size, now.replaced_by) == (Status.READY, "large", None)
    assert now.placement
    assert old.placement
    assert now.placement.floating_ip == old.placement.floating_ip
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "2 vCPU " in visible_text(joon.ephemeral()[-1]))
    trail = Audit(story.service.context).trail(limit=20)
    assert "resize_done" in [line.what for line in trail]


def test_a_server_gets_another_size_through_a_copy(story: Story) -> None:
    """Its node is seen to be unable to resize it: nothing has to be typed again."""
    joon = rented(story)
    old = story.rentals()[0]
    story.nodes[node_of(old)].resizes = False
    chooses(story, joon, "large")
    travels(story, old)
    assert "couldn't change the size in place: no capacity" in str(rings(joon))
    first, second = cards(joon)
    assert ":white_circle:" in first
    assert "Moved to" in first
    assert ":large_green_circle:" in second
    assert "2 vCPU " in second
    assert "is running: `ssh -i" in rings(joon)[-1]
    new = next(r for r in story.rentals() if r.id == look(story, old).replaced_by)
    assert (new.status, new.size) == (Status.READY, "large")
    joon.command("/kws list")
    story.workspace.wait_for(lambda: "Your rentals" in str(joon.ephemeral()[-1:]))
    assert str(joon.ephemeral()[-1]).count("*web01*") == 1


def test_a_node_that_is_known_to_be_unable_offers_a_copy(story: Story) -> None:
    joon = rented(story)
    with story.service.store.write() as session:
        record_of(session, node_of(story.rentals()[0])).no_resize_at = story.clock.at
    joon.click("rental_size")
    story.workspace.wait_for(lambda: joon.open_view)
    assert "Gets a new address, through a copy" in str(joon.open_view)
    assert "Keeps its address, restarts" not in str(joon.open_view)


def test_a_server_that_does_not_come_back_with_its_new_size_gets_the_old_one(story: Story) -> None:
    mina = rented(story, "mina")
    old = story.rentals()[0]
    node = story.nodes[node_of(old)]
    boot, node.times = node.times, replace(node.times, boot=timedelta(days=1))
    chooses(story, mina, "medium")
    story.settle(20)
    story.clock.advance(hours=3)
    story.settle(10)
    node.times = boot
    story.settle(60)
    assert look(story, old).size == "small"
    assert "다시 시작한 뒤 접속할 수 없음" in str(rings(mina))
    assert ":large_green_circle:" in cards(mina)[0]


def test_the_admins_are_told_of_a_server_that_breaks_on_the_way(story: Story) -> None:
    joon = rented(story)
    old = story.rentals()[0]
    story.nodes[node_of(old)].break_next()
    chooses(story, joon, "large")
    story.settle(30)
    assert "broke on" in str(rings(joon))
    story.night()
    admin = story.workspace.person("admin")
    assert "사양 변경 중 오류" in str(admin.dm())


def test_an_owner_moves_from_a_node_in_maintenance(story: Story) -> None:
    joon = rented(story)
    old = story.rentals()[0]
    admin = drained(story, node_of(old))
    joon.click("rental_move_ask", message=notice(joon))
    story.workspace.wait_for(lambda: "'rental_move'" in str(joon.ephemeral()))
    question = visible_text(joon.ephemeral()[-1])
    assert f"Move web01 from {node_of(old)} to " in question
    joon.click("rental_move", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: look(story, old).moving)
    travels(story, old)
    assert ":large_green_circle:" in cards(joon)[1]
    story.night()
    emptied = [visible_text(m) for m in admin.dm() if "노드 비우기" in str(m)]
    assert len(emptied) == 1, "one message, edited"
    assert "전체 1건 중 이동 1건" in emptied[0]
    assert "모두 비웠습니다" in emptied[0]


def test_an_admin_has_the_rest_moved_at_night(story: Story) -> None:
    joon = rented(story)
    old = story.rentals()[0]
    admin = drained(story, node_of(old), move=True)
    assert "unless you choose something else" in rings(joon)[-1]
    assert "전체 1건 중 이동 0건" in str([visible_text(m) for m in admin.dm()])
    at = look(story, old).move_at
    assert at
    assert at.astimezone(story.service.context.config.kws.zone).hour == 3
    story.clock.at = at
    story.night()
    travels(story, old)
    assert look(story, old).status is Status.ENDED
    story.night()
    assert "전체 1건 중 이동 1건" in str([visible_text(m) for m in admin.dm()])


@pytest.mark.parametrize("button", ["rental_move_tonight", "rental_move_myself"])
def test_an_owner_chooses_when(story: Story, button: str) -> None:
    joon = rented(story)
    old = story.rentals()[0]
    drained(story, node_of(old), move=True)
    planned, seen = look(story, old).move_at, len(joon.ephemeral())
    joon.click(button, message=notice(joon))
    story.workspace.wait_for(lambda: len(joon.ephemeral()) > seen)
    said, at = visible_text(joon.ephemeral()[-1]), look(story, old).move_at
    if button == "rental_move_myself":
        assert at is None
        assert "KWS won't move web01. Save your data before the maintenance begins." in said
    else:
        assert planned
        assert at
        assert at < planned
        assert at - story.clock.at < timedelta(days=1)
        assert "KWS will move web01 at" in said


def test_a_move_that_fails_is_told_and_the_server_runs_again(story: Story) -> None:
    joon = rented(story)
    old = story.rentals()[0]
    node = story.nodes[node_of(old)]
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "no"))
    joon.command("/kws move web01")
    story.workspace.wait_for(lambda: "'rental_move'" in str(joon.ephemeral()))
    joon.click("rental_move", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: look(story, old).moving)
    story.settle(LONG)
    assert ":large_green_circle:" in cards(joon)[0]
    assert "The move failed: quota exceeded. No data is lost" in str(rings(joon))
    assert ":white_circle:" in cards(joon)[1]
    assert "the move was canceled" in cards(joon)[1].lower()


def test_why_not_is_said(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws rent container")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"name": "box", "image": "nginx:latest"})
    joon.submit()
    story.settle()
    joon.command("/kws move box")
    story.workspace.wait_for(lambda: "can't move it" in str(joon.ephemeral()))
    joon.command("/kws resize box")
    story.workspace.wait_for(
        lambda: str(joon.ephemeral()).count("can't move it") > 1 or joon.open_view is None
    )
    mina = story.workspace.person("mina")
    mina.command("/kws move box")
    story.workspace.wait_for(lambda: "box" in str(mina.ephemeral()))
    assert "rental_move" not in str(mina.ephemeral())


def test_it_is_said_in_korean(story: Story) -> None:
    mina = rented(story, "mina")
    drained(story, node_of(story.rentals()[0]))
    assert "지금 옮기기…" in str(mina.dm())
    mina.click("rental_move_ask", message=notice(mina))
    story.workspace.wait_for(lambda: "옮길까요?" in str(mina.ephemeral()))
