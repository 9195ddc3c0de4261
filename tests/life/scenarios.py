"""Short lives that are told beforehand. Each holds as the rules are, and fails when a rule is broken (``planted.py``)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, time, timedelta

import pytest
from harness.world import ADMIN, JOON, MINA
from life.lab import Lab
from life.process import Killed, Process

from kws_core.copies.service import Copies
from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.people import Actor
from kws_core.rentals import reset
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Status

MakeLab = Callable[..., Lab]
Scenario = Callable[[MakeLab], None]


def _dies_at(lab: Lab, point: str) -> None:
    """Settles until the process dies at that point."""
    lab.fate.die_at = point
    with pytest.raises(Killed):
        lab.settle(30)
    lab.restart()


def killed_after_the_server_was_made(make: MakeLab) -> None:
    lab = make(1)
    lab.rent()
    _dies_at(lab, "ensure_server done")
    lab.settle()
    lab.check()
    lab.end_well()


def killed_after_the_address_was_made_and_returned(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    _dies_at(lab, "ensure_address done")
    lab.rental_service.return_rental(MINA, rental.id)
    lab.check()
    lab.end_well()


def returned_from_a_slow_node(make: MakeLab) -> None:
    lab = make(1, delete=20)
    rental = lab.rent()
    lab.settle()
    lab.rental_service.return_rental(MINA, rental.id)
    for _ in range(30):
        lab.settle(1)
        lab.check()
    lab.end_well()


def more_asked_than_there_is(make: MakeLab) -> None:
    lab = make(1)
    for number in range(3):
        with suppress(UserError):
            lab.rent(f"web{number}", size="large", who=[MINA, JOON, ADMIN][number])
        lab.check()
    with suppress(UserError):
        lab.rent("huge", size="huge", who=Actor("U0ELSE0001"))
    lab.check()


def killed_between_key_and_server(make: MakeLab) -> None:
    lab = make(1, build=5)
    lab.rent()
    _dies_at(lab, "ensure_server done")
    lab.settle(4)
    lab.check()


def moved_from_a_dead_node_and_returned(make: MakeLab) -> None:
    lab = make(2, build=2)
    rental = lab.rent()
    lab.settle(2)
    first = lab.look(rental).placements[0].node
    lab.nodes[first].go_down()
    lab.settle(60)
    moved = lab.look(rental)
    assert moved.placement and moved.placement.node != first
    lab.check()
    lab.rental_service.return_rental(MINA, rental.id)
    lab.settle(5)
    lab.check()
    lab.end_well()


def refused_everywhere(make: MakeLab) -> None:
    lab = make(2)
    for node in lab.nodes.values():
        node.fail_next("ensure_server", NodeRefused(node.name, Refusal.QUOTA, "no"), times=9)
    rental = lab.rent()
    lab.settle(30)
    assert lab.look(rental).status is Status.ENDED
    lab.check()


def returned_in_the_middle_of_every_call(make: MakeLab) -> None:
    for call in range(1, 8):
        lab = make(1)
        rental = lab.rent()
        lab.fate.intruder = lambda lab=lab, rental=rental: lab.rental_service.return_rental(MINA, rental.id)
        lab.fate.intrude_in = call
        lab.settle(3)
        lab.check()
        lab.end_well()
        lab.close()


def returned_while_it_is_looked_at(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    lab.settle(8)
    lab.clock.advance(minutes=6)
    lab.fate.intruder = lambda: lab.rental_service.return_rental(MINA, rental.id)
    lab.nodes["node1"].calls.clear()
    while "machines" not in lab.nodes["node1"].calls:
        lab.fate.intrude_in = 1
        lab.tick()
        lab.clock.advance(seconds=1)
    lab.settle(10)
    assert lab.look(rental).status is Status.ENDED


def many_at_once(make: MakeLab) -> None:
    lab = make(1, build=10, max_builds=2)
    for number in range(4):
        lab.rent(f"web{number}")
        lab.clock.advance(seconds=1)  # else chance says whose turn is first
    for _ in range(20):
        lab.settle(1)
        lab.check()


def missing_once(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    lab.settle(8)
    node = lab.nodes["node1"]
    hidden = dict(node.servers)
    node.servers.clear()
    lab.clock.advance(minutes=6)
    lab.tick()
    node.servers.update(hidden)
    lab.clock.advance(seconds=11)
    lab.settle(3)
    assert lab.look(rental).status is Status.READY


def killed_before_the_key_was_confirmed(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    _dies_at(lab, "uploaded")
    lab.settle()
    assert lab.look(rental).status is Status.READY
    lab.check()


# -- ends and nights


def _goes_to(lab: Lab, days: int, hour: int = 0, minute: int = 0) -> None:
    """To that hour of the lab's day, with everything that falls due on the way."""
    at = datetime.combine(lab.day(days), time(hour, minute), lab.config.kws.zone)
    lab.goes_to(at + timedelta(seconds=2))
    lab.check()


def _ready(lab: Lab, days: int = 3, name: str = "web01", who: Actor = MINA) -> Rental:
    rental = lab.rent(name, who, ends_on=lab.day(days))
    lab.settle()
    assert lab.look(rental).status is Status.READY
    return rental


def three_days_to_the_end(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    for _ in range(4):
        assert lab.look(rental).status is Status.READY
        _goes_to(lab, 1)
    lab.settle(5)
    assert lab.look(rental).status is Status.ENDED


def nobody_hears_of_the_end(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    lab.slack.silent = True
    for _ in range(6):
        _goes_to(lab, 1)
    assert lab.look(rental).status is Status.READY
    lab.slack.silent = False
    for _ in range(2):
        _goes_to(lab, 1)
    assert lab.look(rental).status is Status.ENDED


def the_warning_comes_late(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    lab.slack.silent = True
    _goes_to(lab, 3, 23)
    lab.slack.silent = False
    lab.clock.advance(minutes=10)
    lab.settle(3)
    _goes_to(lab, 1)
    assert lab.look(rental).status is Status.READY, "an hour is no notice"


def extended_after_the_warning(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    _goes_to(lab, 3, 10)
    lab.slack.silent = True
    lab.processes[0].terms.extend(MINA, rental.id, lab.day(4), via="test")
    for _ in range(6):
        _goes_to(lab, 1)
    assert lab.look(rental).status is Status.READY, "the new end was told to nobody"


def handed_over_after_the_warning(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    _goes_to(lab, 3, 10)
    lab.processes[0].terms.transfer(ADMIN, rental.id, JOON.id)
    lab.slack.silent = True
    _goes_to(lab, 1)
    _goes_to(lab, 1)
    assert [r.status for r in lab.every_rental()] == [Status.READY], "the new owner was told nothing"


def a_grace_time(make: MakeLab) -> None:
    lab = make(1, grace_hours=30)
    rental = _ready(lab)
    _goes_to(lab, 4)
    assert lab.look(rental).status is Status.STOPPED
    _goes_to(lab, 1)
    assert lab.look(rental).status is Status.STOPPED
    _goes_to(lab, 1)
    assert lab.look(rental).status is Status.ENDED


# -- copies


def _copied(make: MakeLab) -> tuple[Lab, Rental]:
    """A server of which a copy was asked for; the node needs a minute for it."""
    lab = make(1)
    rental = _ready(lab, 14)
    lab.nodes["node1"].shelf.copy_time = timedelta(minutes=1)
    Copies(lab.context).request(MINA, rental.id)
    return lab, rental


def killed_after_the_copy_was_made(make: MakeLab) -> None:
    lab, _ = _copied(make)
    _dies_at(lab, "image ensure_copy done")
    lab.settle(90)
    lab.check()
    assert [copy.state for copy in lab.every_copy()] == [CopyState.KEPT]
    lab.end_well()


def returned_as_soon_as_a_copy_is_wanted(make: MakeLab) -> None:
    lab, rental = _copied(make)
    node = lab.nodes["node1"]
    node.fail_next("image_copy", NodeDown(node.name, Refusal.DOWN, "timeout"), times=2)
    lab.rental_service.return_rental(MINA, rental.id)
    for _ in range(30):
        lab.settle(5)
        lab.check()
    assert [copy.state for copy in lab.every_copy()] == [CopyState.KEPT]
    lab.end_well()


def a_copy_at_the_end(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    Copies(lab.context).plan(MINA, rental.id, True)
    lab.nodes["node1"].shelf.copy_time = timedelta(minutes=1)
    for _ in range(4):
        assert lab.look(rental).status is Status.READY
        _goes_to(lab, 1)
    lab.settle(90)
    lab.check()
    assert lab.look(rental).status is Status.ENDED
    assert [copy.state for copy in lab.every_copy()] == [CopyState.KEPT]


def a_copy_that_fails_each_night(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab)
    Copies(lab.context).plan(MINA, rental.id, True)
    node = lab.nodes["node1"]
    node.fail_next("image_copy", NodeRefused(node.name, Refusal.QUOTA, "full"), times=9)
    for _ in range(6):
        assert lab.look(rental).status is Status.READY
        _goes_to(lab, 1)
    _goes_to(lab, 1)
    assert lab.look(rental).status is Status.ENDED, "the fourth night is the last"


def nobody_hears_of_a_copys_end(make: MakeLab) -> None:
    lab, _ = _copied(make)
    lab.settle(90)
    lab.slack.silent = True
    for _ in range(35):
        _goes_to(lab, 1)
    assert [copy.state for copy in lab.every_copy()] == [CopyState.KEPT]
    lab.slack.silent = False
    for _ in range(3):
        _goes_to(lab, 1)
    assert [copy.state for copy in lab.every_copy()] == [CopyState.GONE]


# -- two processes


def _works(lab: Lab, process: Process) -> None:
    lab.clock.advance(seconds=1)
    process.work()
    lab.slack.tell_all(process)
    process.nightly.tick()


def _meanwhile(lab: Lab, gap: str, what: Callable[[], object]) -> None:
    """The first process comes to that gap within a few seconds; ``what`` happens there."""
    done = []

    def once() -> None:
        done.append(True)
        what()

    lab.fate.intruder, lab.fate.intrude_at = once, gap
    while not done:
        lab.settle(1)
    lab.check()


def _reset(lab: Lab, rental: Rental, *, new_key: bool = False) -> None:
    reset.ask(lab.context, MINA, rental.id, 0, rental.name, new_key=new_key)


def killed_after_the_rebuild(make: MakeLab) -> None:
    lab = make(1, build=3)
    rental = _ready(lab, 14)
    _reset(lab, rental)
    _dies_at(lab, "rebuild done")
    lab.settle(20)
    lab.check()
    assert lab.look(rental).reset_at is None
    lab.end_well()


def reset_while_slack_brings_no_key(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab, 14)
    lab.slack.silent = True
    _reset(lab, rental, new_key=True)
    lab.settle(40)
    lab.check()
    lab.slack.silent = False
    lab.settle(60)
    lab.check()
    assert lab.look(rental).reset_at is None


def a_form_of_a_reset_comes_late(make: MakeLab) -> None:
    lab = make(1)
    rental = _ready(lab, 14)
    _reset(lab, rental)
    lab.settle(20)
    with suppress(UserError):
        _reset(lab, rental)
    lab.settle(20)
    assert len(lab.nodes["node1"].rebuilt) == 1, "the form of before a reset asks for another one"


def both_work_at_once(make: MakeLab) -> None:
    for gap in ("ensure_address", "ensure_server", "machines"):
        lab = make(1, processes=2)
        lab.rent()
        _meanwhile(lab, gap, lambda lab=lab: _works(lab, lab.processes[1]))
        lab.settle()
        lab.check()
        lab.close()


def _ready_and_untold(make: MakeLab) -> Lab:
    lab = make(1, processes=2, build=3)
    rental = lab.rent()
    lab.settle(3)
    while lab.look(rental).status is not Status.READY:
        lab.tick()
        lab.clock.advance(seconds=1)
    return lab


def _tells_while(lab: Lab, what: Callable[[], object]) -> None:
    """The first process has read what there is to tell; ``what`` happens before it tells that."""
    fate = lab.processes[0].fate
    fate.intruder, fate.intrude_at = what, "read"
    lab.slack.tell_all(lab.processes[0])
    assert fate.intrude_at is None, "there was something to tell"
    lab.check()


def both_tell_at_once(make: MakeLab) -> None:
    lab = _ready_and_untold(make)
    _tells_while(lab, lambda: _works(lab, lab.processes[1]))
    lab.settle(3)
    lab.check()


def both_have_a_night(make: MakeLab) -> None:
    lab = make(1, processes=2)
    _ready(lab, 0)
    for _ in range(3):
        _goes_to(lab, 1)
        for number in (0, 1, 0):
            lab.clock.advance(minutes=1)
            lab.night_tick(number)
            lab.check()


def one_dies_in_the_middle_of_a_call(make: MakeLab) -> None:
    lab = make(1, processes=2)
    rental = lab.rent()
    lab.fate.die_at = "ensure_address done"
    lab.mortal(lambda: lab.settle(5))
    lab.settle(60)
    lab.check()
    assert lab.look(rental).status is Status.READY


def one_dies_in_its_night(make: MakeLab) -> None:
    lab = make(1, processes=2)
    rental = _ready(lab, 0)
    midnight = datetime.combine(lab.day(1), time(0), lab.config.kws.zone)
    lab.clock.at = midnight
    lab.fate.die_at = "committed"
    lab.mortal(lambda: lab.night_tick(0))
    lab.night_tick(1)
    assert lab.look(rental).status is Status.READY, "it may still live"
    lab.settle(60)
    lab.check()
    lab.night_tick(1)
    assert lab.look(rental).status is Status.ENDING


def one_is_buried_alive(make: MakeLab) -> None:
    """It has read what there is to tell, stands still for a minute, and goes on."""
    lab = _ready_and_untold(make)

    def meanwhile() -> None:
        for _ in range(12):
            lab.clock.advance(seconds=4)
            _works(lab, lab.processes[1])

    _tells_while(lab, meanwhile)
