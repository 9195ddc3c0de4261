"""Nodes in Slack: the list for admins, out of service and back, silence, the picture, usage, the trail."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

from harness.storybook import Story

from kws_core.forms.ssh_keys import generate
from kws_core.people import Actor
from kws_core.rentals.queries import RentalQueries
from slack_workspace import visible_text


def said(person: Any, text: str) -> bool:
    return any(text in visible_text(message) for message in person.ephemeral())


def ready(story: Story, name: str = "web01", who: str = "joon") -> Any:
    person = story.workspace.person(who)
    story.rent(person, name)
    story.settle()
    return person


def in_dm(person: Any, text: str) -> list[str]:
    return [visible_text(m) for m in person.dm() if text in visible_text(m)]


def open_drain(story: Story, admin: Any, node: str = "node1") -> None:
    admin.command("/kws admin nodes")
    story.workspace.wait_for(lambda: "node_drain" in str(admin.ephemeral()))
    admin.click("node_drain", node)
    story.workspace.wait_for(lambda: admin.open_view)


def test_out_of_service_with_a_word_to_the_people_and_back(story: Story) -> None:
    joon, admin = ready(story), story.workspace.person("admin")
    open_drain(story, admin)
    admin.fill_form({"tell": ["tell"], "until": "2026-11-01", "reason": "new disk."})
    assert "오늘은" in str(admin.submit().errors), "a day that is over"
    admin.fill_form({"until": "2026-12-10"})
    admin.submit()
    story.workspace.wait_for(lambda: story.service.rental_queries.nodes()[0].room.drained)
    story.settle()
    (notification, _card) = sorted(in_dm(joon, "into maintenance"), key=len)
    assert (
        "node1 goes into maintenance on Thu, Dec 10, 2026 and may shut down without notice. Reason: new disk."
        in notification
    )
    story.workspace.wait_for(lambda: said(admin, "알린 대여는 1건"))
    mina = ready(story, "web02", "mina")
    assert {r.name: r.placement.node for r in story.rentals() if r.placement} == {
        "web01": "node1",
        "web02": "node2",
    }
    assert in_dm(mina, "into maintenance") == []
    admin.click("node_undrain", "node1", confirm=True)
    story.workspace.wait_for(lambda: not story.service.rental_queries.nodes()[0].room.drained)
    story.workspace.wait_for(lambda: said(admin, "다시 새 대여를 받습니다"))


def test_to_tell_needs_a_day_and_without_a_word_nobody_is_told(story: Story) -> None:
    joon, admin = ready(story), story.workspace.person("admin")
    admin.command("/kws admin nodes drain nod1")
    story.workspace.wait_for(lambda: said(admin, "혹시 node1?"))
    admin.command("/kws admin nodes drian node1")
    story.workspace.wait_for(lambda: said(admin, "예: nodes, nodes drain node1"))
    assert admin.open_view is None
    admin.command("/kws admin nodes drain node1")
    story.workspace.wait_for(lambda: admin.open_view)
    admin.fill_form({"tell": ["tell"], "until": None})
    assert "점검 시작일을 선택하세요" in str(admin.submit().errors)
    admin.fill_form({"tell": []})
    admin.submit()
    story.workspace.wait_for(lambda: story.service.rental_queries.nodes()[0].room.drained)
    story.settle()
    assert in_dm(joon, "into maintenance") == []
    for answer in ("다시 새 대여를 받습니다", "점검 중이 아닙니다"):
        admin.command("/kws admin nodes undrain node1")
        story.workspace.wait_for(lambda answer=answer: said(admin, answer))


def test_nodes_are_for_admins(story: Story) -> None:
    joon = story.workspace.person("joon")
    for words in ("nodes", "usage", "audit"):
        count = len(joon.ephemeral())
        joon.command(f"/kws admin {words}")
        story.workspace.wait_for(lambda count=count: len(joon.ephemeral()) > count)
        assert "Only admins" in visible_text(joon.ephemeral()[-1])


def test_a_node_that_dies_and_comes_back_is_told_once_each(story: Story) -> None:
    admin = story.workspace.person("admin")
    story.nodes["node1"].go_down()
    story.settle(100)
    story.service.admin_notices.deliver_due()
    assert len(in_dm(admin, "node1 노드를 사용할 수 없습니다")) == 1
    story.nodes["node1"].come_back()
    story.settle(30)
    story.service.admin_notices.deliver_due()
    story.service.admin_notices.deliver_due()
    assert len(in_dm(admin, "다시 응답합니다")) == 1
    admin.command("/kws admin nodes")
    story.workspace.wait_for(lambda: said(admin, "마지막 오류"))


def test_its_owners_hear_of_a_long_silence_once_and_of_its_end(story: Story) -> None:
    joon, mina = ready(story), story.workspace.person("mina")
    ready(story, "web02", "mina")
    story.nodes["node1"].go_down(power=True)
    story.settle(100)
    assert in_dm(joon, "hasn't responded since") == []
    story.clock.advance(minutes=9)
    story.settle(30)
    (notice, card) = sorted(in_dm(joon, "hasn't responded since"), key=len)
    assert "so KWS can't manage web01. Logging in may fail too. Nothing is deleted" in notice
    assert "so KWS can't manage this rental." in card
    assert in_dm(mina, "응답하지 않아") == [], "hers is on the other node"
    story.nodes["node1"].come_back()
    story.settle(150)
    (notice, card) = sorted(in_dm(joon, "is responding again"), key=len)
    assert notice.endswith("node1 is responding again. You can use web01 as before.")
    assert "hasn't responded since" not in card


def test_slack_was_away_for_the_whole_outage(story: Story) -> None:
    """As when the line of the lab is cut: nobody is told of what has ended."""
    joon = ready(story)
    story.workspace.down()
    story.nodes["node1"].go_down(power=True)
    story.settle(20)
    story.clock.advance(minutes=20)
    story.settle(20)
    story.nodes["node1"].come_back()
    story.settle(150)
    story.workspace.up()
    story.clock.advance(minutes=10)
    story.settle(20)
    assert in_dm(joon, "hasn't responded since") == []
    (card,) = in_dm(joon, "is responding again")
    assert "You can use this rental as before" in card


# -- the picture


def test_status_answers_in_words_and_sends_the_picture(story: Story, drawn: list[dict[str, Any]]) -> None:
    joon, mina = ready(story), story.workspace.person("mina")
    joon.command("/kws status")
    story.workspace.wait_for(lambda: [f for f in joon.files() if f["name"] == "kws-status.png"])
    assert said(joon, "7 of 8 vCPUs")
    (picture,) = [f for f in joon.files() if f["name"] == "kws-status.png"]
    assert picture["mimetype"] == "image/png"
    assert "vCPU: total 1/16, node1 1/8, node2 0/8." in picture["alt_txt"]
    mina.command("/kws status")
    story.workspace.wait_for(mina.files)
    assert "막대그래프" in mina.files()[0]["alt_txt"]
    story.workspace.wait_for(lambda: [f for f in mina.files() if f["name"] == "kws-days.png"])
    assert len(drawn) == 2, "what looks the same is not drawn again"
    assert story.workspace.person("admin").files() == []


def test_without_the_picture_there_are_still_the_words(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.workspace.faults.fail("files.completeUploadExternal", error="internal_error", times=9)
    joon.command("/kws status")
    story.workspace.wait_for(lambda: said(joon, "8 of 8 vCPUs"))
    story.service.threads.pictures.shutdown(wait=True)
    assert joon.files() == []
    assert not said(joon, "Something went wrong")


# -- usage, trail, history


def test_usage_of_a_month_comes_as_csv(story: Story) -> None:
    ready(story)
    admin = story.workspace.person("admin")
    story.clock.advance(hours=12)
    admin.command("/kws admin usage 2026-12")
    story.workspace.wait_for(admin.files)
    (file,) = admin.files()
    data = admin.download(file)
    assert data.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    joon = story.workspace.person("joon")
    assert (row["month"], row["person"], row["name"]) == ("2026-12", joon.id, joon.user.real_name)
    assert (row["rentals"], row["servers"], row["rental_days"]) == ("1", "1", "0.5")
    assert joon.files() == [f for f in joon.files() if "csv" not in f["name"]]
    admin.command("/kws admin usage soon")
    story.workspace.wait_for(lambda: said(admin, "연도와 월을 입력하세요"))
    admin.command("/kws admin nodes")
    story.workspace.wait_for(lambda: "usage_csv" in str(admin.ephemeral()))
    admin.click("usage_csv:0")
    story.workspace.wait_for(lambda: len(admin.files()) == 2)


def test_the_history_of_a_rental_says_who_and_from_where(story: Story) -> None:
    joon = ready(story)
    (rental,) = story.rentals()
    joon.click("rental_reboot", confirm=True)
    context = story.service.context
    story.workspace.wait_for(
        lambda: "rebooted" in [e.kind.value for e in RentalQueries(context).history(rental.id)]
    )
    admin = Actor(story.workspace.person("admin").id, admin=True)
    until = rental.ends_on + timedelta(days=3)
    story.service.terms.extend(admin, rental.id, until, via="command")
    story.settle()
    assert in_dm(joon, f"<@{admin.id}> extended it until"), "the card says that it was somebody else"
    joon.click("rental_history")
    story.workspace.wait_for(lambda: said(joon, "Requested"))
    text = visible_text(joon.ephemeral()[-1])
    assert f"<@{joon.id}> · Requested · form" in text
    assert f"<@{joon.id}> · :arrows_counterclockwise: Rebooted. · card" in text
    assert f"<@{admin.id}> · :calendar: <@{admin.id}> extended it until" in text


def test_the_trail(story: Story) -> None:
    joon, admin = ready(story), story.workspace.person("admin")
    open_drain(story, admin)
    admin.submit()
    story.workspace.wait_for(lambda: story.service.rental_queries.nodes()[0].room.drained)
    joon.command(f"/kws keys add {generate('laptop').public}")
    story.workspace.wait_for(lambda: said(joon, "Saved the key laptop"))
    admin.command("/kws 관리 기록")
    story.workspace.wait_for(lambda: said(admin, "`drain`"))
    text = visible_text(admin.ephemeral()[-1])
    assert f"<@{admin.id}> · `drain` `node1` · 양식" in text
    assert f"<@{joon.id}> · `requested` `web01` · 양식" in text
    assert f"<@{joon.id}> · `key_saved` `laptop` · 명령" in text
    admin.command("/kws admin audit web01")
    story.workspace.wait_for(lambda: "`drain`" not in visible_text(admin.ephemeral()[-1]))
    admin.command("/kws admin audit nobody")
    story.workspace.wait_for(lambda: said(admin, "표시할 내용이 없습니다"))
