"""What owners are told of a node that does not answer for long: once per outage, and once that it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from harness.world import JOON, MINA, Inline, World

from bot.text.i18n import Texts
from bot.views import event_lines, rental_card
from bot.views.news import outages as outage_words
from kws_core.context import Context
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction
from kws_core.people import Actor
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.machine_actions import Operations
from kws_core.tables.copy import Copy
from kws_core.tables.event import Event
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState

MakeWorld = Callable[..., World]
TOLD = ("node_silent", "node_back")


@pytest.fixture
def one(make_world: MakeWorld) -> Iterator[World]:
    world = make_world(nodes=1, max_rentals=8)
    yield world
    assert rung_twice(world) == []


def rung_twice(world: World) -> list[tuple[str, str, str]]:
    """(person, kind, since) of everything that notified one person more than once."""
    seen = [
        (rental.owner, event.kind.value, str(event.data["since"]))
        for rental in world.rental_queries.all_rentals()
        for event in rings(world, rental)
    ]
    return sorted({one for one in seen if seen.count(one) > 1})


def rings(world: World, rental: Rental) -> list[Event]:
    events = world.rental_queries.history(rental.id)
    return [e for e in events if e.kind in TOLD and rental_card.should_notify(world.look(rental), e)]


def notified(world: World, *rentals: Rental) -> list[str]:
    """What rings, in words without the moment."""
    found = [e for rental in rentals for e in rings(world, rental)]
    return [str(outage_words.notice(e.details, Texts("en"))) for e in found]  # type: ignore[arg-type]


def lines(world: World, rental: Rental) -> list[str]:
    return [kind for kind in world.kinds(rental) if kind in TOLD]


def goes_silent(world: World, minutes: float = 11, *, power: bool = True) -> FakeNode:
    """The node is away so long; its machines run on, unless it is the PC itself that is off."""
    node = world.nodes["node1"]
    node.go_down(power=power)
    world.settle(15)
    world.clock.advance(minutes=minutes)
    world.settle(10)
    return node


def comes_back(world: World) -> None:
    world.nodes["node1"].come_back()
    world.settle(130)


def test_after_ten_minutes_and_when_it_answers_again(one: World) -> None:
    rental = one.ready()
    one.nodes["node1"].go_down(power=True)
    one.settle(590)
    assert lines(one, rental) == []
    one.settle(25)
    assert lines(one, rental) == ["node_silent"]
    (said,) = notified(one, rental)
    assert "so KWS can't manage web01. Logging in may fail too. Nothing is deleted" in said
    one.clock.advance(minutes=30)
    one.settle(30)
    comes_back(one)
    assert lines(one, rental) == ["node_silent", "node_back"]
    back = ":white_check_mark: node1 is responding again. You can use web01 as before."
    assert notified(one, rental)[1:] == [back]


def test_a_blink_is_told_to_nobody(one: World) -> None:
    rental = one.ready()
    for _ in range(3):
        goes_silent(one, 9)
        comes_back(one)
    assert lines(one, rental) == []


def test_two_outages_are_told_twice(one: World) -> None:
    rental = one.ready()
    for _ in range(2):
        goes_silent(one)
        comes_back(one)
    assert lines(one, rental) == ["node_silent", "node_back"] * 2


def test_one_notification_for_three_rentals(one: World) -> None:
    mine = [one.ready(f"web0{n}") for n in (1, 2, 3)]
    theirs = one.ready("box", JOON)
    goes_silent(one)
    assert [lines(one, rental) for rental in (*mine, theirs)] == [["node_silent"]] * 4
    (said,) = notified(one, *mine)
    assert "can't manage web01, web02, web03." in said
    assert "can't manage box." in notified(one, theirs)[0]
    comes_back(one)
    said = notified(one, *mine)[1]
    assert "You can use web01, web02, web03 as before." in said


def test_what_had_to_be_started_again_is_not_told_twice(one: World) -> None:
    """The PC was off: its machine's start tells it; the one that its owner had stopped has nobody else to tell it."""
    runs, stopped = one.ready("web01"), one.ready("web02")
    acts = Operations(one.context, one.nodes, one.reconciler.executors)
    acts.act(MINA, stopped.id, MachineAction.STOP, lambda _: None)
    one.settle(301)
    goes_silent(one, power=False)
    comes_back(one)
    assert lines(one, runs) == ["node_silent"]
    assert one.kinds(runs)[-2:] == ["powered_off", "powered_on"]
    assert lines(one, stopped) == ["node_silent", "node_back"]
    assert "You can use web02 as before." in notified(one, stopped)[-1]


def test_the_card_says_only_what_is_true_now(one: World) -> None:
    runs = one.ready("web01")
    goes_silent(one, power=False)
    assert "hasn't responded since" in card(one, runs)
    comes_back(one)
    assert "hasn't responded" not in card(one, runs)
    goes_silent(one)
    comes_back(one)
    text = card(one, runs)
    assert "hasn't responded" not in text
    assert text.count("is responding again. You can use this rental as before.") == 1


def card(world: World, rental: Rental) -> str:
    events, rental = world.rental_queries.history(rental.id), world.look(rental)
    return str(
        rental_card.card(rental, events, world.context.expiry.ends_at(rental), Texts("en"))
        .blocks[2]
        .to_dict()
    )


def test_restarts_and_replicas_tell_it_once(one: World) -> None:
    rental = one.ready()
    one.nodes["node1"].go_down(power=True)
    one.settle(60)
    one.restart()
    other = Reconciler(Context(one.config, one.store, one.clock), one.nodes, lambda node, sort: Inline())
    for _ in range(8):
        one.clock.advance(minutes=2)
        one.restart()
        one.settle(3)
        other.tick()
    assert lines(one, rental) == ["node_silent"]
    one.nodes["node1"].come_back()
    one.restart()
    for _ in range(4):
        other.tick()
        one.settle(61)
    assert lines(one, rental) == ["node_silent", "node_back"]


def test_silent_since_before_the_bot_was_started(one: World) -> None:
    rental = one.ready()
    one.nodes["node1"].go_down(power=True)
    one.settle(20)
    one.clock.advance(hours=3)
    one.restart()
    one.settle(1)
    assert lines(one, rental) == ["node_silent"]


def test_who_has_left_is_told_nothing(one: World) -> None:
    rental, other = one.ready(), one.ready("box", JOON)
    one.members.note_departure(MINA.id, left=True)
    goes_silent(one)
    comes_back(one)
    assert (lines(one, rental), lines(one, other)) == ([], ["node_silent", "node_back"])


def test_what_ended_meanwhile_and_what_is_on_another_node(make_world: MakeWorld) -> None:
    world = make_world(nodes=2)
    first, second = world.ready("web01"), world.ready("web02", JOON)
    assert {r.placement.node for r in (first, second) if r.placement} == {"node1", "node2"}
    gone, stays = sorted((first, second), key=lambda r: r.placement.node if r.placement else "")
    goes_silent(world)
    assert (lines(world, gone), lines(world, stays)) == (["node_silent"], [])
    world.rental_service.return_rental(Actor(gone.owner), gone.id)
    comes_back(world)
    assert lines(world, gone) == ["node_silent"]


def test_a_new_owner_gets_no_notification_of_what_the_old_one_was_told(one: World) -> None:
    rental = one.ready()
    goes_silent(one)
    with one.store.write() as session:
        session.get_one(Rental, rental.id).owner = JOON.id
    rental = one.rental_queries.rental(JOON, rental.id)
    assert rings(one, rental) == []
    comes_back(one)
    assert lines(one, rental) == ["node_silent", "node_back"]
    assert rings(one, rental) == []


def test_a_copy_elsewhere_is_mentioned(one: World) -> None:
    first, second = one.ready("web01"), one.ready("web02")
    with one.store.write() as session:
        for number, (rental, node) in enumerate(((first, "node1"), (second, "node2"))):
            now, day = one.clock(), one.day(20)
            copy = Copy(
                id=f"c{number}",
                rental_id=rental.id,
                owner=MINA.id,
                state=CopyState.KEPT,
                node=node,
                requested_at=now,
                kept_at=now,
                keep_until=day,
                keep_set_at=now,
                next_check_at=now + timedelta(days=9),
            )
            session.add(copy)
    goes_silent(one)
    (said,) = notified(one, first, second)
    assert said.endswith("web02: you have a copy on another node. To bring it back: `/kws copies`")
    events = [one.last_event(rental) for rental in (first, second)]
    said_on_cards = ["/kws copies" in str(event_lines.line(e, first, Texts("en"))) for e in events]
    assert said_on_cards == [True, True]
