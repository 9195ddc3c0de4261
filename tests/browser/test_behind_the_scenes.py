"""Clock, nodes and people in the side panel; what an admin sees; and what the page survives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from desk import Desk

Sit = Callable[..., Desk]


def node(desk: Desk, name: str) -> Any:
    return desk.page.get_by_role("region", name=name, exact=True)


def pass_time(desk: Desk, step: str, day: str) -> None:
    """Presses the clock's button and waits until that day has come and the clock stands still again."""
    desk.press(step)
    desk.expect(desk.page.locator(".clock-day")).to_contain_text(day)
    desk.expect(desk.page.locator("#panel")).to_contain_text("Move the clock forward")


def test_time_passes_warning_then_night_pass_then_the_end(sit_down: Sit) -> None:
    desk = sit_down("joon")
    card = desk.rent()
    pass_time(desk, "1 week", "December 8")
    warning = desk.message("You can use ")
    desk.expect(warning).to_contain_text("along with all its data")
    desk.expect(warning.get_by_role("button", name="Extend by 1 week")).to_be_visible()
    pass_time(desk, "1 week", "December 15")
    desk.expect(card).to_contain_text("Running on node1")
    pass_time(desk, "Until next 00:00", "December 16")
    desk.expect(card).to_contain_text("The rental expired")
    desk.expect(card).to_contain_text("Nothing remains")
    desk.expect(desk.message("web01 expired and has ended")).to_be_visible()
    assert desk.demo.nodes["node1"].resources() == {}

    admin = sit_down("admin", "C0LABADMIN")
    admin.expect(admin.messages.last).to_contain_text("web01")


def test_a_date_in_a_warning_is_told_when_it_is_meant(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.rent()
    desk.press("1 week")
    picker = desk.page.locator("#messages input[type=date]")
    desk.expect(picker).to_be_visible()
    picker.fill("2026-12-30")
    picker.press("Enter")
    desk.expect(desk.messages.first).to_contain_text("Dec 30, 2026")


def test_a_dead_node_and_a_slow_one(sit_down: Sit) -> None:
    desk = sit_down("joon")
    node(desk, "node1").get_by_text("Down", exact=True).click()
    desk.expect(node(desk, "node1")).to_contain_text("Not responding")
    card = desk.rent()
    desk.expect(card).to_contain_text("Running on node2")
    node(desk, "node1").get_by_text("Slow", exact=True).click()
    desk.expect(node(desk, "node1")).to_contain_text("Responding")
    assert desk.demo.nodes["node1"].mood == "slow"
    node(desk, "node1").get_by_text("Normal", exact=True).click()
    desk.expect(node(desk, "node1").get_by_label("Normal")).to_be_checked()


def test_the_picture_of_what_is_lent_is_shown(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.type("/kws status")
    picture = desk.page.locator(".picture img")
    desk.expect(picture).to_have_attribute("alt", re.compile("node1"))
    desk.page.wait_for_function("document.querySelector('.picture img').naturalWidth > 400")


def test_everybody_sees_their_own(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.rent()
    desk.page.get_by_role("button", name="Kim Mina").click()
    desk.expect(desk.page.locator("body[data-ready=U0MINA0001]")).to_be_visible()
    desk.expect(desk.messages).to_have_count(0)
    desk.page.get_by_role("button", name="Lab Admin").click()
    desk.expect(desk.page.locator("body[data-ready=U0ADMIN001]")).to_be_visible()
    desk.type("/kws admin rentals")
    desk.expect(desk.message("web01")).to_be_visible()
    desk.page.get_by_role("button", name="Lee Joon").click()
    desk.expect(desk.messages.first).to_contain_text("web01")


def test_the_admins_desk_in_the_home_tab(sit_down: Sit) -> None:
    student = sit_down("joon")
    student.rent()
    student.rent("db01")
    desk = sit_down("admin", "home")
    home = desk.page.locator("#home")
    desk.expect(home.get_by_text("web01").first).to_be_visible()
    search = home.locator(".field input")
    search.fill("db")
    search.press("Enter")
    rows = home.locator(".section").filter(has=desk.page.locator(".overflow"))
    desk.expect(rows.filter(has_text="web01")).to_have_count(0)
    row = rows.filter(has_text="db01")
    row.get_by_role("button").click()
    menu = desk.page.get_by_role("menu")
    desk.expect(menu.get_by_role("menuitem").first).to_be_focused()
    desk.page.keyboard.press("Escape")
    desk.expect(menu).to_have_count(0)
    desk.expect(row.get_by_role("button")).to_be_focused()
    row.get_by_role("button").click()
    menu.get_by_role("menuitem").filter(has_text="대여 종료").click()
    desk.expect(desk.modal).to_be_visible()


def test_markup_of_people_stays_text(sit_down: Sit) -> None:
    desk = sit_down("joon", "C0GENERAL1")
    evil = "<img src=x onerror=alert(1)> &lt;b&gt; *bold* `<i>` javascript:alert(1)"
    desk.demo.workspace.person("mina").say(
        "<javascript:alert(1)|click> &lt;script&gt;alert(1)&lt;/script&gt;", channel="C0GENERAL1"
    )
    desk.type(evil)
    mine = desk.messages.last
    desk.expect(mine).to_contain_text("alert(1)")
    assert desk.page.locator("#messages img, #messages script, #messages b, #messages i").count() == 0
    assert desk.page.locator("#messages a").count() == 0
    desk.expect(desk.messages.first).to_contain_text("<script>alert(1)</script>")
    desk.expect(mine.locator("strong", has_text="bold")).to_be_visible()


def test_the_page_comes_back_when_the_workspace_does(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.rent()
    desk.demo.workspace.down()
    desk.expect(desk.page.locator("#status")).to_contain_text("Connection lost.")
    desk.complaints.clear()
    desk.demo.workspace.up()
    desk.expect(desk.page.locator("#status")).to_be_hidden()
    desk.complaints.clear()  # the browser itself complains of connections that failed
    desk.type("/kws list")
    desk.expect(desk.message("Only visible to you")).to_contain_text("web01")
