"""What stands behind the demo's page: its clock, its nodes, its hints; and its manners on real nodes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from harness.world import World

from bot.handlers.commands import ALIASES
from demo.clock import DemoClock, stops
from demo.hints import HINTS, hints
from demo.nodes import DemoNode, Registry
from demo.real_nodes import of_the_demo, refuse_company
from kws_core.errors import ConfigError, NodeDown

SEOUL = ZoneInfo("Asia/Seoul")
NOON = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "slack_workspace" / "page"
BOT = ROOT / "bot"


def test_a_leap_stops_where_something_happens() -> None:
    found = [one.astimezone(SEOUL) for one in stops(NOON, NOON + timedelta(days=2), SEOUL)]
    assert [(one.day, one.hour) for one in found] == [(2, 0), (2, 9), (3, 0), (3, 9)]
    assert list(stops(NOON, NOON + timedelta(hours=1), SEOUL)) == []


def test_stops_are_the_labs_also_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    midnights = list(stops(before, before + timedelta(days=3), berlin, (time(0),)))
    assert [one.astimezone(berlin).hour for one in midnights] == [0, 0, 0]
    assert midnights[1] - midnights[0] == timedelta(hours=25)


def test_the_clock_only_goes_forward() -> None:
    clock = DemoClock(NOON)
    assert clock.now() - NOON < timedelta(seconds=5)
    clock.move_to(NOON + timedelta(days=3))
    clock.move_to(NOON)
    assert timedelta(0) <= clock.now() - NOON - timedelta(days=3) < timedelta(seconds=5)
    assert clock.seconds() == pytest.approx(clock.now().timestamp(), abs=1)


def test_a_node_has_moods() -> None:
    node = DemoNode("node1")
    node.become("dead")
    with pytest.raises(NodeDown):
        node.ping()
    node.become("normal")
    node.ping()
    with pytest.raises(ValueError, match="sleepy"):
        node.become("sleepy")
    assert "ghcr.io/lab/thing:1" in Registry()
    assert "no-such-image" not in Registry()


def test_every_subcommand_has_its_hint_in_both_languages() -> None:
    handlers = (BOT / "handlers").glob("*.py")
    added = {word for path in handlers for word in re.findall(r'\bcommands\.add\("(\w+)"', path.read_text())}
    assert {word for word, _, _ in HINTS} == added | {"", "help"}
    korean = {hint["alias"] for hint in hints("ko")} - {""}
    assert korean == {f"/kws {alias}" for alias in ALIASES if not alias.isascii()}
    for here, there in zip(hints("en"), hints("ko"), strict=True):
        assert here["command"] == there["command"]
        assert here["text"] != there["text"]


def test_every_emoji_of_the_bot_is_drawn() -> None:
    drawn = set(re.findall(r"(\w+): \"", (PAGE / "emoji.js").read_text()))
    sources = [*BOT.rglob("*.py"), *BOT.rglob("*.j2")]  # fmt: skip
    used = {
        name for path in sources for name in re.findall(r"(?<![\w:]):([a-z]\w+):(?![\w:])", path.read_text())
    }
    assert len(used) > 15
    assert used - drawn - {"class", "mailto"} == set()


def test_the_page_never_parses_html() -> None:
    for path in PAGE.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text()
        ), path.name


def test_rentals_of_another_kws_are_respected(make_world: Callable[..., World]) -> None:
    world = make_world()
    rental = world.rent()
    refuse_company(world.nodes, {rental.mark})
    world.nodes["node1"].plant("kws-23456789ab")
    world.nodes["node2"].go_down()
    with pytest.raises(ConfigError) as refused:
        refuse_company(world.nodes, {rental.mark})
    assert refused.value.problems == [
        "node1: has resources of another KWS (1). The demo needs its own nodes, or its own projects without the admin role"
    ]


def test_the_real_nodes_get_the_local_admin(make_world: Callable[..., World]) -> None:
    config = of_the_demo(make_world().config)
    assert config.kws.admins == ("U0ADMIN001",)
    assert config.kws.admin_channel == "C0LABADMIN"
