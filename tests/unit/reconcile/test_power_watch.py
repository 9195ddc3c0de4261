"""Whether a machine runs, as its node shows it, is what the card, the list and Home say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from harness.world import ADMIN, MINA, World

from bot.text.i18n import Texts
from bot.views import admin_home, rental_card
from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction
from kws_core.rentals.machine_actions import Operations
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power
from kws_core.values import Kind

MakeWorld = Callable[..., World]
USUAL = 75  # seconds: a node is asked every minute what runs there


def act(world: World, rental: Rental, action: MachineAction, who: Any = MINA) -> object:
    done: list[object] = []
    Operations(world.context, world.nodes, world.reconciler.executors).act(
        who, rental.id, action, done.append
    )
    return done[0]


def node_of(world: World, rental: Rental) -> FakeNode:
    placement = world.look(rental).placement
    assert placement
    return world.nodes[placement.node]


def shown(world: World, rental: Rental) -> tuple[str, list[str]]:
    """The whole card as text, and its buttons."""
    rental = world.look(rental)
    ends = world.context.expiry.ends_at(rental)
    card = rental_card.card(rental, world.rental_queries.history(rental.id), ends, Texts("en"))
    buttons = [one.action_id or "" for one in rental_card.buttons(rental, Texts("en"))]
    return str([block.to_dict() for block in card.blocks]) + card.text, buttons


def later(world: World, seconds: float) -> None:
    """So long after, without every look in between."""
    world.settle(5)
    world.clock.advance(seconds=seconds - 15)
    world.settle(10)


def told(world: World, rental: Rental) -> list[str]:
    """What rings since it was ready."""
    rental = world.look(rental)
    events = world.rental_queries.history(rental.id)
    return [e.kind.value for e in events if rental_card.should_notify(rental, e) and e.kind != "ready"]


def test_stopped_is_said_when_the_node_shows_it(make_world: MakeWorld) -> None:
    world = make_world(fakes={"stop_seconds": 21})
    rental = world.ready()
    world.settle(USUAL)
    assert act(world, rental, MachineAction.STOP) == ""
    world.settle(20)
    card, buttons = shown(world, rental)
    assert world.look(rental).power is Power.STOPPING
    assert "Stopping" in card
    assert "rental_stop" in buttons
    assert "powered_off" not in world.kinds(rental)
    world.settle(4)
    card, buttons = shown(world, rental)
    assert world.look(rental).power is Power.OFF
    assert ":black_square_for_stop:" in card
    assert ":large_green_circle:" not in card
    assert "ssh " not in card
    assert "rental_start" in buttons
    assert "rental_stop" not in buttons
    assert world.last_event(rental).data["asked"] is True
    assert told(world, rental) == [], "it was expected: the card shows it"


def test_started_is_said_when_its_owner_gets_in(make_world: MakeWorld) -> None:
    world = make_world(fakes={"boot_seconds": 60})
    rental = world.rent()
    world.settle(80)
    act(world, rental, MachineAction.STOP)
    world.settle(3)
    act(world, rental, MachineAction.START)
    world.settle(50)
    card, _ = shown(world, rental)
    assert world.look(rental).power is Power.STARTING
    assert "Starting" in card
    assert "ssh " not in card
    world.settle(20)
    card, _ = shown(world, rental)
    assert world.look(rental).power is Power.ON
    assert "ssh -i" in card
    looks = node_of(world, rental).calls.count("check_login")
    world.settle(600)
    assert node_of(world, rental).calls.count("check_login") == looks, "nobody looks any more"


def test_a_poweroff_inside_is_seen_told_once_and_can_be_undone(world: World) -> None:
    rental = world.ready()
    node_of(world, rental).end(rental.mark)
    world.settle(USUAL)
    card, buttons = shown(world, rental)
    assert "shut down outside KWS" in card
    assert "rental_start" in buttons
    assert told(world, rental) == ["powered_off"]
    assert not world.look(rental).switched_off
    world.settle(900)
    assert world.kinds(rental).count("powered_off") == 1
    node = node_of(world, rental)
    assert "act" not in node.calls, "KWS starts nothing by itself"
    act(world, rental, MachineAction.START)
    world.settle(12)
    assert world.look(rental).power is Power.ON
    assert told(world, rental) == []


def test_one_that_is_started_on_its_node_is_in_use_again(world: World) -> None:
    rental = world.ready()
    act(world, rental, MachineAction.STOP)
    world.settle(3)
    held = world.look(rental).placement
    assert held and held.server_id
    node_of(world, rental).act(Kind.SERVER, held.server_id, MachineAction.START)
    world.settle(USUAL)
    rental = world.look(rental)
    assert (rental.power, rental.switched_off) == (Power.ON, False)
    assert world.last_event(rental).kind == "powered_on"


def test_a_stopped_container_and_one_that_ended(world: World) -> None:
    rental = world.ready(kind=Kind.CONTAINER, image="nginx:latest")
    act(world, rental, MachineAction.STOP)
    world.settle(3)
    assert world.look(rental).power is Power.OFF
    act(world, rental, MachineAction.START)
    world.settle(8)
    assert world.look(rental).power is Power.ON
    node_of(world, rental).end(rental.mark, 137)
    world.settle(301)  # a look that nobody asked for
    assert world.look(rental).power is Power.OFF


def test_a_refused_act_changes_nothing(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("act", NodeRefused(node.name, Refusal.INVALID, "task_state"))
    assert isinstance(act(world, rental, MachineAction.STOP), UserError)
    rental = world.look(rental)
    assert (rental.power, rental.switched_off) == (Power.ON, False)
    assert "switched_off" not in world.kinds(rental)


def test_an_act_whose_answer_was_lost_is_its_owners_all_the_same(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("act", NodeDown(node.name, Refusal.DOWN, "cut off"), after=True)
    assert isinstance(act(world, rental, MachineAction.STOP), UserError)
    world.settle(USUAL)
    assert world.look(rental).power is Power.OFF
    assert world.last_event(rental).data["asked"] is True


@pytest.mark.parametrize("action", [MachineAction.STOP, MachineAction.START])
def test_what_does_not_come_is_told(make_world: MakeWorld, action: MachineAction) -> None:
    world = make_world(fakes={"stop_seconds": 0 if action is MachineAction.START else 10_000})
    rental = world.ready()
    if action is MachineAction.START:
        act(world, rental, MachineAction.STOP)
        world.settle(3)
        act(world, rental, action)
        node_of(world, rental).end(rental.mark)  # its boot fails
    else:
        act(world, rental, action)
    later(world, 610)
    power = Power.OFF if action is MachineAction.START else Power.ON
    assert (world.look(rental).power, world.last_event(rental).data["still"]) == (power, True)
    assert len(told(world, rental)) == 1


def test_a_reboot_starts_a_stopped_one(world: World) -> None:
    rental = world.ready()
    act(world, rental, MachineAction.STOP)
    world.settle(3)
    act(world, rental, MachineAction.REBOOT)
    assert world.look(rental).power is Power.STARTING
    world.settle(8)
    assert world.look(rental).power is Power.ON


def test_a_server_that_lets_nobody_in_after_a_start_is_not_starting_for_ever(world: World) -> None:
    rental = world.ready()
    act(world, rental, MachineAction.STOP)
    world.settle(3)
    node = node_of(world, rental)
    node.servers = {i: replace(one, key="ssh-ed25519 another") for i, one in node.servers.items()}
    act(world, rental, MachineAction.START)
    later(world, 500)
    assert world.look(rental).power is Power.STARTING
    later(world, 120)
    assert world.look(rental).power is Power.ON


def test_lists_say_it_too(world: World) -> None:
    rental = world.ready()
    act(world, rental, MachineAction.STOP, ADMIN)
    world.settle(3)
    rental = world.look(rental)
    ends = world.context.expiry.ends_at(rental)
    entry = str([block.to_dict() for block in rental_card.list_entry(rental, ends, Texts("en"))])
    row = str(admin_home.row(rental, (), world.day(14), Texts("ko")).to_dict())
    assert "Stopped" in entry
    assert "ssh " not in entry
    assert "중지됨" in row
    assert f"(by <@{ADMIN.id}>)" in shown(world, rental)[0]


def test_a_poweroff_between_two_checks_is_seen_with_the_nodes_own(world: World) -> None:
    rental = world.ready()
    world.settle(400)
    node_of(world, rental).end(rental.mark)
    world.settle(USUAL)
    assert world.look(rental).power is Power.OFF
