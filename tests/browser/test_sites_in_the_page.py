"""Web addresses in the demo: the links of the card and of the side panel open the site of a simulated server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from desk import Desk

Sit = Callable[..., Desk]


def opened(desk: Desk, link: Any) -> Any:
    """The tab that a click on it opens."""
    with desk.page.context.expect_page() as tab:
        link.click()
    return tab.value


def reads(desk: Desk, tab: Any, words: str) -> None:
    """Its heading becomes that; whoever reads it reloads meanwhile."""
    for _ in range(40):
        if words in tab.locator("h1").inner_text():
            return
        tab.wait_for_timeout(250)
        tab.reload()
    desk.expect(tab.locator("h1")).to_contain_text(words)


def test_a_rented_server_is_a_link_and_then_it_has_ended(sit_down: Sit) -> None:
    desk = sit_down("joon")
    card = desk.rent()
    address = f"http://web01.lab.localhost:{desk.demo.workspace.port}"
    link = card.get_by_role("link", name=address)
    desk.expect(link.first).to_be_visible()
    site = opened(desk, link.first)
    reads(desk, site, "web01 says hello")
    assert site.url == f"{address}/"

    desk.type("/kws web web01")
    desk.modal.get_by_label("Port of the web server").fill("8080")
    desk.press("Save", desk.modal)
    desk.expect(desk.modal).to_have_count(0)
    reads(desk, site, "Nothing listens here yet")

    in_panel = desk.page.get_by_role("link", name=f"Open the site of web01: {address}")
    other = opened(desk, in_panel)
    reads(desk, other, "Nothing listens here yet")
    other.close()

    desk.type("/kws return web01")
    desk.press("Return server", desk.message("Only visible to you"))
    reads(desk, site, "This site has ended")
    desk.expect(in_panel).to_have_count(0)
    desk.complaints.clear()  # the browser itself notes that a page came with 410 or 503


def test_in_korean(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.rent()
    context = desk.page.context.browser.new_context(locale="ko-KR")
    site = context.new_page()
    site.goto(f"http://web01.lab.localhost:{desk.demo.workspace.port}")
    reads(desk, site, "안녕하세요")
    context.close()
