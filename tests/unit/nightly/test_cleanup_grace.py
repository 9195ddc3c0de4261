"""The grace time: stopped at the end, restored or deleted after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from harness.night_kit import GRACE, NGINX, lent, night, node_of, ready, status
from harness.world import ADMIN, JOON, MINA, World

from kws_core.errors import NodeRefused, Refusal, UserError
from kws_core.nodes.values import MachineAction, MachineState
from kws_core.rentals.extension import Extensions
from kws_core.rentals.machine_actions import Operations
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.values import Kind

MakeWorld = Callable[..., World]


def state(world: World, rental: Rental) -> MachineState:
    return node_of(world, rental).machines()[rental.mark].state


def restore(world: World, rental: Rental) -> Rental:
    restored = Extensions(world.context).restore(MINA, rental.id)
    world.settle(3)
    return restored


@pytest.mark.parametrize("form", [{}, NGINX], ids=["server", "container"])
def test_in_the_grace_time_it_is_stopped_and_then_deleted(
    make_world: MakeWorld, form: dict[str, Any]
) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world, **form)
    night(world)
    assert status(world, rental) == ["stopped"]
    assert state(world, rental) is MachineState.STOPPED
    (stopped,) = _events(world, rental, EventKind.STOPPED)
    assert datetime.fromisoformat(stopped.data["until"]) == stopped.at + timedelta(hours=24)
    world.clock.at = stopped.at + timedelta(hours=23, minutes=59)
    world.nightly.tick()
    assert status(world, rental) == ["stopped"]
    world.clock.advance(minutes=1)
    world.nightly.tick()
    world.settle(2)
    assert status(world, rental) == ["ended"]
    assert world.kinds(rental)[-3:] == ["stopped", "expired", "ended"]
    assert world.left() == {}


def _events(world: World, rental: Rental, kind: EventKind) -> list[Event]:
    return [event for event in world.rental_queries.history(rental.id) if event.kind is kind]


def test_a_machine_that_refuses_to_stop_is_deleted_all_the_same(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    node = node_of(world, rental)
    node.fail_next("act", NodeRefused(node.name, Refusal.INVALID, "no"), times=99)
    night(world)
    assert (status(world, rental), state(world, rental)) == (["stopped"], MachineState.ACTIVE)
    night(world)
    assert status(world, rental) == ["ended"]
    assert world.left() == {}


def test_one_that_was_switched_on_behind_our_back_is_stopped_again(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    held = world.look(rental).placement
    assert held and held.server_id
    node_of(world, rental).act(Kind.SERVER, held.server_id, MachineAction.START)
    world.clock.advance(minutes=6)
    world.settle(2)
    assert state(world, rental) is MachineState.STOPPED


def test_a_restored_one_runs_again_with_a_new_end(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    world.clock.advance(hours=20)
    restored = restore(world, rental)
    assert (status(world, rental), state(world, rental)) == (["ready"], MachineState.ACTIVE)
    assert restored.ends_on == world.day(7)
    world.settle(8)
    assert (restored.stopped_at, world.look(rental).to_start) == (None, False)
    world.deliver_all()
    for _ in range(3):
        night(world)
    assert (status(world, rental), state(world, rental)) == (["ready"], MachineState.ACTIVE)


def test_restored_by_an_extension(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    Extensions(world.context).extend(MINA, rental.id, world.day(3), via="test")
    world.settle(3)
    assert (status(world, rental), state(world, rental)) == (["ready"], MachineState.ACTIVE)
    assert world.look(rental).ends_on == world.day(3)
    assert _events(world, rental, EventKind.RESTORED)[0].data["until"] == world.day(3).isoformat()


@pytest.mark.parametrize("max_days", [2, 90])
def test_a_restoration_keeps_to_the_policy(make_world: MakeWorld, max_days: int) -> None:
    world = make_world(policy=f"{GRACE}\ndefault_days = 1\nmax_days = {max_days}")
    rental = ready(world)
    night(world)
    assert restore(world, rental).ends_on == world.day(min(7, max_days))


def test_what_its_owner_had_switched_off_stays_off(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    done: list[object] = []
    operations = Operations(world.context, world.nodes, world.reconciler.executors)
    operations.act(MINA, rental.id, MachineAction.STOP, done.append)
    assert done == [""]
    node_of(world, rental).calls.clear()
    night(world)
    assert status(world, rental) == ["stopped"]
    restore(world, rental)
    assert (status(world, rental), state(world, rental)) == (["ready"], MachineState.STOPPED)
    assert "act" not in node_of(world, rental).calls


def test_what_is_restored_on_a_dead_node_starts_when_it_is_back(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    node_of(world, rental).go_down()
    restore(world, rental)
    assert world.look(rental).to_start
    node_of(world, rental).come_back()
    world.clock.advance(minutes=2)
    world.settle(4)
    assert state(world, rental) is MachineState.ACTIVE
    assert not world.look(rental).to_start


def test_what_reaches_its_end_again_before_it_was_started_stays_off(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    node = node_of(world, rental)
    node.go_down()
    Extensions(world.context).extend(MINA, rental.id, world.day(0), via="test")
    world.settle(2)
    world.deliver_all()
    night(world)
    night(world)
    assert status(world, rental) == ["stopped"]
    node.come_back()
    node.calls.clear()
    world.clock.advance(minutes=2)
    world.settle(3)
    assert state(world, rental) is MachineState.STOPPED
    assert "act" not in node.calls


def test_who_may_restore_what(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    terms = Extensions(world.context)

    def refused(who: Any) -> str:
        with pytest.raises(UserError) as caught:
            terms.restore(who, rental.id)
        return caught.value.code

    assert refused(MINA) == "not_stopped"
    night(world)
    assert refused(JOON) == "rental_gone"
    terms.restore(ADMIN, rental.id)
    world.rental_service.return_rental(MINA, rental.id)
    assert refused(MINA) == "too_late_to_extend"


def test_it_can_be_returned_in_the_grace_time(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(2)
    assert status(world, rental) == ["ended"]
    assert world.left() == {}


def test_one_that_cannot_be_ended_stops_no_other(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(policy=GRACE)
    rentals = [lent(world, f"web{number}") for number in range(3)]
    world.midnight()
    world.nightly.tick()
    assert status(world, *rentals) == ["stopped"] * 3
    end = type(world.nightly)._end_stopped

    def fails(self: Any, rental_id: str, now: datetime) -> bool:
        if rental_id == rentals[0].id:
            raise RuntimeError(rental_id)
        return end(self, rental_id, now)

    monkeypatch.setattr(type(world.nightly), "_end_stopped", fails)
    world.midnight()
    world.nightly.tick()
    assert status(world, *rentals) == ["stopped", "ending", "ending"]


def test_a_node_that_is_still_stopping_it_is_asked_to_start_it_again(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    busy = NodeRefused("node1", Refusal.INVALID, "still powering off")
    node_of(world, rental).fail_next("act", busy, times=3)
    restore(world, rental)
    assert state(world, rental) is MachineState.STOPPED
    world.settle(30)
    assert state(world, rental) is MachineState.ACTIVE
    assert not world.look(rental).to_start


def test_a_machine_that_never_starts_is_left_to_its_owner(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    rental = ready(world)
    night(world)
    node_of(world, rental).fail_next("act", NodeRefused("node1", Refusal.INVALID, "no"), times=999)
    restore(world, rental)
    for _ in range(15):
        world.clock.advance(minutes=1)
        world.settle(1)
    assert not world.look(rental).to_start
