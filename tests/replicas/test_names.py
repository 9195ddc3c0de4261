"""Names under the lab's domain on PostgreSQL, where transactions really meet: one name is one rental's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from harness.carrying import CarryingLab
from harness.names import NameWatch
from harness.world import JOON, MINA, WEB, Clock, Inline, World, make_config

from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.errors import FormError
from kws_core.moves.service import Moves
from kws_core.nodes.fake.node import FakeNode
from kws_core.outbox.pending_messages import Outbox
from kws_core.people import Actor
from kws_core.reconcile.reconciler import Reconciler
from kws_core.tables.network import WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status
from kws_core.web.service import SiteForm, Sites

pytestmark = pytest.mark.thorough  # a few seconds each

SHOP = SiteForm(Audience.LAB, 8080, second="shop")


@pytest.fixture
def world(new_database: Callable[[], str], clock: Clock) -> Iterator[World]:
    """A lab with a proxy on a database of its own."""
    config, store = make_config(2, web=WEB, max_rentals=20), Store(new_database())
    context = Context(config, store, clock)
    nodes = {node.name: FakeNode(node.name, clock, vcpus=64, ram_mb=65536) for node in config.nodes}
    reconciler = Reconciler(context, nodes, lambda node, sort: Inline())
    world = World(config, store, clock, nodes, context, Outbox(context), reconciler)
    reconciler.start()
    reconciler.tick()
    yield world
    store.close()


def pass_time(world: World, seconds: int, until: Callable[[], bool]) -> None:
    """Seconds, each with its work, until that is so."""
    carrier = CarryingLab(world).carrier
    for _ in range(seconds):
        if until():
            return
        world.tick()
        carrier.tick()
        world.clock.advance(seconds=1)
    raise AssertionError("it took too long")


def ready(world: World, name: str, who: Actor = MINA) -> Rental:
    rental = world.rent(name, who)
    pass_time(world, 30, lambda: world.look(rental).status is Status.READY)
    return world.look(rental)


def holders(world: World) -> dict[str, str]:
    """By name, the rental that has it."""
    with world.store.read() as session:
        return {row.label: row.rental_id for row in session.query(WebName) if row.released_at is None}


def at_once(acts: list[Callable[[], object]]) -> list[BaseException | None]:
    """All begin at the same moment; what each of them raised."""
    start, raised = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        start.wait()
        try:
            acts[number]()
        except Exception as error:
            raised[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return list(raised)


def test_a_move_takes_the_site_and_its_names_along(world: World) -> None:
    rental, sites, watch = ready(world, "web01"), Sites(world.context), NameWatch()
    sites.change(MINA, rental.id, SHOP)
    Moves(world.context).start(MINA, rental.id)

    def over() -> bool:
        assert watch.look(world.store, world.clock()) == []
        return not world.look(rental).live

    pass_time(world, 120, over)
    new = world.look(rental).replaced_by
    assert new
    assert holders(world) == {"web01": new, "shop": new}
    moved = world.rental_queries.rental(MINA, new)
    assert moved.site
    assert (moved.site.labels, moved.site.port, world.look(rental).site) == (("web01", "shop"), 8080, None)


def test_of_all_who_want_a_name_at_once_one_gets_it(world: World) -> None:
    people = [Actor(f"U0STUDENT{number}") for number in range(8)]
    rentals = [ready(world, f"web{number}", who) for number, who in enumerate(people)]
    sites = Sites(world.context)
    acts = [
        lambda who=who, one=one: sites.change(who, one.id, SHOP)
        for who, one in zip(people, rentals, strict=True)
    ]
    raised = at_once(acts)
    (first,) = [number for number, error in enumerate(raised) if error is None]
    assert {type(error) for error in raised if error} == {FormError}, raised
    assert holders(world)["shop"] == rentals[first].id
    assert [r.id for r in world.rental_queries.all_rentals() if r.site and r.site.second] == [
        rentals[first].id
    ]


def test_nobody_gets_a_name_while_its_server_moves(world: World) -> None:
    """Somebody else asks for it all the time, also as it goes from one rental to the other."""
    rental, other, sites = ready(world, "web01"), ready(world, "other", JOON), Sites(world.context)
    sites.change(MINA, rental.id, SHOP)
    Moves(world.context).start(MINA, rental.id)
    stop, raised = threading.Event(), set()

    def ask() -> None:
        while not stop.is_set():
            for name in ("web01", "shop"):
                try:
                    sites.change(JOON, other.id, SiteForm(Audience.LAB, 80, second=name))
                except FormError as error:
                    raised.add(error.fields["second"].code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        pass_time(world, 120, lambda: not world.look(rental).live)
    finally:
        stop.set()
        asking.join()
    new = world.look(rental).replaced_by
    assert holders(world) == {"web01": new, "shop": new, "other": other.id}
    assert {code.value for code in raised} == {"web_name_taken"}
    assert NameWatch().look(world.store, world.clock()) == []
