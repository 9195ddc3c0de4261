"""Web addresses: who gets which name, and what the rows say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from harness.world import ADMIN, JOON, MINA, WEB, World

from kws_core.errors import FormError, UserError
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status, Upstream
from kws_core.values import Kind
from kws_core.web.service import SiteForm, Sites

FORM = SiteForm(Audience.LAB, 80)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A lab with a proxy."""
    return make_world(web=WEB, max_rentals=9)


def sites(world: World) -> Sites:
    return Sites(world.context)


def gone(world: World, rental: Rental) -> None:
    """Returned, and seen gone."""
    world.rental_service.return_rental(Actor(rental.owner), rental.id)
    world.settle()
    assert world.look(rental).status is Status.ENDED


def refused(world: World, name: str, who: Actor = MINA, **more: object) -> dict[str, str]:
    with pytest.raises(FormError) as error:
        world.rent(name, who, **more)
    return {field: one.code for field, one in error.value.fields.items()}


def wrong(world: World, rental: Rental, form: SiteForm, who: Actor = MINA) -> dict[str, str]:
    with pytest.raises(FormError) as error:
        sites(world).change(who, rental.id, form)
    return {field: one.code for field, one in error.value.fields.items()}


def test_a_rental_gets_its_name_unless_its_owner_or_the_lab_says_no(
    make_world: Callable[..., World], world: World
) -> None:
    site = world.rent("web01").site
    assert site is not None
    assert (site.label, site.second, site.port, site.upstream) == ("web01", None, 80, Upstream.HTTP)
    assert (site.audience, site.served_at) == (Audience.LAB, None)
    assert world.rent("web02", web=False).site is None
    assert world.rent("db-1", web=True).site is not None


def test_the_policy_decides_what_nobody_chose(make_world: Callable[..., World]) -> None:
    world = make_world(web=WEB + "by_default = false\n")
    assert world.rent("web01").site is None
    assert world.rent("web02", web=True).site is not None


def test_without_a_proxy_there_are_no_names(make_world: Callable[..., World]) -> None:
    world = make_world()
    rental = world.rent("web01")
    assert rental.site is None
    assert refused(world, "web02", web=True) == {"web": "web_off"}
    with pytest.raises(UserError, match="web_off"):
        sites(world).terms(MINA, rental.id)


def test_where_only_everybody_may_be_let_in_that_is_what_a_new_site_says(
    make_world: Callable[..., World],
) -> None:
    world = make_world(web=WEB.replace('["10.0.0.0/8"]', "[]"))
    site = world.rent("web01").site
    assert site is not None
    assert site.audience is Audience.EVERYBODY


def test_a_container_has_its_first_port(world: World) -> None:
    box = world.rent("box", kind=Kind.CONTAINER, image="nginx", ports="53/udp, 8080, 9000")
    none = world.rent("shut", kind=Kind.CONTAINER, image="nginx", ports="")
    assert box.site is not None
    assert none.site is not None
    assert (box.site.port, none.site.port) == (8080, 80)


@pytest.mark.parametrize(
    ("name", "code"), [("www", "reserved"), ("rnail", "reserved"), ("xn--9d0b", "punycode")]
)
def test_a_name_that_is_no_name_on_the_web_is_refused_there_only(world: World, name: str, code: str) -> None:
    assert refused(world, name) == {"web": f"web_name_{code}"}
    assert world.rent(name, web=False).name == name


def test_a_wrong_name_is_told_once(world: World) -> None:
    assert refused(world, "Web_01") == {"name": "name_invalid"}


def test_another_person_gets_a_name_a_week_after_it_ended(world: World) -> None:
    first = world.ready("web01", MINA)
    gone(world, first)
    assert refused(world, "web01", JOON) == {"web": "web_name_kept"}
    assert world.rent("web01", JOON, web=False).site is None
    world.clock.advance(days=7, minutes=1)
    again = world.rent("web02", JOON)
    assert sites(world).change(JOON, again.id, replace(FORM, second="web01")).site is not None


def test_its_own_person_gets_it_at_once_and_the_old_rental_loses_it(world: World) -> None:
    first = world.ready("web01", MINA)
    gone(world, first)
    second = world.rent("web01", MINA)
    assert second.site is not None
    assert sites(world).may_have_certificate("web01.lab.example")


def test_after_a_transfer_the_name_is_the_new_persons(world: World) -> None:
    rental = world.ready("web01", MINA)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    gone(world, world.rental_queries.rental(JOON, rental.id))
    assert refused(world, "web01", MINA) == {"web": "web_name_kept"}
    assert world.rent("web01", JOON).site is not None


def test_a_site_is_changed_and_the_proxy_has_to_serve_it_again(world: World) -> None:
    rental = world.ready("web01")
    form = SiteForm(Audience.EVERYBODY, 8443, Upstream.HTTPS, "Shop")
    for _ in range(2):
        changed = sites(world).change(MINA, rental.id, form, via="form")
    assert changed.site is not None
    assert (changed.site.audience, changed.site.port, changed.site.upstream) == (
        Audience.EVERYBODY, 8443, Upstream.HTTPS,
    )  # fmt: skip
    assert changed.site.labels == ("web01", "shop")
    assert world.kinds(rental).count(EventKind.WEB_CHANGED) == 1


def test_what_is_wrong_is_told_at_its_field(make_world: Callable[..., World]) -> None:
    world = make_world(web=WEB.replace("everybody = true", ""), max_rentals=9)
    rental = world.ready("web01")
    assert wrong(world, rental, SiteForm(Audience.EVERYBODY, 70000, second="w_b")) == {
        "audience": "web_everybody", "port": "number_range", "second": "web_name_invalid",
    }  # fmt: skip
    assert wrong(world, rental, replace(FORM, port=None)) == {"port": "number_range"}
    assert wrong(world, rental, replace(FORM, second="web01")) == {"second": "web_name_own"}
    assert wrong(world, rental, replace(FORM, second="w-w-w")) == {"second": "web_name_reserved"}
    world.rent("taken", JOON)
    assert wrong(world, rental, replace(FORM, second="taken")) == {"second": "web_name_taken"}


def test_a_rental_without_a_site_gets_one_later(world: World) -> None:
    rental = world.ready("web01", web=False)
    assert sites(world).terms(MINA, rental.id).form.audience is Audience.NOBODY
    assert sites(world).change(MINA, rental.id, FORM).site is not None
    reserved = world.ready("www", web=False)
    assert wrong(world, reserved, FORM) == {"audience": "web_name_reserved"}


def test_a_second_name_that_was_given_up_waits_for_others(world: World) -> None:
    rental, other = world.ready("web01", MINA), world.ready("web02", JOON)
    sites(world).change(MINA, rental.id, replace(FORM, second="shop"))
    sites(world).change(MINA, rental.id, replace(FORM, second="store"))
    assert not sites(world).may_have_certificate("shop.lab.example")
    assert wrong(world, other, replace(FORM, second="shop"), JOON) == {"second": "web_name_kept"}
    sites(world).change(MINA, rental.id, replace(FORM, second="shop"))
    assert sites(world).may_have_certificate("shop.lab.example")
    sites(world).change(MINA, rental.id, FORM)
    world.clock.advance(days=7, minutes=1)
    assert sites(world).change(JOON, other.id, replace(FORM, second="shop")).site is not None


def test_only_its_owner_and_admins_see_and_change_it(world: World) -> None:
    rental = world.ready("web01", MINA)
    for act in (
        lambda: sites(world).terms(JOON, rental.id),
        lambda: sites(world).change(JOON, rental.id, FORM),
    ):
        with pytest.raises(UserError, match="rental_gone"):
            act()
    assert sites(world).change(ADMIN, rental.id, replace(FORM, port=81)).site is not None


def test_nothing_is_changed_of_what_has_ended(world: World) -> None:
    rental = world.ready("web01")
    world.rental_service.return_rental(MINA, rental.id)
    with pytest.raises(UserError, match="too_late"):
        sites(world).change(MINA, rental.id, FORM)


def test_an_admin_takes_it_off_the_web_and_puts_it_back(world: World) -> None:
    rental = world.ready("web01")
    for _ in range(2):
        sites(world).take_off(ADMIN, rental.id, " phishing ", via="message")
    with pytest.raises(UserError, match="web_taken_off"):
        sites(world).change(MINA, rental.id, FORM)
    assert not sites(world).may_have_certificate("web01.lab.example")
    for _ in range(2):
        sites(world).put_back(ADMIN, rental.id)
    assert sites(world).terms(MINA, rental.id).form == FORM
    assert world.kinds(rental)[-2:] == [EventKind.WEB_TAKEN_OFF, EventKind.WEB_PUT_BACK]
    with pytest.raises(UserError, match="note_missing"):
        sites(world).take_off(ADMIN, rental.id, " ")
    for act in (
        lambda: sites(world).take_off(MINA, rental.id, "x"),
        lambda: sites(world).put_back(MINA, rental.id),
    ):
        with pytest.raises(UserError, match="admins_only"):
            act()
    with pytest.raises(UserError, match="web_none"):
        sites(world).take_off(ADMIN, world.rent("bare", web=False).id, "x")


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("web01.lab.example", True),
        ("WEB01.lab.example", True),
        ("shop.lab.example", True),
        ("closed.lab.example", False),
        ("none.lab.example", False),
        ("a.web01.lab.example", False),
        ("web01.other.example", False),
        ("web01", False),
        ("lab.example", False),
        ("", False),
        ("*.lab.example", False),
        ("web01.lab.example.", False),
        ("' OR 1=1 --.lab.example", False),
    ],
)
def test_only_live_sites_get_a_certificate(world: World, host: str, may: bool) -> None:
    rental, closed = world.rent("web01"), world.rent("closed")
    sites(world).change(MINA, rental.id, replace(FORM, second="shop"))
    sites(world).change(MINA, closed.id, replace(FORM, audience=Audience.NOBODY))
    assert sites(world).may_have_certificate(host) is may


def test_admins_see_all_of_them(world: World) -> None:
    for name in ("web02", "web01"):
        world.rent(name)
    world.rent("bare", web=False)
    assert [rental.name for rental in sites(world).everybodys()] == ["web01", "web02"]
