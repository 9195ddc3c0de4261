"""The desk's search: paged in SQL, every filter, nothing shown twice and nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from harness.stock import made
from harness.world import ADMIN, JOON, MINA, World
from sqlalchemy import event, select

from kws_core.errors import UserError
from kws_core.expiry import ExpiryPolicy
from kws_core.outbox.admin_queries import DeskQueries, Search
from kws_core.outbox.home_state import HomeStates
from kws_core.rentals.extension import Extensions
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Placement
from kws_core.tables.states import Reason, Status


def stock(world: World, count: int) -> None:
    """Rentals of two people on two nodes, in turn; ends from today on, a day apart."""
    with world.store.write() as session:
        for n in range(count):
            owner = (MINA if n % 2 else JOON).id
            session.add(made(n, world.clock(), world.day(n), owner=owner))


def names(world: World, **search: Any) -> list[str]:
    """All pages, in their order."""
    desk, found, page = DeskQueries(world.context), [], 0
    while True:
        got = desk.find(Search(**search, page=page), size=7)
        assert got.page == page
        found += [rental.name for rental in got.rentals]
        page += 1
        if page == got.pages:
            assert len(found) == got.count
            return found


def test_every_rental_is_on_one_page(world: World) -> None:
    stock(world, 50)
    assert names(world) == [f"vm-{n:03}" for n in range(50)]


@pytest.mark.parametrize(
    ("search", "fits"),
    [
        ({"person": MINA.id}, lambda n: n % 2 == 1),
        ({"node": "node1"}, lambda n: n % 2 == 0),
        ({"state": Status.STOPPED}, lambda n: n % 4 == 2),
        ({"within": 7}, lambda n: n <= 7 and n % 4 != 3),
        ({"within": 0}, lambda n: n == 0),
        ({"name": "VM-01"}, lambda n: 10 <= n < 20),
        ({"name": "%"}, lambda n: False),
        ({"name": "_"}, lambda n: False),
        ({"name": "' OR 1=1 --"}, lambda n: False),
        ({"person": JOON.id, "node": "node1", "state": Status.READY, "within": 20}, lambda n: n % 4 == 0 and n <= 20),
    ],
)  # fmt: skip
def test_filters(world: World, search: dict[str, Any], fits: Callable[[int], bool]) -> None:
    stock(world, 40)
    assert names(world, **search) == [f"vm-{n:03}" for n in range(40) if fits(n)]


def test_a_page_that_is_no_more_is_the_last_one(world: World) -> None:
    stock(world, 20)
    found = DeskQueries(world.context).find(Search(page=99))
    assert (found.page, len(found.rentals)) == (1, 5)
    assert DeskQueries(world.context).find(Search(page=-3)).page == 0
    assert DeskQueries(world.context).find(Search(name="none")).rentals == []


def test_a_page_reads_only_its_rows(world: World) -> None:
    stock(world, 300)
    read: list[str] = []
    event.listen(
        world.store.engine, "before_cursor_execute", lambda c, u, s, p, x, m: read.append(str((s, p)))
    )
    assert len(DeskQueries(world.context).find(Search(page=3)).rentals) == 15
    assert len(read) < 8
    assert any("LIMIT" in one and "45" in one for one in read)


def test_what_is_over_is_found_when_it_is_asked_for(world: World) -> None:
    rental = world.ready()
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    assert names(world) == []
    assert names(world, state=Status.ENDED) == ["web01"]
    assert names(world, state=Status.ENDED, node="node1") == ["web01"]


def test_what_happened_last_without_the_routine(world: World) -> None:
    rental = world.ready()
    Extensions(world.context).extend(MINA, rental.id, world.day(20), via="test")
    entries = DeskQueries(world.context).events()
    assert [(one.event.kind, one.name) for one in entries] == [
        (EventKind.EXTENDED, "web01"), (EventKind.READY, "web01"), (EventKind.REQUESTED, "web01")
    ]  # fmt: skip
    assert len(DeskQueries(world.context).events(most=2)) == 2


def test_rentals_on_a_node_that_nodes_toml_has_no_more(world: World) -> None:
    stock(world, 4)
    with world.store.write() as session:
        for one in session.scalars(select(Placement).where(Placement.node == "node2")):
            one.node = "node9"
    desk = DeskQueries(world.context)
    assert desk.missed() == {"node9": 2}
    assert desk.find(Search(node="node9")).count == 2


def test_quiet_days_count_for_what_ends_soon(make_world: Callable[..., World]) -> None:
    world = make_world(policy="[[policy.quiet]]\nfrom = 2026-12-03\nto = 2026-12-10")
    ends = ExpiryPolicy(world.config)
    for days in range(15):
        limit = world.day(days)
        chosen = ends.chosen_by(world.context.today(), days)
        assert ends.last_day(chosen) <= limit
        assert ends.last_day(chosen + timedelta(days=1)) > limit


def test_a_search_survives_the_database_and_another_version() -> None:
    search = Search("U1", "node1", Status.READY, 3, "we", 4, 2)
    assert Search.from_json(search.to_json()) == search
    assert Search.from_json({"state": "frozen", "colour": "red", "page": 2}) == Search(page=2)


# -- what admins may do beyond the policy


def test_an_admin_extends_beyond_the_policy_with_a_reason(world: World) -> None:
    rental, terms = world.ready(), Extensions(world.context)
    far = world.day(400)
    with pytest.raises(UserError, match="end_late"):
        terms.extend(ADMIN, rental.id, far, via="desk")
    with pytest.raises(UserError, match="admins_only"):
        terms.extend(MINA, rental.id, far, via="desk", note="please")
    with pytest.raises(UserError, match="end_far"):
        terms.extend(ADMIN, rental.id, world.day(3651), via="desk", note="a slip")
    with pytest.raises(UserError, match="end_past"):
        terms.extend(ADMIN, rental.id, world.day(-1), via="desk", note="a slip")
    with pytest.raises(UserError, match="end_not_later"):
        terms.extend(ADMIN, rental.id, world.day(1), via="desk", note="a slip")
    assert terms.extend(ADMIN, rental.id, far, via="desk", note="a thesis").ends_on == far
    done = world.rental_queries.history(rental.id)[-1]
    assert (done.kind, done.actor) == (EventKind.EXTENDED, ADMIN.id)
    assert done.data == {
        "until": far.isoformat(),
        "was": rental.ends_on.isoformat(),
        "via": "desk",
        "note": "a thesis",
    }


def test_acts_of_admins_keep_where_from_and_why(world: World) -> None:
    rental, terms = world.ready(), Extensions(world.context)
    terms.transfer(ADMIN, rental.id, JOON.id, via="desk", note="she left")
    ended = world.rental_service.return_rental(ADMIN, rental.id, via="desk", note="miner")
    assert ended.reason is Reason.ADMIN
    handed, returned = world.rental_queries.history(rental.id)[-2:]
    assert (handed.kind, handed.data["via"], handed.data["note"]) == (
        EventKind.TRANSFERRED,
        "desk",
        "she left",
    )
    assert (returned.kind, returned.data["via"], returned.data["note"]) == (
        EventKind.RETURNED,
        "desk",
        "miner",
    )


# -- whose App Home is drawn again


def shown(world: World, book: HomeStates, person: str, *, admin: bool = False) -> None:
    sheet = book.sheet(person)
    assert sheet
    book.shown(sheet, "digest", admin=admin)


def test_homes_of_those_concerned_are_due_and_not_too_often(world: World) -> None:
    book = HomeStates(world.context)
    for who in (MINA, JOON, ADMIN):
        book.opened(who.id)
        shown(world, book, who.id, admin=who.admin)
    assert book.due() == []
    world.clock.advance(seconds=5)
    rental = world.rent(who=JOON)
    assert set(book.due()) == {JOON.id, ADMIN.id}
    shown(world, book, JOON.id)
    Extensions(world.context).extend(JOON, rental.id, world.day(30), via="test")
    assert set(book.due()) == {ADMIN.id}, "at most once in four seconds"
    world.clock.advance(seconds=5)
    assert set(book.due()) == {JOON.id, ADMIN.id}
    world.clock.advance(seconds=60)
    assert set(book.due()) == {JOON.id, ADMIN.id, MINA.id}, "a look, for what is no event"
    world.clock.advance(days=2)
    assert book.due() == [], "nobody looks any more"


def test_the_old_owner_is_concerned_by_a_transfer(world: World) -> None:
    book, rental = HomeStates(world.context), world.ready()
    book.opened(MINA.id)
    shown(world, book, MINA.id)
    world.clock.advance(seconds=5)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    assert book.due() == [MINA.id]


def test_a_click_while_it_is_drawn_has_it_drawn_again(world: World) -> None:
    book = HomeStates(world.context)
    book.opened(ADMIN.id)
    sheet = book.sheet(ADMIN.id)
    assert sheet
    book.searched(ADMIN.id, lambda search: Search(name="we"))
    shown(world, book, ADMIN.id, admin=True)
    book.shown(sheet, "old", admin=True)
    assert book.due() == [ADMIN.id]
    fresh = book.sheet(ADMIN.id)
    assert fresh and (fresh.digest, fresh.search.name) == ("", "we")


def test_failures_wait_longer_and_longer(world: World) -> None:
    book = HomeStates(world.context)
    book.opened(MINA.id)
    for seconds in (5, 10, 20):
        book.later(MINA.id)
        world.clock.advance(seconds=seconds - 1)
        assert book.due() == []
        world.clock.advance(seconds=1)
        assert book.due() == [MINA.id]
    book.later(MINA.id, timedelta(seconds=2))
    world.clock.advance(seconds=2)
    assert book.due() == [MINA.id]
    book.forget(MINA.id)
    assert book.sheet(MINA.id) is None
