"""The picture of what is lent: what it shows, in figures and in words, and once as a real PNG."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import replace
from typing import Any

import pytest
from harness.world import Inline

from bot.delivery import pictures
from bot.delivery.pictures import ChartSender
from bot.text.i18n import Texts
from kws_core.scheduling.capacity import AllocatedCapacity, NodeStatus
from kws_core.scheduling.placement import NodeCapacity


def node(name: str, lent: int = 2, others: int = 1, **changes: Any) -> NodeStatus:
    """A node of 8 vCPUs, 16 GB and 100 GB, so much of each lent and so much used by others."""
    whole = {"vcpus": 8, "ram_mb": 16384, "disk_gb": 100}
    step = {"vcpus": 1, "ram_mb": 1536, "disk_gb": 10}
    free = {f"free_{what}": whole[what] - step[what] * (lent + others) for what in whole}
    room = NodeCapacity(name, frozenset(), frozenset(), **whole, **free)
    return NodeStatus(
        room=replace(room, **changes), seen_at=None, failing_since=None, error=None, measured=None,
        lent=AllocatedCapacity(lent, **{what: step[what] * lent for what in whole}),
    )  # fmt: skip


THREE = [node("node1"), node("node2", up=False), node("node3", lent=4, others=0, drained=True)]


def test_every_bar_is_as_long_as_what_may_be_lent() -> None:
    total, first, down, drained = pictures.bars(THREE, "vcpus", 1)
    assert (first.lent, first.others, first.free, first.away) == (2, 1, 5, 0)
    assert (down.label, down.lent, down.others, down.free, down.away) == ("node2 (down)", 2, 1, 0, 5)
    assert (drained.label, drained.free, drained.away) == ("node3 (drained)", 0, 4)
    assert (total.lent, total.others, total.free, total.away, total.total) == (8, 2, 5, 9, 24)
    gigabytes = pictures.bars(THREE, "ram_mb", 1024)
    assert [bar.total for bar in gigabytes] == [48, 16, 16, 16]


def test_more_lent_than_there_is_stays_in_the_bar() -> None:
    shrunk = replace(node("node1", lent=8, others=0), lent=AllocatedCapacity(8, 12, 12288, 80))
    assert pictures.bars([shrunk], "vcpus", 1)[1] == pictures.Bar("node1", 8, 0, 0, 0)


@pytest.mark.parametrize("count", [0, 1, 12, 60])
def test_many_nodes(count: int) -> None:
    data = pictures.asked([node(f"gpu-workstation-in-room-{number}") for number in range(count)])
    assert len(data["labels"]) == min(count, pictures.MOST_NODES) + 1
    assert {len(panel["rows"]) for panel in data["panels"]} == {len(data["labels"])}
    assert data["panels"][0]["rows"][0]["text"] == f"{2 * count} of {8 * count}", "the total counts all"
    assert len(pictures.alt_text([node(f"node{number}") for number in range(count)], Texts("ko"))) <= 1000


def test_only_letters_that_every_machine_can_draw() -> None:
    data = pictures.asked(THREE)
    shown = [*data["labels"], *data["legend"].values()]
    shown += [panel["title"] for panel in data["panels"]]
    shown += [row["text"] for panel in data["panels"] for row in panel["rows"]]
    assert all(text.isascii() for text in shown), "a fresh machine has no Hangul font"


def test_in_words() -> None:
    said = pictures.alt_text(THREE, Texts("en"))
    assert "vCPU: total 8/24, node1 2/8, node2 (down) 2/8, node3 (drained) 4/8." in said
    assert "RAM (GB): total 12/48" in said
    assert "막대" in pictures.alt_text(THREE, Texts("ko"))


def test_a_real_picture_without_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-planted")
    given: list[dict[str, str]] = []
    run = pictures.subprocess.run

    def watched(*words: Any, **options: Any) -> Any:
        given.append(options["env"])
        return run(*words, **options)

    monkeypatch.setattr(pictures.subprocess, "run", watched)
    png = pictures.plot(pictures.asked(THREE))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", png[16:24])
    assert 800 < width < 1600
    assert 150 < height < 400
    assert "SLACK_BOT_TOKEN" in os.environ
    assert [name for name in given[0] if re.match("SLACK|KWS|OS_", name)] == []


def test_one_that_can_not_be_drawn_is_an_error_of_one_line() -> None:
    with pytest.raises(OSError, match="KeyError: 'panels'"):
        pictures.plot({"labels": []})


# -- the gallery


class Gauge:
    """A ChartSender with everything around it in the test's hand."""

    def __init__(self) -> None:
        self.nodes = [node("node1")]
        self.drawn = 0
        self.broken = False
        self.at = 0.0
        self.gallery = ChartSender(lambda: self.nodes, Inline(), self.draw, lambda: self.at)

    def draw(self, _data: dict[str, Any]) -> bytes:
        self.drawn += 1
        if self.broken:
            raise OSError("no room left")
        return b"PNG %d" % self.drawn


def test_it_is_drawn_anew_as_soon_as_something_changed() -> None:
    gauge = Gauge()
    assert [gauge.gallery.picture()[0] for _ in range(3)] == [b"PNG 1"] * 3
    gauge.nodes = [node("node1", drained=True)]
    assert gauge.gallery.picture() == (b"PNG 2", gauge.nodes)


def test_after_a_failure_nobody_waits_for_the_next_at_once() -> None:
    gauge = Gauge()
    gauge.broken = True
    for _ in range(3):
        with pytest.raises(OSError, match=r"no room left|a moment ago"):
            gauge.gallery.picture()
    assert gauge.drawn == 1
    gauge.broken, gauge.at = False, pictures.PAUSE
    assert gauge.gallery.picture()[0] == b"PNG 2"
