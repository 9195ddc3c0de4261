"""What the proxy is to serve, from the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from harness.world import ADMIN, MINA, WEB, World

from kws_core.errors import UserError
from kws_core.moves.service import Moves
from kws_core.nodes.values import MachineAction
from kws_core.rentals import reset as resets
from kws_core.tables.network import WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status, Upstream
from kws_core.web.routes import Page, Route, Target, may_be_reached, shown
from kws_core.web.service import SiteForm, Sites

FORM = SiteForm(Audience.LAB, 80)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A lab with a proxy."""
    return make_world(web=WEB, max_rentals=9)


def routes(world: World) -> dict[str, Route]:
    """By name."""
    with world.store.read() as session:
        return {label: route for route in shown(session, world.clock()) for label in route.labels}


def behind(world: World, label: str = "web01") -> Target | Page | None:
    route = routes(world).get(label)
    return route.goes_to if route else None


def address_of(rental: Rental) -> str:
    assert rental.placement
    assert rental.placement.floating_ip
    return rental.placement.floating_ip


def test_the_life_of_a_site(world: World) -> None:
    assert routes(world) == {}
    rental = world.rent()
    assert behind(world) is Page.STARTING
    world.settle()
    rental = world.look(rental)
    assert rental.status is Status.READY
    assert behind(world) == Target(address_of(rental), 80)
    world.rental_service.return_rental(MINA, rental.id)
    assert behind(world) is Page.ENDED
    world.settle()
    assert behind(world) is Page.ENDED
    world.clock.advance(days=7, minutes=1)
    assert routes(world) == {}


def test_it_is_served_before_its_owner_is_told_that_it_is_ready(world: World) -> None:
    rental = world.rent()
    seen = []
    while world.look(rental).status is not Status.READY:
        world.tick()
        seen.append(behind(world))
        world.clock.advance(seconds=1)
    assert isinstance(seen[-1], Target)


def test_who_may_open_it_and_how_it_is_reached(world: World) -> None:
    rental = world.ready()
    assert routes(world)["web01"].lab_only
    form = SiteForm(Audience.EVERYBODY, 8443, Upstream.HTTPS, "shop")
    Sites(world.context).change(MINA, rental.id, form)
    route = routes(world)["shop"]
    assert route == routes(world)["web01"]
    assert (route.labels, route.lab_only) == (("shop", "web01"), False)
    assert route.goes_to == Target(address_of(rental), 8443, tls=True)
    Sites(world.context).change(MINA, rental.id, FORM)
    assert "shop" not in routes(world)


def test_nobody_and_an_admin_close_it(world: World) -> None:
    rental = world.ready()
    Sites(world.context).change(MINA, rental.id, replace(FORM, audience=Audience.NOBODY))
    assert behind(world) is Page.CLOSED
    Sites(world.context).change(MINA, rental.id, FORM)
    Sites(world.context).take_off(ADMIN, rental.id, "phishing")
    assert behind(world) is Page.CLOSED


def test_a_server_that_is_off_says_so(world: World) -> None:
    rental = world.ready()
    node = world.nodes[rental.placement.node]  # type: ignore[union-attr]
    assert rental.placement
    assert rental.placement.server_id
    node.act(rental.kind, rental.placement.server_id, MachineAction.STOP)
    world.settle(200)
    assert behind(world) is Page.STOPPED


def test_one_that_is_moved_or_reset_is_on_its_way(world: World) -> None:
    moved, reset = world.ready(), world.ready("web02")
    Moves(world.context).start(MINA, moved.id)
    resets.ask(world.context, MINA, reset.id, reset.reset_number, "web02")
    assert (behind(world), behind(world, "web02")) == (Page.STARTING, Page.STARTING)


def test_one_in_its_grace_period_says_so(make_world: Callable[..., World]) -> None:
    world = make_world(web=WEB, policy="grace_hours = 24")
    rental = world.ready(ends_on=world.day(1))
    world.midnight(1, hours=9)
    world.nightly.tick()
    world.deliver_all()
    world.midnight(1)
    world.nightly.tick()
    assert world.look(rental).status is Status.STOPPED
    assert behind(world) is Page.STOPPED


def test_an_address_that_no_machine_has_is_never_reached(world: World) -> None:
    for address in ("127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::1", "fe80::1"):
        assert not may_be_reached(address)
    for address in ("10.0.0.5", "172.24.1.57", "203.0.113.9", "2001:db8::5"):
        assert may_be_reached(address)
    rental = world.ready()
    with world.store.write() as session:
        row = session.get_one(Rental, rental.id)
        assert row.placement
        row.placement.floating_ip = "169.254.169.254"
    assert behind(world) is Page.STARTING


def test_a_name_is_behind_one_rental_only(world: World) -> None:
    first = world.ready("web01")
    world.rental_service.return_rental(MINA, first.id)
    world.settle()
    second = world.ready("web01")
    assert [route.rental_id for route in routes(world).values()] == [second.id]
    with world.store.read() as session:
        assert session.get_one(WebName, "web01").rental_id == second.id


def test_a_name_that_is_being_deleted_is_not_given_away(world: World) -> None:
    first = world.ready("web01")
    world.rental_service.return_rental(MINA, first.id)
    with pytest.raises(UserError) as error:
        world.rent("web01")
    assert error.value.fields["web"].code == "web_name_taken"  # type: ignore[attr-defined]
