"""What ``make gallery`` draws: Slack takes all of it, and each button says what it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from harness.gallery import Exhibit, exhibits
from harness.gallery_page import page

from bot.text.i18n import LOCALES
from kws_core.values import Locale
from slack_workspace import check_blocks, check_view


def buttons(one: Exhibit) -> Iterator[dict[str, Any]]:
    """The buttons of a view."""
    for block in one.blocks:
        elements = [*block.get("elements", ()), block.get("accessory") or {}]
        yield from (element for element in elements if element.get("type") == "button")


@pytest.mark.parametrize("locale", LOCALES)
def test_slack_takes_every_exhibit(locale: Locale) -> None:
    for one in exhibits(locale):
        wrong = check_blocks(one.blocks) if one.view["type"] == "message" else check_view(one.view)
        assert wrong == [], one.title


@pytest.mark.parametrize("locale", LOCALES)
def test_the_same_button_twice_in_a_view_says_of_what_it_is(locale: Locale) -> None:
    several = 0
    for one in exhibits(locale):
        texts = Counter(button["text"]["text"] for button in buttons(one))
        for button in buttons(one):
            if texts[button["text"]["text"]] > 1:
                several += 1
                label = button.get("accessibility_label", "")
                assert label.startswith(f"{button['text']['text']}: "), (one.title, button)
    assert several > 10


def test_the_page_has_every_language_side_by_side() -> None:
    drawn = page()
    assert "Return server" in drawn
    assert "서버 반납" in drawn
    assert "{" not in drawn.split("All messages")[0].split("</style>")[1]
