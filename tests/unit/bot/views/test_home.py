"""The App Home with whatever rentals there are: Slack takes it, and nothing in it becomes markup."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from harness.cards import NOW, event, hostile
from harness.cards import rental as made
from harness.gallery import plan
from harness.sampling import THOROUGH
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.text.i18n import LOCALES, Texts
from bot.views import admin_form, admin_home, history, home, ids
from kws_core.config import Policy
from kws_core.nodes.values import Image
from kws_core.outbox.admin_queries import PAGE, Entry, Found, Search
from kws_core.rentals.form_options import FormOptions
from kws_core.scheduling.capacity import NodeStatus
from kws_core.scheduling.placement import NodeCapacity
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from kws_core.values import Kind, Size
from slack_workspace import check_view

TODAY = date(2026, 12, 1)
MOST_BLOCKS = 100  # Slack's limit
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


def room(name: str, **changes: Any) -> NodeCapacity:
    free = {"free_vcpus": 1, "free_ram_mb": 512, "free_disk_gb": 5}
    kinds = frozenset({Kind.SERVER, Kind.CONTAINER})
    values = {"kinds": kinds, "images": frozenset(), "vcpus": 8, "ram_mb": 8192, "disk_gb": 100, **free}
    return NodeCapacity(node=name, **{**values, **changes})  # type: ignore[arg-type]


def offer(mine: list[Rental], rooms: list[NodeCapacity]) -> FormOptions:
    return FormOptions((), [Size("small", 1, 512, 5)], rooms, TODAY, TODAY, TODAY, mine)


def drawn(
    mine: list[Rental], found: list[Rental], rooms: list[NodeCapacity], images: list[Image], entries: list[Entry],
    search: Search, locale: Any, *, count: int = 300, admin: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """The view as Slack gets it."""
    texts = Texts(locale)
    page = Found(found, count, min(search.page, 19), PAGE)
    nodes = [NodeStatus(room, None, None, None, None) for room in rooms]
    missed = {one.placements[0].node: 1 for one in found[::2] if one.placements}
    desk = admin_home.AdminHome(search, page, lambda day: day, nodes, missed, images, entries, plan())
    ends = {rental.id: NOW for rental in mine}
    blocks = admin_home.build(desk, texts) if admin else []
    return json.loads(
        json.dumps(home.build(offer(mine, rooms), Policy(), ends, texts, blocks, plan=plan()).to_dict())
    )  # type: ignore[no-any-return]


@st.composite
def rentals(draw: st.DrawFn, most: int) -> list[Rental]:
    found = []
    for number in range(draw(st.integers(0, most))):
        status = draw(st.sampled_from(Status))
        day = TODAY + timedelta(days=draw(st.integers(-3, 4000)))
        one = made(status, id=f"id{number:08}", name=draw(names), image=draw(hostile), ends_on=day)
        one.placements[0].node = draw(hostile)[:64]
        if draw(st.booleans()):
            one.placements = []
        found.append(one)
    return found


searches = st.builds(
    Search,
    person=st.none() | st.just("U0MINA0001"), node=st.none() | st.sampled_from(["node1", "gone"]),
    state=st.none() | st.sampled_from(Status), within=st.none() | st.sampled_from([0, 3, 7, 99]),
    name=st.text(max_size=63), page=st.integers(0, 25), round=st.integers(0, 10**6),
)  # fmt: skip


@settings(max_examples=100 if THOROUGH else 15, deadline=None)
@given(
    rentals(25), rentals(PAGE), hostile, searches, st.sampled_from(LOCALES), st.booleans(), st.sampled_from(EventKind)
)  # fmt: skip
def test_slack_takes_the_home_with_whatever_there_is(
    mine: list[Rental], found: list[Rental], words: str, search: Search, locale: str, admin: bool, kind: EventKind
) -> None:  # fmt: skip
    entries = [Entry(event(kind, n, note=words + "<!channel>"), "a" * 63) for n in range(10)]
    images = [Image(str(n), words + "<@U1>") for n in range(3)]
    view = drawn(
        mine, found, [room("node1"), room("node2", up=False)], images, entries, search, locale, admin=admin
    )
    assert check_view(view) == []
    assert len(view["blocks"]) <= MOST_BLOCKS
    marked = json.dumps([block for block in view["blocks"] if block["type"] in ("section", "context")])
    assert "<!channel>" not in marked and "<@U1>" not in marked
    for rental in found if admin else []:
        assert (f"end|{rental.id}" in str(view)) == rental.live


@pytest.mark.parametrize("locale", LOCALES)
def test_slack_takes_the_worst_of_everything(locale: str) -> None:
    long = "&" * 255
    mine = [made(id=f"m{n:09}", name="m" * 63, image=long) for n in range(60)]
    found = [made(Status.STOPPED, id=f"f{n:09}", name="f" * 63, owner="U" * 32) for n in range(PAGE)]
    for one in found:
        one.placements[0].node = "<" * 64
    rooms = [room("&" * 60 + f"{n:03}", up=n % 2 == 0) for n in range(150)]
    images = [Image(str(n), f"{n}" + "<" * 250) for n in range(200)]
    entries = [
        Entry(event(EventKind.EXTENDED, n, actor="U" * 32, note="<&>" * 100), "n" * 63) for n in range(10)
    ]
    search = Search("U0MINA0001", rooms[3].node, Status.ENDING, 7, "n" * 63, 10, 9)
    for admin in (True, False):
        view = drawn(mine, found, rooms, images, entries, search, locale, admin=admin)
        assert check_view(view) == []
        assert len(view["blocks"]) <= MOST_BLOCKS
        assert len(json.dumps(view)) < 250_000


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("act", ids.RentalAct)
def test_slack_takes_the_forms_of_the_desk(act: ids.RentalAct, locale: Any) -> None:
    view = json.loads(json.dumps(admin_form.build(act, made(name="x" * 63), TODAY, Texts(locale)).to_dict()))
    assert check_view(view) == []
    assert ids.parse_act(view["private_metadata"]) == (act, "abcdefghjk")


def test_every_kind_of_event_has_a_word() -> None:
    assert set(history.HAPPENED) == set(EventKind)
