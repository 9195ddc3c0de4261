"""Short lives with web addresses; see ``scenarios.py``."""

from __future__ import annotations

from datetime import timedelta

import pytest
from harness.world import ADMIN, JOON, MINA
from life import web_rules
from life.lab import Lab
from life.scenarios import MakeLab

from kws_core.errors import FormError, UserError
from kws_core.moves.service import Moves
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Status
from kws_core.web.service import SiteForm, Sites

SHOP = SiteForm(Audience.LAB, 8080, second="shop")


def _one(make: MakeLab) -> tuple[Lab, Rental]:
    lab = make(2, web=True)
    rental = lab.rent("web01", ends_on=lab.day(14), web=True)
    _seconds(lab, 12)
    assert lab.look(rental).status is Status.READY
    Sites(lab.context).change(MINA, rental.id, SHOP)
    _seconds(lab, 8)
    return lab, rental


def _seconds(lab: Lab, seconds: int) -> None:
    for _ in range(seconds):
        lab.settle(1)
        lab.check()


def wanted_by_another_after_its_return(make: MakeLab) -> None:
    lab, rental = _one(make)
    lab.rental_service.return_rental(MINA, rental.id)
    _seconds(lab, 12)
    lab.goes_to(lab.clock() + timedelta(days=2))
    try:
        lab.rent("web01", JOON, web=True)
    except UserError:
        lab.goes_to(lab.clock() + timedelta(days=6))
        lab.rent("web01", JOON, web=True)
    _seconds(lab, 12)
    web_rules.check_settled(lab)


def wanted_by_another_while_it_is_served(make: MakeLab) -> None:
    lab, _ = _one(make)
    other = lab.rent("web02", JOON, web=True)
    _seconds(lab, 8)
    try:
        Sites(lab.context).change(JOON, other.id, SHOP)
    except FormError:
        Sites(lab.context).change(JOON, other.id, SiteForm(Audience.LAB, 8080, second="blog"))
    _seconds(lab, 12)
    web_rules.check_settled(lab)


def moves_with_its_names(make: MakeLab) -> None:
    lab, rental = _one(make)
    Moves(lab.context).start(MINA, rental.id)
    _seconds(lab, 90)
    assert [r.status for r in lab.every_rental()] == [Status.ENDED, Status.READY]
    web_rules.check_settled(lab)


def caddy_is_started_again(make: MakeLab) -> None:
    lab, _ = _one(make)
    lab.caddy.restart()
    lab.names.disturbed(lab.clock())
    _seconds(lab, 20)
    web_rules.check_settled(lab)


def taken_off_and_wanted_back(make: MakeLab) -> None:
    lab, rental = _one(make)
    Sites(lab.context).take_off(ADMIN, rental.id, "phishing")
    _seconds(lab, 10)
    with pytest.raises(UserError):
        Sites(lab.context).change(MINA, rental.id, SHOP)
    _seconds(lab, 10)
    web_rules.check_settled(lab)


def one_of_two_processes_tells_the_proxy(make: MakeLab) -> None:
    """Both look each second; whichever is first loads, and the other one finds nothing to do."""
    lab = make(2, web=True, processes=2)
    lab.rent("web01", ends_on=lab.day(14), web=True)
    _seconds(lab, 20)
    web_rules.check_settled(lab)
    before = lab.caddy.loads
    _seconds(lab, 20)
    assert lab.caddy.loads == before
