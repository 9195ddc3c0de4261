"""Waiting on real OpenStack: for room that somebody else has, and for a first day that comes at midnight."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bot_process import BotProcess, ask_to_return, card_of, open_rent_form, rent
from lab_checks import READY, assert_key_matches, marks, rental_row, return_rental, take_away
from mortal_bot import UNTOLD, MortalBot

from kws_core.scheduling.waiting_list import SPARE, USUAL_BUILD
from slack_workspace import Workspace, visible_text

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(600)]

ZONE = ZoneInfo("Asia/Seoul")
LEAD = 2 * USUAL_BUILD + SPARE  # of a node that has built nothing yet
EARLY = timedelta(seconds=40)  # before that: the bot is there, and nothing is to be built
TIMES = (("wait_over", "at"), ("ready", "at"), ("ready", "delivered_at"))
READ = "%Y-%m-%d %H:%M:%S.%f"
GREEN = ":large_green_circle:"


@pytest.fixture(autouse=True)
def nothing_is_left(clouds: dict[str, Any], tmp_path: Path) -> Iterator[None]:
    """Afterwards no node has anything of this test's rentals."""
    yield
    with closing(sqlite3.connect(tmp_path / "kws.db")) as database:
        ours = {f"kws-{rental}" for (rental,) in database.execute("SELECT id FROM rentals")}
    left = {mark for mark in marks(clouds) if mark.partition(" ")[2] in ours}
    take_away(clouds, left)
    assert left == set()


def bells(person: Any) -> list[str]:
    """What rang in the DM, oldest first."""
    return [str(m["text"]) for m in person.dm() if m.get("subtype") == "thread_broadcast"]


def shown(day: date) -> str:
    """As people read it in English."""
    return f"{day:%a}, {day:%b} {day.day}, {day.year}"


def test_who_waits_gets_the_room_that_somebody_returns(
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    marked: Callable[[str], list[str]],
) -> None:
    bot, mina, joon = make_bot(vcpus=1), workspace.person("mina"), workspace.person("joon")
    bot.start()
    for name in ("has1", "has2"):
        rent(workspace, mina, name)
        workspace.wait_for(lambda name=name: GREEN in card_of(mina, name), timeout=READY)
    waits_for_room(workspace, joon)
    row = rental_row(bot, "wants")
    assert (row["status"], marked(row["id"])) == ("waiting", [])
    ask_to_return(workspace, mina, "has1")
    workspace.wait_for(lambda: GREEN in card_of(joon, "wants"), timeout=2 * READY)
    assert [entry.split(":")[1] for entry in marked(row["id"])].count("server") == 1
    assert_key_matches(joon, clouds, bot, "wants")
    workspace.wait_for(lambda: len(bells(joon)) == 2, timeout=30)
    room, runs = bells(joon)
    assert "There's room: creating it on node" in room
    assert f"{GREEN} wants is running: `ssh -i ~/.ssh/kws-wants debian@172.24." in runs
    for person, name in ((mina, "has2"), (joon, "wants")):
        return_rental(workspace, person, name)


def waits_for_room(workspace: Workspace, joon: Any) -> None:
    """The form asks, with all that was typed; he waits."""
    open_rent_form(workspace, joon)
    joon.fill_form({"name": "wants", "image": "debian-12", "size": "small"})
    assert joon.submit().errors == {}
    view = joon.open_view
    assert "No node has room for *small* now. What you typed is kept." in visible_text(view)
    assert view["state"]["values"]["name"]["value"]["value"] == "wants"
    question = next(b["block_id"] for b in view["blocks"] if b["block_id"].startswith("room_"))
    joon.fill(question, "wait")
    assert joon.submit().errors == {}
    assert joon.open_view is None
    workspace.wait_for(lambda: "Waiting for room (1 of 1)" in card_of(joon, "wants"), timeout=30)


def test_a_reserved_server_runs_when_its_first_day_begins(
    make_bot: Callable[..., BotProcess],
    workspace: Workspace,
    clouds: dict[str, Any],
    marked: Callable[[str], list[str]],
) -> None:
    bot, joon = MortalBot(make_bot(), workspace), workspace.person("joon")
    bot.start()
    first = datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=1)
    last = first + timedelta(days=3)
    reserves(bot, joon, first, last)
    rental_id = rental_row(bot.bot, "exam")["id"]
    assert marked(rental_id) == []

    midnight = datetime(first.year, first.month, first.day, tzinfo=ZONE)
    begun = datetime.now(UTC)
    bot.restart(hours=(midnight - LEAD - EARLY - begun) / timedelta(hours=1))
    bot.start()
    bot.until(lambda: all_seen(bot, midnight - LEAD - EARLY), "both nodes have answered")
    assert (rental_row(bot.bot, "exam")["status"], marked(rental_id)) == ("waiting", [])
    bot.until(lambda: GREEN in card_of(joon, "exam") and not bot.rows(UNTOLD), "it runs")

    times = {row["kind"]: row for row in bot.rows("SELECT kind, at, delivered_at FROM events ORDER BY id")}
    placed, ready, told = (moment(times[k][what]) for k, what in TIMES)
    assert midnight - LEAD <= placed <= ready <= told <= midnight
    print(f"placed {midnight - placed} before its first day, told {midnight - told} before it")
    near, runs = bells(joon)
    assert "Its first day is near: creating it on node" in near
    assert f"{GREEN} exam is running: `ssh -i ~/.ssh/kws-exam debian@172.24." in runs
    assert shown(last).partition(", ")[2] in card_of(joon, "exam")
    assert_key_matches(joon, clouds, bot.bot, "exam")
    return_rental(workspace, joon, "exam")
    assert marked(rental_id) == []


def reserves(bot: MortalBot, joon: Any, first: date, last: date) -> None:
    """By words; the DM says from when it is his."""
    bot.until(lambda: all_seen(bot, datetime.now(UTC) - timedelta(minutes=5)), "the images are known")
    joon.command(f"/kws rent exam debian-12 small {first}..{last}")
    bot.until(lambda: card_of(joon, "exam") and not bot.rows(UNTOLD), "it is reserved")
    card = card_of(joon, "exam")
    assert f"Reserved: starts on {shown(first)}" in card
    assert "KWS creates it in time, so it's running when that day begins." in card
    assert bells(joon) == []


def all_seen(bot: MortalBot, since: datetime) -> bool:
    """Whether both nodes have answered since that moment of the bot's time."""
    rows = bot.rows("SELECT seen_at FROM nodes WHERE seen_at IS NOT NULL")
    return len(rows) == 2 and all(moment(row["seen_at"]) >= since for row in rows)


def moment(text: str) -> datetime:
    """A time of the database."""
    return datetime.strptime(text, READ).replace(tzinfo=UTC)
