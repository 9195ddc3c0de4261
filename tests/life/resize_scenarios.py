"""Short lives in which servers get another size in place; see ``scenarios.py``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from harness.world import MINA
from life import move_rules
from life.lab import Lab
from life.scenarios import MakeLab

from kws_core.errors import FormError, UserError
from kws_core.moves.service import Moves
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power, Status
from kws_core.values import ResizeEnd


def _one(make: MakeLab, nodes: int = 1, **settings: float) -> tuple[Lab, Rental]:
    lab = make(nodes, **settings)
    for node in lab.nodes.values():
        node.times = replace(node.times, resize=timedelta(seconds=5), boot=timedelta(seconds=5))
    rental = lab.rent("web01", ends_on=lab.day(14))
    lab.settle(40)
    assert lab.look(rental).status is Status.READY
    return lab, rental


def _chooses(lab: Lab, rental: Rental, size: str) -> None:
    with suppress(UserError):
        Moves(lab.context).start(MINA, rental.id, size=lab.config.size(size))


def _passes(lab: Lab, seconds: int) -> None:
    for _ in range(seconds):
        lab.settle(1)
        lab.check()


def _has(lab: Lab, rental: Rental, size: str, *ends: ResizeEnd) -> None:
    now = lab.look(rental)
    assert (now.size, now.power, now.resizing) == (size, Power.ON, False)
    (node,) = lab.nodes.values()
    assert [act for _, act in node.resized if isinstance(act, ResizeEnd)] == list(ends)
    move_rules.check_settled(lab)


def gets_a_size(make: MakeLab) -> None:
    lab, rental = _one(make)
    _chooses(lab, rental, "large")
    _passes(lab, 40)
    _has(lab, rental, "large", ResizeEnd.CONFIRM)


def is_locked_out(make: MakeLab) -> None:
    """With the new size nobody gets in: the old one has to be kept until that is known."""
    lab, rental = _one(make)
    (node,) = lab.nodes.values()
    node.times = replace(node.times, boot=timedelta(days=1))
    _chooses(lab, rental, "large")
    _passes(lab, 40)
    lab.clock.advance(hours=2)
    _passes(lab, 10)
    node.times = replace(node.times, boot=timedelta(seconds=5))
    _passes(lab, 60)
    _has(lab, rental, "small", ResizeEnd.REVERT)


def is_slow_to_answer(make: MakeLab) -> None:
    lab, rental = _one(make)
    (node,) = lab.nodes.values()
    node.times = replace(node.times, boot=timedelta(seconds=40))
    _chooses(lab, rental, "large")
    _passes(lab, 90)
    _has(lab, rental, "large", ResizeEnd.CONFIRM)


def another_wants_the_room(make: MakeLab) -> None:
    """One of two vCPUs is its own, and it needs the other one until its new size is confirmed."""
    lab, rental = _one(make, vcpus=2)
    _chooses(lab, rental, "medium")
    with suppress(FormError):
        lab.rent("web02", ends_on=lab.day(14))
    _passes(lab, 60)
    _has(lab, rental, "medium", ResizeEnd.CONFIRM)


def dies_as_its_size_is_confirmed(make: MakeLab) -> None:
    lab, rental = _one(make)
    _chooses(lab, rental, "large")
    for die_in in range(1, 30):
        lab.mortal(lambda: lab.settle(3), die_in)
        lab.check()
    _passes(lab, 40)
    _has(lab, rental, "large", ResizeEnd.CONFIRM)


def its_node_finds_out_that_it_can_not(make: MakeLab) -> None:
    """It says yes first; then the size comes through a copy."""
    lab, rental = _one(make)
    for node in lab.nodes.values():
        node.resizes = False
    _chooses(lab, rental, "large")
    _passes(lab, 120)
    assert [(one.status, one.size) for one in lab.every_rental()] == [
        (Status.ENDED, "small"),
        (Status.READY, "large"),
    ]
    move_rules.check_settled(lab)
