"""The picture of what is free on which day."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from harness.gallery import TODAY, plan
from harness.world import ADMIN, MINA, Inline
from slack_sdk.errors import SlackClientError

from bot.delivery import day_pictures, pictures
from bot.delivery.day_pictures import DayChartSender
from bot.text.i18n import Texts
from kws_core.people import Actor
from kws_core.rentals.lab_calendar import Booking, DayPlan


def test_a_column_for_each_day_and_a_row_for_each_size() -> None:
    data = day_pictures.asked(plan())
    assert data["days"][:2] == ["12/1", "2"]
    assert data["weekends"][:4] == [4, 5, 11, 12]
    assert data["sizes"] == ["small", "medium", "large"]
    assert data["counts"][0] == [3] * 8 + [5] * 20
    assert day_pictures.asked(plan(admin=False))["nodes"] == []


def test_rentals_of_a_node_do_not_overlap() -> None:
    nodes = {one["node"]: one["lanes"] for one in day_pictures.asked(plan())["nodes"]}
    assert [[bar["name"] for bar in lane] for lane in nodes["node1"]] == [
        ["web00"],
        ["web01"],
        ["web02"],
        ["web03"],
    ]
    assert nodes["node2"] == [[{"name": "exam", "first": 9, "end": 14, "begun": False}]]
    after = Booking("node1", "next", "U1", TODAY + timedelta(days=3), TODAY + timedelta(days=90))
    never = Booking("node1", "far", "U1", TODAY + timedelta(days=40), TODAY + timedelta(days=90))
    lanes = day_pictures.lanes(replace(plan(), bookings=[*plan().bookings, after, never]), "node1")
    assert [bar["name"] for bar in lanes[0]] == ["web00", "next"]
    assert lanes[0][1]["end"] == 28
    assert "far" not in str(lanes)


def test_many_rentals_and_nodes() -> None:
    bookings = [Booking(f"node{n % 9}", f"w{n}", "U1", None, TODAY + timedelta(days=n)) for n in range(900)]
    nodes = day_pictures.asked(replace(plan(), bookings=bookings))["nodes"]
    assert len(nodes) == day_pictures.MOST_NODES
    assert {len(one["lanes"]) for one in nodes} == {day_pictures.MOST_LANES}


def test_in_words() -> None:
    said = day_pictures.alt_text(plan(), Texts("en"))
    assert "small: 3 now · 5 from Wed, Dec 9." in said
    assert "*" not in said
    assert "달력" in day_pictures.alt_text(plan(), Texts("ko"))


@pytest.mark.parametrize("admin", [True, False])
def test_a_real_picture(admin: bool) -> None:
    png = pictures.plot(day_pictures.asked(plan(admin=admin)))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert 800 < width < 1600
    assert 150 < height < 700


class Desk:
    """A sender with everything around it in the test's hand."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.broken = False
        self.sender = DayChartSender(self.days, Inline(), self.draw, lambda url, data: None)

    def days(self, who: Actor) -> DayPlan:
        return plan(admin=who.admin)

    def draw(self, data: dict[str, Any]) -> bytes:
        self.asked.append(json.loads(json.dumps(data)))
        return b"PNG"

    @property
    def client(self) -> Any:
        def upload(**about: Any) -> dict[str, str]:
            if self.broken:
                raise SlackClientError("away")
            self.files.append(about)
            return {"upload_url": "x", "file_id": "F1"}

        return SimpleNamespace(
            conversations_open=lambda users: {"channel": {"id": "D1"}},
            files_getUploadURLExternal=upload,
            files_completeUploadExternal=lambda **about: None,
        )


def test_admins_get_theirs_and_everyone_the_other() -> None:
    desk = Desk()
    for who in (MINA, ADMIN, MINA, ADMIN):
        assert desk.sender.send(desk.client, who, Texts("en"))
    assert [len(data["nodes"]) for data in desk.asked] == [0, 2], "each is drawn once"
    assert len(desk.files) == 4
    assert all("small: 3 now" in about["alt_txt"] for about in desk.files)


def test_a_picture_that_can_not_be_sent_costs_nothing() -> None:
    desk = Desk()
    desk.broken = True
    assert not desk.sender.send(desk.client, MINA, Texts("en"))
