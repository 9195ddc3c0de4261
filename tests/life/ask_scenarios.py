"""Short lives in which people ask the admins; see ``scenarios.py``."""

from __future__ import annotations

from contextlib import suppress

from harness.world import ADMIN, JOON, MINA
from life import ask_rules
from life.asking import FAR, OTHER_ADMIN, WHY
from life.lab import Lab
from life.scenarios import MakeLab

from kws_core.asks.service import TRIED, UNANSWERED, Asks
from kws_core.errors import UserError
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status


def _asked(lab: Lab) -> tuple[Rental, int]:
    """A rental that waits for an admin, and the request's id."""
    rental = lab.rent("web01", ends_on=lab.day(FAR), ask=WHY)
    assert rental.status is Status.ASKED
    return rental, ask_rules.all_asks(lab)[-1].id


def _goes_on(lab: Lab, seconds: int = 70) -> None:
    for _ in range(seconds // 10):
        lab.settle(10)
        lab.night_tick()
        lab.check()
    ask_rules.check_settled(lab)


def a_wish_is_approved(make: MakeLab) -> None:
    lab = make(1)
    rental, ask = _asked(lab)
    lab.check()
    Asks(lab.context).approve(ADMIN, ask, via="test")
    _goes_on(lab)
    assert lab.look(rental).status is Status.READY
    lab.end_well()


def a_wish_is_declined(make: MakeLab) -> None:
    lab = make(1)
    _, ask = _asked(lab)
    Asks(lab.context).decline(ADMIN, ask, via="test")
    _goes_on(lab)
    assert lab.left() == {}
    lab.end_well()


def two_admins_decide(make: MakeLab) -> None:
    lab = make(1)
    _, ask = _asked(lab)
    Asks(lab.context).approve(ADMIN, ask, via="test")
    lab.check()
    with suppress(UserError):
        Asks(lab.context).decline(OTHER_ADMIN, ask, via="test")
    _goes_on(lab)


def dies_between_the_decision_and_the_act(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent("web01", ends_on=lab.day(14))
    lab.settle(20)
    asks = Asks(lab.context)
    ask = asks.extend(MINA, rental.id, lab.day(FAR), WHY, via="test")
    assert ask
    assert lab.mortal(lambda: asks.approve(ADMIN, ask.id, via="test"), die_in=2)
    _goes_on(lab)
    lab.goes_to(lab.clock() + TRIED + 2 * ask_rules.SOON)
    lab.check()
    ask_rules.check_settled(lab)
    assert lab.look(rental).ends_on == ask.allowance.until or EventKind.ASK_FAILED in [
        event.kind for event in lab.every_event()[rental.id]
    ]


def nobody_answers(make: MakeLab) -> None:
    lab = make(1)
    _asked(lab)
    lab.goes_to(lab.clock() + 2 * UNANSWERED)
    lab.check()


def a_rental_is_asked_for_where_somebody_else_is(make: MakeLab) -> None:
    lab = make(1, vcpus=2)
    lab.rent("other", JOON, size="large")
    lab.settle(12)
    rental, ask = _asked(lab)
    Asks(lab.context).approve(ADMIN, ask, via="test")
    _goes_on(lab)
    assert lab.look(rental).status is Status.WAITING
    lab.end_well()
