"""Short lives in which servers move; see ``scenarios.py``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from harness.moving import running
from harness.world import MINA
from life import move_rules
from life.lab import Lab
from life.scenarios import MakeLab

from kws_core.errors import NodeRefused, Refusal, UserError
from kws_core.moves.service import Moves
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status


def _one(make: MakeLab, **settings: float) -> tuple[Lab, Rental]:
    lab = make(2, **settings)
    rental = lab.rent("web01", ends_on=lab.day(14))
    lab.settle(40)
    assert lab.look(rental).status is Status.READY
    return lab, rental


def _moves(lab: Lab, rental: Rental, seconds: int = 60) -> None:
    Moves(lab.context).start(MINA, rental.id)
    for _ in range(seconds):
        lab.settle(1)
        lab.check()


def _moved(lab: Lab, rental: Rental) -> None:
    assert lab.look(rental).status is Status.ENDED
    assert [r.status for r in lab.every_rental()] == [Status.ENDED, Status.READY]
    move_rules.check_settled(lab)


def moves_to_a_slow_node(make: MakeLab) -> None:
    lab, rental = _one(make, boot=20, build=3)
    _moves(lab, rental, 90)
    _moved(lab, rental)


def moves_while_its_node_takes_a_while_to_stop_it(make: MakeLab) -> None:
    lab, rental = _one(make)
    for node in lab.nodes.values():
        node.times = replace(node.times, stop=timedelta(seconds=15))
    _moves(lab, rental, 90)
    _moved(lab, rental)


def its_copy_is_refused(make: MakeLab) -> None:
    lab, rental = _one(make)
    for node in lab.nodes.values():
        node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "no"))
    _moves(lab, rental)
    lab.settle(60)
    lab.check()
    assert EventKind.MOVE_FAILED in [event.kind for event in lab.every_event()[rental.id]]
    assert _runs(lab, rental), "nobody has started it again"
    move_rules.check_settled(lab)


def is_extended_while_it_moves(make: MakeLab) -> None:
    lab, rental = _one(make, boot=20)
    _moves(lab, rental, 10)
    lab.processes[0].terms.extend(MINA, rental.id, lab.day(20), via="test")
    lab.memory.promised[rental.id] = lab.day(20)
    for _ in range(60):
        lab.settle(1)
        lab.check()
    _moved(lab, rental)


def moves_where_only_its_own_node_has_room(make: MakeLab) -> None:
    """It has one vCPU of two, and is to have both: until it has moved, it needs three."""
    lab = make(1, vcpus=2)
    rental = lab.rent("web01", ends_on=lab.day(14))
    lab.settle(12)
    large = lab.config.size("large")
    with suppress(UserError):
        Moves(lab.context).start(MINA, rental.id, size=large)
    lab.check()
    lab.settle(60)
    lab.check()


def _runs(lab: Lab, rental: Rental) -> bool:
    return any(running(node, lab.clock()).get(rental.mark) for node in lab.nodes.values())
