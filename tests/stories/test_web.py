"""Web addresses, as people see them: in the form, when the server is ready, on the card, and for admins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness import aftermath
from harness.storybook import Story
from harness.world import WEB

from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status
from kws_core.web.routes import Page
from slack_workspace import Person, visible_text

LINK = "https://web01.lab.example"
HOST = "web01.lab.example"


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    """A lab with a proxy."""
    return make_story(web=WEB)


def rented(story: Story, who: str = "joon", name: str = "web01", **fields: Any) -> tuple[Person, Rental]:
    person = story.workspace.person(who)
    story.rent(person, name, **fields)
    story.workspace.wait_for(lambda: any(r.name == name for r in story.rentals()))
    story.settle()
    rental = find(story, name)
    assert rental.status is Status.READY
    return person, rental


def find(story: Story, name: str = "web01") -> Rental:
    return next(r for r in story.rentals() if r.name == name)


def told(person: Person, text: str) -> list[dict[str, Any]]:
    """Messages that say so and are no card."""
    return [
        m for m in person.dm() if text in visible_text(m) and not aftermath.first_block(m).startswith("card-")
    ]


def card(person: Person) -> str:
    (shown,) = [m for m in person.dm() if aftermath.first_block(m).startswith("card-")]
    return visible_text(shown)


def opened(story: Story, person: Person, act: Callable[[], Any]) -> None:
    """A form opens."""
    act()
    story.workspace.wait_for(lambda: person.open_view)


def test_the_ready_message_has_the_link(story: Story) -> None:
    joon, rental = rented(story)
    assert LINK in card(joon)
    assert "must listen on port 80" in card(joon)
    (ready,) = told(joon, "is running")
    assert LINK in visible_text(ready)
    assert rental.placement
    assert story.caddy.behind(HOST) == f"{rental.placement.floating_ip}:80"
    assert story.caddy.behind(HOST, lab=False) is Page.CLOSED


def test_when_the_proxy_is_away_the_link_comes_later(story: Story) -> None:
    story.caddy.down = True
    joon, _ = rented(story)
    assert LINK not in card(joon)
    assert "You'll get a message with the link" in card(joon)
    story.caddy.down = False
    story.settle()
    assert LINK in card(joon)
    assert len(told(joon, "The web address works")) == 1


def test_without_the_box_there_is_none_until_it_is_asked_for(story: Story) -> None:
    joon = story.workspace.person("joon")
    opened(story, joon, lambda: joon.command("/kws rent"))
    joon.fill_form({"name": "web01", "image": "debian-12", "web": []})
    joon.submit()
    story.workspace.wait_for(story.rentals)
    story.settle()
    assert find(story).site is None
    assert LINK not in card(joon)
    opened(story, joon, lambda: joon.command("/kws web web01"))
    joon.fill_form({"audience": "lab"})
    joon.submit()
    story.workspace.wait_for(lambda: find(story).site)
    story.settle()
    assert LINK in card(joon)


def test_what_is_wrong_with_a_name_stands_at_the_field(story: Story) -> None:
    joon = story.workspace.person("joon")
    opened(story, joon, lambda: joon.command("/kws rent"))
    for name, said in (("rnail", "looks like the lab's own mail"), ("xn--9d0b", "two hyphens")):
        joon.fill_form({"name": name, "image": "debian-12"})
        joon.submit()
        story.workspace.wait_for(lambda said=said: said in str(joon.open_view))
    joon.fill_form({"web": []})
    joon.submit()
    story.workspace.wait_for(story.rentals)


def test_the_card_changes_who_may_open_it_and_how(story: Story) -> None:
    joon, rental = rented(story)
    opened(story, joon, lambda: joon.click("rental_web"))
    joon.fill_form({"audience": "everybody", "port": "8080", "upstream": "https", "second": "Shop"})
    joon.submit()
    story.workspace.wait_for(lambda: find(story).site.second == "shop")  # type: ignore[union-attr]
    story.settle()
    assert rental.placement
    for host in (HOST, "shop.lab.example"):
        assert story.caddy.behind(host, lab=False) == f"{rental.placement.floating_ip}:8080"
    assert "https://shop.lab.example" in card(joon)
    assert "Web address changed: port 8080, open to everyone" in card(joon)
    mina, _ = rented(story, "mina", "web02")
    opened(story, mina, lambda: mina.command("/kws web web02"))
    mina.fill_form({"second": "shop"})
    mina.submit()
    story.workspace.wait_for(lambda: "이미 사용 중인 주소입니다" in str(mina.open_view))


def test_after_the_return_the_name_says_that_it_ended_for_a_week(story: Story) -> None:
    joon, rental = rented(story)
    story.service.rental_service.return_rental(story.service.directory.authorize(joon.id, None)[0], rental.id)
    story.settle()
    assert story.caddy.behind(HOST) is Page.ENDED
    mina = story.workspace.person("mina")
    story.rent(mina, "web01")
    story.workspace.wait_for(lambda: "다른 사람이 쓰던 주소" in str(mina.open_view))
    story.clock.at += timedelta(days=7, minutes=1)
    story.settle()
    assert story.caddy.behind(HOST) is Page.UNKNOWN


def test_an_admin_takes_a_site_off_the_web(story: Story) -> None:
    joon, _ = rented(story)
    admin = story.workspace.person("admin")
    admin.user.locale = "en-US"
    admin.command("/kws admin web")
    story.workspace.wait_for(lambda: "Web addresses (1)" in visible_text(admin.ephemeral()))
    shown = visible_text(admin.ephemeral()[-1])
    assert f"<@{joon.id}>" in shown or "joon" in shown.lower()
    opened(story, admin, lambda: admin.click("web_take_off", message=admin.ephemeral()[-1]["ts"]))
    admin.fill_form({"note": "phishing"})
    admin.submit()
    story.workspace.wait_for(lambda: find(story).site.taken_off_by)  # type: ignore[union-attr]
    story.settle()
    assert story.caddy.behind(HOST) is Page.CLOSED
    assert told(joon, "phishing")
    joon.command("/kws web web01")
    story.workspace.wait_for(
        lambda: "An admin took web01 off the web: phishing" in visible_text(joon.ephemeral())
    )
    admin.command("/kws admin web")
    story.workspace.wait_for(lambda: "taken off by" in visible_text(admin.ephemeral()))
    admin.click("web_put_back", message=admin.ephemeral()[-1]["ts"])
    story.workspace.wait_for(lambda: not find(story).site.taken_off_by)  # type: ignore[union-attr]
    story.settle()
    assert story.caddy.behind(HOST) is not Page.CLOSED
    site = find(story).site
    assert site is not None
    assert site.audience is Audience.LAB


def test_in_korean(story: Story) -> None:
    mina, _ = rented(story, "mina")
    assert "웹 주소" in card(mina)
    opened(story, mina, lambda: mina.command("/kws 웹 web01"))
    shown = str(mina.open_view)
    for words in ("공개 범위", "연구실 네트워크", "두 번째 이름"):
        assert words in shown
    assert "Who can" not in shown


def test_without_a_proxy_nothing_is_there(make_story: Callable[..., Story]) -> None:
    story = make_story()
    joon, _ = rented(story)
    assert "Web address" not in card(joon)
    joon.command("/kws web web01")
    story.workspace.wait_for(lambda: "has no web addresses" in visible_text(joon.ephemeral()))
    assert story.caddy.looks == 0
