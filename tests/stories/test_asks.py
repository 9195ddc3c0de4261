"""What the policy forbids, people ask an admin for, and nobody types anything again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness.storybook import Story

from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from slack_workspace import visible_text

POLICY = "max_vcpus_per_user = 2"


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    return make_story(policy=POLICY)


def day(story: Story, days: int) -> str:
    """As a date picker says it."""
    return (story.service.context.today() + timedelta(days=days)).isoformat()


def named(story: Story, name: str = "web01") -> Rental:
    return next(rental for rental in story.rentals() if rental.name == name)


def bells(person: Any) -> list[str]:
    """What rang in the DM, oldest first."""
    return [visible_text(m) for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def told(person: Any) -> list[Any]:
    """The messages to that admin about requests."""
    return [m for m in person.dm() if "admin-notice-" in str(m) and "raised_hand" in str(m)]


def asks(story: Story, who: str = "joon", **fields: Any) -> Any:
    """A person whose wish goes beyond the policy, and who has asked for it."""
    person = story.workspace.person(who)
    story.rent(person, **{"size": "huge", "ends_on": day(story, 120), **fields})
    person.fill_form({"ask": "for the exam"})
    assert person.submit().errors == {}
    assert person.open_view is None
    story.settle(4)
    story.service.admin_notices.deliver_due()
    return person


def test_the_form_asks_an_admin_and_what_was_typed_is_built(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    story.rent(joon, size="huge", ends_on=day(story, 120))
    form = visible_text(joon.open_view)
    assert "your limit is 2" in form
    assert "within 90 days" in form
    assert "What you typed is kept." in form
    assert joon.submit().errors == {"ask": "Enter a reason. The admins will see it."}
    joon.fill_form({"ask": "for the <!channel> exam"})
    assert joon.submit().errors == {}
    story.settle(4)
    assert named(story).status is Status.ASKED
    assert "Waiting for an admin" in str(joon.dm())
    story.service.admin_notices.deliver_due()
    (message,) = told(admin)
    text = visible_text(message)
    assert "새 서버 *web01* (debian-12, huge (vCPU 8개 · 메모리 8 GB · 디스크 20 GB))" in text
    assert (
        "vCPU 8개 (한도 2개); 오늘부터 120일 (한도 90일)" in text.replace("; ", "; ") or "한도 90일" in text
    )
    assert "for the &lt;!channel&gt; exam" in str(message)
    assert "node1 vCPU 8개" in text
    admin.click("ask_approve", message=message["ts"])
    story.workspace.wait_for(lambda: named(story).status is not Status.ASKED)
    story.settle(60)
    rental = named(story)
    assert (rental.status, rental.size, rental.ends_on.isoformat()) == (Status.READY, "huge", day(story, 120))
    assert any("approved your request" in bell for bell in bells(joon))
    assert "is running" in bells(joon)[-1]
    story.workspace.wait_for(lambda: "님이 승인했습니다." in str(told(admin)))
    (message,) = told(admin)
    assert "ask_approve" not in str(message)


def test_an_admin_approves_less(story: Story) -> None:
    joon, admin = asks(story), story.workspace.person("admin")
    admin.click("ask_less", message=told(admin)[0]["ts"])
    story.workspace.wait_for(lambda: admin.open_view)
    assert "for the exam" in visible_text(admin.open_view)
    assert "*node1*" in visible_text(admin.open_view)
    assert "note" in admin.submit().errors, "it is what was asked for"
    admin.fill_form({"size": "large", "ends_on": day(story, 60), "note": "large is enough"})
    assert admin.submit().errors == {}
    story.settle(60)
    rental = named(story)
    assert (rental.status, rental.size, rental.ends_on.isoformat()) == (Status.READY, "large", day(story, 60))
    assert any("approved less than you asked for: large until" in bell for bell in bells(joon))
    assert "Reason: large is enough" in str(bells(joon))
    story.workspace.wait_for(lambda: "줄여서 승인했습니다" in str(told(admin)))


def test_an_admin_declines(story: Story) -> None:
    joon, admin = asks(story), story.workspace.person("admin")
    admin.click("ask_decline", message=told(admin)[0]["ts"])
    story.workspace.wait_for(lambda: admin.open_view)
    admin.fill_form({"note": "use a small one"})
    assert admin.submit().errors == {}
    story.settle(4)
    assert story.rentals() == []
    (bell,) = bells(joon)
    assert "declined your request. Nothing was created. Reason: use a small one" in bell
    story.workspace.wait_for(lambda: "님이 반려했습니다." in str(told(admin)))


def test_the_second_admin_reads_who_was_first(story: Story) -> None:
    asks(story)
    admin = story.workspace.person("admin")
    (message,) = told(admin)
    admin.click("ask_decline", message=message["ts"])
    story.workspace.wait_for(lambda: admin.open_view)
    admin.click("ask_approve", message=message["ts"])
    story.workspace.wait_for(lambda: named(story).status is not Status.ASKED)
    refused = admin.submit().errors
    assert "먼저 결정했습니다. web01 요청: 승인." in refused["note"]


def test_a_request_is_withdrawn(story: Story) -> None:
    joon, admin = asks(story), story.workspace.person("admin")
    joon.click("rental_return", confirm=True)
    story.workspace.wait_for(lambda: story.rentals() == [])
    story.settle(4)
    assert "You withdrew the request. Nothing was created." in str(joon.dm())
    story.night()
    assert "요청이 취소되었거나" in str(told(admin))
    (message,) = told(admin)
    assert "ask_approve" not in str(message)


def test_an_extension_beyond_the_policy(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    story.rent(joon)
    story.settle()
    joon.command("/kws extend web01")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"ends_on": day(story, 120)})
    joon.submit()
    assert "within 90 days" in visible_text(joon.open_view)
    joon.fill_form({"ask": "thesis"})
    assert joon.submit().errors == {}
    story.settle(4)
    assert "Asked an admin to extend it until" in bells(joon)[-1]
    story.service.admin_notices.deliver_due()
    admin.click("ask_approve", message=told(admin)[0]["ts"])
    story.workspace.wait_for(lambda: named(story).ends_on.isoformat() == day(story, 120))
    story.settle(4)
    assert "approved your request: you can use it until" in bells(joon)[-1]


def test_typed_words_that_go_beyond_the_policy_have_a_button(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command(f"/kws rent web01 debian-12 large {day(story, 120)}")
    story.workspace.wait_for(lambda: "ask_rent" in str(joon.ephemeral()))
    joon.click("ask_rent", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"ask": "thesis"})
    assert joon.submit().errors == {}
    rental = named(story)
    assert (rental.status, rental.size, rental.ends_on.isoformat()) == (
        Status.ASKED,
        "large",
        day(story, 120),
    )


def test_typed_extensions_that_go_beyond_the_policy_have_a_button(story: Story) -> None:
    joon = story.workspace.person("joon")
    story.rent(joon)
    story.settle()
    joon.command(f"/kws extend web01 {day(story, 120)}")
    story.workspace.wait_for(lambda: "ask_extend" in str(joon.ephemeral()))
    joon.click("ask_extend", message=joon.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: joon.open_view)
    assert day(story, 120) in str(joon.open_view)
    joon.fill_form({"ask": "thesis"})
    assert joon.submit().errors == {}
    assert [ask.what for ask in story.service.nightly.asks.open()] == ["extend"]


def test_a_size_beyond_the_policy(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    story.rent(joon)
    story.settle()
    joon.click("rental_size")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.fill_form({"size": "huge"})
    joon.submit()
    assert "your limit is 2" in visible_text(joon.open_view)
    joon.fill_form({"ask": "a large model"})
    assert joon.submit().errors == {}
    story.settle(4)
    story.service.admin_notices.deliver_due()
    assert "사양 small" in visible_text(told(admin)[0])
    admin.click("ask_approve", message=told(admin)[0]["ts"])
    story.workspace.wait_for(lambda: named(story).moving)


def test_a_node_of_ones_choice_is_asked_for(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    joon.command("/kws rent")
    story.workspace.wait_for(lambda: joon.open_view)
    joon.click("rent_more")
    story.workspace.wait_for(lambda: "'node'" in str(joon.open_view))
    joon.fill_form({"name": "web01", "image": "debian-12", "node": "node2", "ports": "25"})
    joon.submit()
    assert "Only admins can choose a node" in visible_text(joon.open_view)
    joon.click("rent_longer")
    story.workspace.wait_for(lambda: "cloud-init (2)" in str(joon.open_view))
    assert "This goes beyond the lab's policy." in visible_text(joon.open_view), "also when drawn again"
    joon.fill_form({"ask": "it has the disk"})
    assert joon.submit().errors == {}
    story.service.admin_notices.deliver_due()
    text = visible_text(told(admin)[0])
    assert "node2 노드 지정" in text
    assert "25번 포트" in text
    admin.click("ask_approve", message=told(admin)[0]["ts"])
    story.workspace.wait_for(lambda: named(story).status is not Status.ASKED)
    story.settle(60)
    placement = named(story).placement
    assert placement
    assert placement.node == "node2"


def test_nobody_answers_for_two_days(story: Story) -> None:
    joon, admin = asks(story), story.workspace.person("admin")
    story.clock.advance(hours=48)
    story.night()
    message = next(m for m in joon.dm() if "ask_again" in str(m))
    assert "No admin has answered your request for two days." in visible_text(message)
    joon.click("ask_again", message=message["ts"])
    story.workspace.wait_for(lambda: len(told(admin)) == 2)
    assert "답이 없어 다시 요청합니다" in visible_text(told(admin)[1])
    seen = len(joon.ephemeral())
    joon.click("ask_again", message=message["ts"])
    story.workspace.wait_for(lambda: len(joon.ephemeral()) > seen)
    assert "already asked" in str(joon.ephemeral()[-1])
    admin.click("ask_approve", message=told(admin)[1]["ts"])
    story.workspace.wait_for(lambda: str(told(admin)).count("님이 승인했습니다.") >= 2)


def test_admins_decide_at_home(story: Story) -> None:
    asks(story)
    admin = story.workspace.person("admin")
    admin.open_home()
    story.workspace.wait_for(lambda: "결정할 요청 1건" in str(admin.home))
    admin.click("ask_approve")
    story.workspace.wait_for(lambda: named(story).status is not Status.ASKED)
    story.workspace.wait_for(lambda: "결정할 요청" not in str(admin.home))


def test_a_little_more_is_approved_without_an_admin(make_story: Callable[..., Story]) -> None:
    story = make_story(policy=f"{POLICY}\n[policy.auto_approve]\ndays = 30\n")
    joon, admin = asks(story, size="small"), story.workspace.person("admin")
    story.settle(60)
    assert named(story).status is Status.READY
    assert "Your request was approved automatically." in str(bells(joon))
    notice = next(m for m in admin.dm() if "자동으로 승인되었습니다" in str(m))
    assert "ask_approve" not in str(notice)
    assert "\n" not in notice["blocks"][0]["text"]["text"], "one line"


def test_in_korean(story: Story) -> None:
    mina = asks(story, "mina")
    assert "관리자 확인 중" in str(mina.dm())
    admin = story.workspace.person("admin")
    admin.click("ask_approve", message=told(admin)[0]["ts"])
    story.workspace.wait_for(lambda: named(story).status is not Status.ASKED)
    story.settle(4)
    assert "님이 요청을 승인했습니다." in str(bells(mina))
