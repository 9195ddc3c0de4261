"""What admins see in Slack of images that are not offered, and of those that boot otherwise on a node."""

from __future__ import annotations

from typing import Any

import pytest

from bot.text.i18n import Texts
from bot.views import images
from kws_core.images.table import Table, tabulate
from kws_core.nodes.values import StoredImage
from kws_core.values import Locale

KERNEL = StoredImage("k", "its-kernel", "active", disk_format="aki", container_format="aki", md5="k")
WHOLE = StoredImage(
    "1", "whole", "active", disk_format="qcow2", md5="w", properties={"kernel_id": "k"}, tags=["x"]
)
BARE = StoredImage("2", "whole", "active", disk_format="qcow2", md5="w")
SETUP = StoredImage("3", "setup", "active", disk_format="iso", md5="s")


def shown(table: Table, name: str, locale: Locale = "en") -> tuple[str, list[str]]:
    """Its text, and the words on its buttons."""
    row = table.row(name)
    assert row
    section, buttons = (block.to_dict() for block in images.entry(row, Texts(locale)))
    labels: list[Any] = [one["text"]["text"] for one in buttons["elements"]]
    return section["text"]["text"], labels


@pytest.mark.parametrize(
    ("locale", "part", "iso"),
    [
        ("en", "kernel or ramdisk of whole", "an installation CD"),
        ("ko", "커널 또는 램디스크(whole)", "설치 CD"),
    ],
)
def test_what_is_not_offered_says_why_and_has_no_button_for_the_form(
    locale: Locale, part: str, iso: str
) -> None:
    table = tabulate({"node1": [KERNEL, WHOLE, SETUP]}, {})
    assert part in shown(table, "its-kernel", locale)[0]
    assert iso in shown(table, "setup", locale)[0]
    assert shown(table, "setup")[1] == ["Delete image"]
    assert shown(table, "whole")[1] == ["Describe…", "Hide from the form", "Delete image"]


def test_a_kernel_that_nobody_needs_is_told_without_names() -> None:
    assert "kernel or ramdisk of other images" in shown(tabulate({"node1": [KERNEL]}, {}), "its-kernel")[0]


def test_what_boots_otherwise_is_named_and_can_be_copied() -> None:
    table = tabulate({"node1": [KERNEL, WHOLE], "node2": [BARE]}, {})
    text, buttons = shown(table, "whole")
    assert "Differences: boot settings (`kernel_id`), tags" in text
    assert "Copy to all nodes" in buttons
    same = tabulate({"node1": [BARE], "node2": [BARE]}, {})
    assert "Copy to all nodes" not in shown(same, "whole")[1]
    assert [block.to_dict() for block in images.listing(same, Texts("en"))][-1]["elements"][-1]["text"][
        "text"
    ] == "Delete image"
