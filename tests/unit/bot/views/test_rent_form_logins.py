"""The rent form says whom people log in as, before they rent."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bot.text.i18n import Texts
from bot.views import rent_form
from kws_core.config import Policy
from kws_core.nodes.values import Image
from kws_core.rentals.form_options import FormOptions
from kws_core.values import Locale, Size


def image_block(locale: Locale, *images: Image) -> dict[str, Any]:
    day = date(2026, 12, 1)
    offer = FormOptions(images, [Size("small", 1, 512, 5)], (), day, day, day)
    blocks = rent_form.build(offer, Policy(), Texts(locale)).to_dict()["blocks"]
    (found,) = [block for block in blocks if block.get("block_id") == "image"]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(("locale", "words"), [("en", "Log in as {}"), ("ko", "로그인 사용자: {}")])
def test_each_image_has_its_login_below_it(locale: Locale, words: str) -> None:
    known, other = Image("1", "debian-12", "Debian", login="debian"), Image("2", "lab-image")
    block = image_block(locale, known, other)
    lines = [(one["text"]["text"], one["description"]["text"]) for one in block["element"]["options"]]
    assert lines == [("Debian", words.format("debian")), ("lab-image", words.format("student"))]
    assert "hint" not in block


def test_the_only_image_is_chosen_already_so_its_login_is_a_hint() -> None:
    block = image_block("en", Image("1", "debian-12", login="debian"))
    assert block["element"]["initial_option"] == block["element"]["options"][0]
    assert block["hint"]["text"] == "Log in as debian"
