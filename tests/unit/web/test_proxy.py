"""The loop that makes Caddy's configuration equal to the rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from harness.caddy_kit import PAGES, FakeCaddy
from harness.world import MINA, WEB, World

from kws_core.errors import NodeRefused, Refusal
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status
from kws_core.web import proxy as loop
from kws_core.web.proxy import Proxy
from kws_core.web.routes import Page
from kws_core.web.service import SiteForm, Sites

FORM = SiteForm(Audience.LAB, 80)
WEB01 = "web01.lab.example"


@dataclass
class Lab:
    """A world with its proxy."""

    world: World
    caddy: FakeCaddy
    proxy: Proxy

    def settle(self, seconds: int = 12) -> None:
        """So many seconds, one by one."""
        for _ in range(seconds):
            self.world.tick()
            self.proxy.tick()
            self.world.clock.advance(seconds=1)

    def ready(self, name: str = "web01") -> Rental:
        """A rental that is ready, and served."""
        rental = self.world.rent(name)
        self.settle()
        rental = self.world.look(rental)
        assert rental.status is Status.READY
        return rental


@pytest.fixture
def lab(make_world: Callable[..., World]) -> Lab:
    """A lab with a proxy."""
    world, caddy = make_world(web=WEB, max_rentals=9), FakeCaddy()
    return Lab(world, caddy, Proxy(world.context, PAGES, lambda _: caddy))


def served(lab: Lab, rental: Rental) -> bool:
    site = lab.world.look(rental).site
    return site is not None and site.served_at is not None


def test_without_a_proxy_nothing_is_asked(make_world: Callable[..., World]) -> None:
    caddy = FakeCaddy()
    assert Proxy(make_world().context, PAGES, lambda _: caddy).tick() > timedelta(seconds=1)
    assert caddy.looks == 0


def test_a_site_is_served_and_its_owner_is_told(lab: Lab) -> None:
    rental = lab.ready()
    assert rental.placement
    assert lab.caddy.behind(WEB01) == f"{rental.placement.floating_ip}:80"
    assert lab.caddy.behind(WEB01, lab=False) is Page.CLOSED
    assert lab.caddy.behind("nobody.lab.example") is Page.UNKNOWN
    assert served(lab, rental)
    kinds = lab.world.kinds(rental)
    assert kinds.count(EventKind.WEB_SERVED) == 1
    assert kinds.index(EventKind.WEB_SERVED) < kinds.index(EventKind.READY)


def test_what_is_equal_is_left_alone(lab: Lab) -> None:
    lab.ready()
    lab.settle(20)
    loads, looks = lab.caddy.loads, lab.caddy.looks
    lab.settle(60)
    assert lab.caddy.loads == loads
    assert 10 <= lab.caddy.looks - looks <= 13, "it looks every five seconds"


def test_many_changes_are_one_load(lab: Lab) -> None:
    """A load makes open WebSockets connect again."""
    rental = lab.ready()
    lab.settle(5)
    before = lab.caddy.loads
    for port in range(8000, 8012):
        Sites(lab.world.context).change(MINA, rental.id, replace(FORM, port=port))
        lab.settle(1)
    assert lab.caddy.loads - before <= 4


def test_it_follows_the_end_within_seconds(lab: Lab) -> None:
    rental = lab.ready()
    lab.world.rental_service.return_rental(MINA, rental.id)
    lab.settle(5)
    assert lab.caddy.behind(WEB01) is Page.ENDED


def test_it_follows_a_new_address_and_a_new_port(lab: Lab) -> None:
    rental = lab.ready()
    with lab.world.store.write() as session:
        row = session.get_one(Rental, rental.id)
        assert row.placement
        row.placement.floating_ip = "203.0.113.99"
    lab.settle(5)
    assert lab.caddy.behind(WEB01) == "203.0.113.99:80"
    Sites(lab.world.context).change(MINA, rental.id, replace(FORM, port=8080))
    assert not served(lab, rental)
    lab.settle(5)
    assert str(lab.caddy.behind(WEB01)).endswith(":8080")
    assert served(lab, rental)


def test_a_restart_of_caddy_and_a_change_by_hand_are_made_good(lab: Lab) -> None:
    lab.ready()
    before = lab.caddy.found
    lab.caddy.restart()
    lab.settle(7)
    assert lab.caddy.found == before
    lab.caddy.found["apps"]["http"]["servers"]["kws"]["routes"].pop()
    lab.settle(7)
    assert lab.caddy.found == before


def test_what_is_the_labs_stays(lab: Lab) -> None:
    lab.caddy.found = {"admin": {"listen": "127.0.0.1:2020"}, "logging": {"logs": {}}, "apps": {"x": {}}}
    lab.ready()
    assert lab.caddy.found["admin"] == {"listen": "127.0.0.1:2020"}
    assert lab.caddy.found["logging"] == {"logs": {}}
    assert "x" not in lab.caddy.found["apps"]


def test_a_new_bot_finds_it_equal(lab: Lab) -> None:
    lab.ready()
    loads = lab.caddy.loads
    lab.world.restart()
    again = Proxy(lab.world.context, PAGES, lambda _: lab.caddy)
    again.tick()
    assert lab.caddy.loads == loads


def test_away_for_a_while_it_is_told_once_and_made_good(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    lab.caddy.down = True
    rental = lab.ready()
    assert lab.proxy.trouble == "Caddy isn't responding"
    assert not served(lab, rental)
    assert lab.world.notices("web_down") == []
    lab.settle(120)
    assert len(lab.world.notices("web_down")) == 1
    assert len(caplog.records) == 1, "the log is not filled"
    lab.caddy.down = False
    lab.settle(6)
    assert lab.proxy.trouble == ""
    assert len(lab.world.notices("web_up")) == 1
    assert served(lab, rental)
    assert lab.world.kinds(rental)[-1] == EventKind.WEB_SERVED


def test_a_blink_is_told_nobody(lab: Lab) -> None:
    lab.ready()
    lab.caddy.down = True
    lab.settle(30)
    lab.caddy.down = False
    lab.settle(10)
    assert lab.world.notices("web_down") == lab.world.notices("web_up") == []


def test_a_configuration_that_caddy_rejects_is_told(lab: Lab) -> None:
    lab.caddy.refuses = True
    rental = lab.ready()
    lab.settle(90)
    (told,) = lab.world.notices("web_down")
    assert told["refused"] is True
    assert lab.proxy.trouble == "Caddy rejected its configuration"
    assert not served(lab, rental)


def test_one_process_at_a_time_changes_it(lab: Lab) -> None:
    lab.world.rent()
    with lab.world.context.leases.acquire(loop.WEB):
        lab.proxy.tick()
    assert lab.caddy.looks == 0


def test_what_was_changed_meanwhile_is_not_said_to_be_served(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    rental = lab.ready()
    lab.settle(5)
    Sites(lab.world.context).change(MINA, rental.id, replace(FORM, port=81))
    load = lab.caddy.load

    def and_changed(config: dict[str, object]) -> None:
        load(config)
        Sites(lab.world.context).change(MINA, rental.id, replace(FORM, port=82))

    monkeypatch.setattr(lab.caddy, "load", and_changed)
    lab.proxy.tick()
    assert not served(lab, rental)
    monkeypatch.setattr(lab.caddy, "load", load)
    lab.world.clock.advance(seconds=3)
    lab.proxy.tick()
    assert served(lab, rental)


def lets_in(lab: Lab, rental: Rental) -> set[str]:
    """What the rental's security group lets in for the proxy."""
    assert rental.placement
    things = lab.world.nodes[rental.placement.node].network
    return {
        f"{one.source}:{one.port}" for thing in things if thing.mark == rental.mark for one in thing.let_in
    }


def test_the_proxy_is_let_in_where_the_group_would_not(lab: Lab) -> None:
    rental = lab.ready()
    assert lets_in(lab, rental) == set(), "the port is open to all"
    Sites(lab.world.context).change(MINA, rental.id, replace(FORM, port=8080))
    lab.settle(5)
    assert lets_in(lab, rental) == {"192.0.2.10:8080"}
    box = lab.world.rent("shut", ports="")
    lab.settle()
    assert lets_in(lab, lab.world.look(box)) == {"192.0.2.10:80"}
    bare = lab.world.rent("bare", ports="", web=False)
    lab.settle()
    assert lets_in(lab, lab.world.look(bare)) == set()


def test_a_node_that_does_not_let_it_in_is_asked_again_later(lab: Lab) -> None:
    rental = lab.ready()
    assert rental.placement
    node = lab.world.nodes[rental.placement.node]
    node.fail_next("ensure_address", NodeRefused(node.name, Refusal.QUOTA, "security_group_rule"))
    Sites(lab.world.context).change(MINA, rental.id, replace(FORM, port=8080))
    lab.settle(120)
    assert lets_in(lab, rental) == set()
    lab.settle(400)
    assert lets_in(lab, rental) == {"192.0.2.10:8080"}
