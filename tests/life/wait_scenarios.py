"""Short lives in which people wait; see ``scenarios.py``."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from harness.world import ADMIN, JOON, MINA
from life import wait_rules
from life.lab import Lab
from life.scenarios import MakeLab

from kws_core.errors import UserError
from kws_core.people import Actor
from kws_core.rentals.extension import Extensions
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental


def _asks(lab: Lab, name: str, who: Actor, later: int = 0, days: int = 14, size: str = "huge") -> Rental:
    first = lab.day(later) if later else None
    return lab.rent(name, who, size=size, ends_on=lab.day(later + days), starts_on=first, wait=True)


def waits_for_room(make: MakeLab) -> None:
    lab = make(1)
    first = _asks(lab, "web01", MINA)
    lab.settle(40)
    _asks(lab, "web02", JOON)
    lab.check()
    lab.rental_service.return_rental(ADMIN, first.id)
    lab.settle(120)
    lab.check()
    wait_rules.check_served(lab, "web02")
    lab.end_well()


def somebody_extends_into_what_is_promised(make: MakeLab) -> None:
    lab = make(1)
    mine = _asks(lab, "web01", MINA, days=2)
    lab.settle(40)
    _asks(lab, "exam", JOON, later=5, days=3)
    lab.check()
    with suppress(UserError):
        Extensions(lab.context).extend(MINA, mine.id, lab.day(7), via="test")
    lab.check()
    lab.end_well()


def somebody_wants_what_is_promised(make: MakeLab) -> None:
    lab = make(1)
    _asks(lab, "exam", JOON, later=5, days=3)
    _asks(lab, "web01", MINA, days=14)
    lab.settle(40)
    lab.check()
    lab.end_well()


def waits_until_its_last_day(make: MakeLab) -> None:
    lab = make(1)
    _asks(lab, "web01", MINA, days=30)
    lab.settle(40)
    _asks(lab, "web02", JOON, days=2)
    for _ in range(4):
        lab.goes_to(lab.clock() + timedelta(hours=24))
        lab.settle(70)
        lab.check()
    lab.end_well()


def looks_unused_for_weeks(make: MakeLab) -> None:
    lab = make(1)
    mine = _asks(lab, "web01", MINA, days=60)
    lab.settle(40)
    lab.goes_to(lab.clock() + timedelta(days=9))
    lab.check()
    _asks(lab, "web02", JOON, days=40)
    for _ in range(12):
        lab.goes_to(lab.clock() + timedelta(days=1))
        lab.check()
    told = [event.kind for event in lab.every_event()[mine.id]].count(EventKind.IDLE_ASKED)
    assert told == 2, f"asked {told} times in 12 days"
    lab.end_well()
