"""A new key for a server that runs: one key is valid in the end, whatever dies or refuses on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from harness.sampling import THOROUGH
from harness.world import ADMIN, JOON, MINA, World

from kws_core.errors import NodeDown, NodeRefused, Refusal, UserError
from kws_core.forms import ssh_keys
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import MachineAction
from kws_core.rentals import key_rotation
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, Reason, Status
from kws_core.values import Kind

PASSWORD = "correct-horse-Battery-7-staple"
LONG = 40  # seconds, within which a wish is granted
CALLS = ("put_key", "act")


def node_of(world: World, rental: Rental) -> FakeNode:
    held = world.look(rental).placement
    assert held
    return world.nodes[held.node]


def asked(world: World, rental: Rental) -> list[str]:
    """What the node was asked for in this matter, in order."""
    return [call for call in node_of(world, rental).calls if call in CALLS]


def opens(world: World, rental: Rental, number: int) -> bool:
    """Whether the key that was handed over as this one opens the server."""
    return node_of(world, rental).opens(rental.mark, world.keys[rental.id][number])


def assert_renewed(world: World, rental: Rental) -> None:
    """The last key that was handed over, and no other one, opens it."""
    now = world.look(rental)
    assert now.status is Status.READY
    assert (now.rekey, now.key_put_at, now.access) == (None, None, Access.GENERATED)
    assert now.public_key == world.keys[rental.id][-1]
    open_now = [opens(world, rental, number) for number in range(len(world.keys[rental.id]))]
    assert open_now == [False] * (len(open_now) - 1) + [True]


def test_a_new_key_takes_the_place_of_the_lost_one(world: World) -> None:
    rental = world.ready()
    before = world.look(rental)
    assert key_rotation.ask(world.context, MINA, rental.id)
    world.settle(LONG)
    assert_renewed(world, rental)
    now = world.look(rental)
    assert world.kinds(rental)[-3:] == ["key_wanted", "key_sent", "key_renewed"]
    assert asked(world, rental) == ["put_key", "act"]
    assert now.key_file != before.key_file
    assert now.key_fingerprint == ssh_keys.fingerprint(now.public_key or "")
    assert now.key_number == 2
    assert now.placement and before.placement and now.placement.server_id == before.placement.server_id
    assert node_of(world, rental).duplicates() == []


def test_and_once_more(world: World) -> None:
    rental = world.ready()
    for number in (2, 3):
        assert key_rotation.ask(world.context, MINA, rental.id)
        world.settle(LONG)
        assert_renewed(world, rental)
        assert world.look(rental).key_number == number


def test_nothing_is_asked_of_the_node_before_slack_has_confirmed(world: World) -> None:
    rental = world.ready()
    key_rotation.ask(world.context, MINA, rental.id)
    for number in range(20):
        world.reconciler.tick()
        world.clock.advance(minutes=6)
        if number == 9:  # its public half is committed; whether the file arrived nobody knows yet
            world.outbox.offer_key(rental.id, ssh_keys.generate("x").public, "SHA256:x", "F9")
    assert asked(world, rental) == []
    assert opens(world, rental, 0)
    assert world.look(rental).status is Status.READY, "also long after it was made"
    world.deliver_key(rental.id)
    world.settle(LONG)
    assert_renewed(world, rental)


def test_the_reboot_waits_until_the_metadata_service_has_forgotten_what_it_said(world: World) -> None:
    rental = world.ready()
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(15)
    assert asked(world, rental) == ["put_key"]
    assert opens(world, rental, 0)
    world.settle(15)
    assert asked(world, rental) == ["put_key", "act"]


def test_asked_twice_it_is_one_wish(world: World) -> None:
    rental = world.ready()
    assert key_rotation.ask(world.context, MINA, rental.id)
    assert not key_rotation.ask(world.context, MINA, rental.id)
    world.settle(3)
    assert not key_rotation.ask(world.context, ADMIN, rental.id)
    world.settle(LONG)
    assert world.kinds(rental).count("key_wanted") == 1
    assert len(world.keys[rental.id]) == 2
    assert_renewed(world, rental)


def test_who_may_ask(world: World) -> None:
    rental = world.ready()
    with pytest.raises(UserError) as caught:
        key_rotation.ask(world.context, JOON, rental.id)
    assert caught.value.code == "rental_gone"
    key_rotation.ask(world.context, ADMIN, rental.id)
    event = next(e for e in world.rental_queries.history(rental.id) if e.kind == "key_wanted")
    assert event.actor == ADMIN.id
    assert world.look(rental).owner == MINA.id


def test_only_for_a_server_that_is_ready(world: World) -> None:
    rental = world.rent()
    codes = []
    for act in (lambda: None, lambda: world.rental_service.return_rental(MINA, rental.id)):
        act()
        with pytest.raises(UserError) as caught:
            key_rotation.ask(world.context, MINA, rental.id)
        codes.append(caught.value.code)
    assert codes == ["not_ready", "not_ready"]
    assert "key_wanted" not in world.kinds(rental)


def test_a_container_has_no_key(world: World) -> None:
    rental = world.ready(kind=Kind.CONTAINER, image="nginx:latest", size="small")
    with pytest.raises(UserError) as caught:
        key_rotation.ask(world.context, MINA, rental.id)
    assert caught.value.code == "container_key"


def test_a_server_that_began_with_a_password_or_a_key_of_its_owners(world: World) -> None:
    own = ssh_keys.generate("laptop").public
    rentals = [
        world.ready("web01", access=Access.PASSWORD, password=PASSWORD),
        world.ready("web02", access=Access.OWN_KEY, public_key=own),
    ]
    for rental in rentals:
        key_rotation.ask(world.context, MINA, rental.id)
        world.settle(LONG)
        assert_renewed(world, rental)
        assert world.look(rental).key_number == 1, "the first that KWS made"
    assert world.look(rentals[0]).password_hash


def test_a_server_that_is_off_is_started(world: World) -> None:
    rental = world.ready()
    with world.store.write() as session:
        session.merge(world.look(rental)).switched_off = True
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(LONG)
    assert_renewed(world, rental)
    assert not world.look(rental).switched_off


# -- the server


def test_it_is_told_when_the_server_takes_the_key_not_when_it_reboots(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.times = replace(node.times, boot=timedelta(seconds=90))
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(60)
    assert asked(world, rental) == ["put_key", "act"]
    assert world.last_event(rental).kind == "key_sent"
    assert not key_rotation.ask(world.context, MINA, rental.id), "no third pair, no second reboot"
    world.settle(90)
    assert_renewed(world, rental)
    assert world.last_event(rental).data == {"node": node.name, "works": True}


def test_a_stop_that_is_asked_for_while_the_key_is_taken_is_not_forgotten(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.times = replace(node.times, boot=timedelta(seconds=90))
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(60)
    with world.store.write() as session:
        session.merge(world.look(rental)).switched_off = True
    world.settle(90)
    assert world.look(rental).rekey is None
    assert world.look(rental).switched_off


def test_an_image_that_runs_nothing_at_boot_keeps_the_old_key(world: World) -> None:
    rental = world.ready()
    before, node = world.look(rental), node_of(world, rental)
    node.boot_scripts = False
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(300)
    assert world.look(rental).rekey is not None
    world.settle(400)
    now, told = world.look(rental), world.last_event(rental)
    assert (told.kind, told.data) == ("key_dropped", {"node": node.name, "refusal": "not_taken"})
    assert (now.public_key, now.key_file, now.rekey) == (before.public_key, before.key_file, None)
    assert opens(world, rental, 0)


# -- the node


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_a_node_that_does_not_answer_is_asked_again(world: World, call: str, after: bool) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next(call, NodeDown(node.name, Refusal.DOWN, "timeout"), after=after, times=3)
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(90)
    assert_renewed(world, rental)
    assert len(world.keys[rental.id]) == 2


def test_a_node_that_is_away_gets_it_when_it_is_back(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.go_down()
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(100)
    assert world.look(rental).rekey is not None
    assert opens(world, rental, 0) and not opens(world, rental, 1)
    node.come_back()
    world.settle(120)
    assert_renewed(world, rental)


@pytest.mark.parametrize("access", [Access.GENERATED, Access.PASSWORD, Access.OWN_KEY])
def test_a_node_that_refuses_the_key_leaves_everything_as_it_was(world: World, access: Access) -> None:
    own = ssh_keys.generate("laptop").public
    how = {Access.PASSWORD: {"password": PASSWORD}, Access.OWN_KEY: {"public_key": own}}.get(access, {})
    rental = world.ready(access=access, **how)
    before = world.look(rental)
    node = node_of(world, rental)
    node.fail_next("put_key", NodeRefused(node.name, Refusal.QUOTA, "no"))
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(LONG)
    now = world.look(rental)
    for field in (
        "access",
        "public_key",
        "key_fingerprint",
        "key_file",
        "key_sent_at",
        "key_number",
        "rekey",
    ):
        assert getattr(now, field) == getattr(before, field), field
    assert now.status is Status.READY
    dropped = world.last_event(rental)
    assert (dropped.kind, dropped.data) == ("key_dropped", {"node": node.name, "refusal": "quota"})
    assert asked(world, rental) == ["put_key"]
    if access is Access.GENERATED:
        assert opens(world, rental, 0)
    assert key_rotation.ask(world.context, MINA, rental.id), "and may be asked for again"
    world.settle(LONG)
    assert_renewed(world, rental)


@pytest.mark.parametrize("call", CALLS)
def test_not_now_is_tried_again(world: World, call: str) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next(call, NodeRefused(node.name, Refusal.INVALID, "powering-off"), times=5)
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(120)
    assert_renewed(world, rental)


def test_not_now_is_not_waited_for_without_end(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("put_key", NodeRefused(node.name, Refusal.INVALID, "paused"), times=500)
    key_rotation.ask(world.context, MINA, rental.id)
    for _ in range(70):
        world.settle(1)
        world.clock.advance(seconds=10)
    assert world.last_event(rental).kind == "key_dropped"
    assert opens(world, rental, 0)


def test_a_node_that_refuses_the_reboot_has_the_key_for_the_next_one(world: World) -> None:
    rental = world.ready()
    node = node_of(world, rental)
    node.fail_next("act", NodeRefused(node.name, Refusal.AUTH, "no"))
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(LONG)
    event = world.last_event(rental)
    assert (event.kind, event.data) == ("key_renewed", {"node": node.name, "refusal": "auth"})
    held = world.look(rental).placement
    assert held and held.server_id
    node.act(Kind.SERVER, held.server_id, MachineAction.REBOOT)  # as the card says
    assert_renewed(world, rental)


def test_a_server_that_vanishes_meanwhile_ends_its_rental(world: World) -> None:
    rental = world.ready()
    node_of(world, rental).vanish(rental.mark)
    key_rotation.ask(world.context, MINA, rental.id)
    world.clock.advance(minutes=6)
    world.settle(60)
    assert world.look(rental).reason is Reason.VANISHED
    assert world.left() == {}


# -- the person


def test_a_person_who_cannot_be_reached_keeps_the_server(world: World) -> None:
    rental = world.ready()
    before = world.look(rental)
    key_rotation.ask(world.context, MINA, rental.id)
    world.outbox.offer_key(rental.id, ssh_keys.generate("x").public, "SHA256:x", "F9")
    world.outbox.unreachable(rental.id, "user_disabled")
    world.settle(LONG)
    now = world.look(rental)
    assert now.status is Status.READY
    assert (now.public_key, now.key_file, now.rekey) == (before.public_key, before.key_file, None)
    event = world.last_event(rental)
    assert (event.kind, event.data) == ("key_dropped", {"why": "user_disabled"})
    assert asked(world, rental) == []
    assert len(world.keys[rental.id]) == 1


def test_a_person_who_cannot_be_reached_after_the_key_came_has_it(world: World) -> None:
    rental = world.ready()
    key_rotation.ask(world.context, MINA, rental.id)
    world.deliver_key(rental.id)
    world.outbox.unreachable(rental.id, "user_disabled")
    world.settle(LONG)
    assert_renewed(world, rental)


@pytest.mark.parametrize("ticks", [0, 1, 2, 10, 21, 22])
def test_a_return_meanwhile_wins(world: World, ticks: int) -> None:
    rental = world.ready()
    key_rotation.ask(world.context, MINA, rental.id)
    world.settle(ticks)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(LONG)
    assert world.look(rental).status is Status.ENDED
    assert world.left() == {}
    assert "key_dropped" not in world.kinds(rental)


# -- death


class Killed(BaseException):
    """The process is dead: nothing of it runs any more."""


class Fate:
    """The process dies at the chosen one of its commits and calls, before or after it takes effect."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.points = 0
        self.die_at: int | None = None
        self._wrap_store()
        for node in world.nodes.values():
            for call in CALLS:
                self._wrap(node, call)

    def point(self) -> None:
        if self.die_at is not None and self.points >= self.die_at:
            raise Killed
        self.points += 1

    def _wrap(self, node: FakeNode, call: str) -> None:
        real = getattr(node, call)

        def mortal(*arguments: Any) -> Any:
            self.point()
            result = real(*arguments)
            self.point()
            return result

        setattr(node, call, mortal)

    def _wrap_store(self) -> None:
        for kind in ("write", "note"):
            setattr(self.world.store, kind, self._mortal(getattr(self.world.store, kind)))

    def _mortal(self, real: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
        @contextmanager
        def transaction(**how: Any) -> Iterator[Any]:
            if self.die_at is not None and self.points >= self.die_at:
                raise Killed
            with real(**how) as database:
                yield database
                self.point()
            self.point()

        return transaction

    def live(self, act: Callable[[], object]) -> bool:
        """Does it until the process dies of it, and starts it again; False when it did not die."""
        try:
            act()
        except Killed:
            self.die_at = None
            self.world.restart()
            return True
        finally:
            self.die_at = None
        return False


def granted(world: World, rental: Rental) -> None:
    """A click, and what follows from it."""
    key_rotation.ask(world.context, MINA, rental.id)
    follows(world, rental)


def follows(world: World, rental: Rental) -> None:
    """Until there is nothing to do any more."""
    for _ in range(LONG):
        if world.look(rental).rekey is None:
            return
        world.tick()
        world.clock.advance(seconds=1)


@pytest.mark.drawn
def test_killed_anywhere_one_key_is_valid_in_the_end(make_world: Callable[..., World]) -> None:
    world = make_world(nodes=1)
    fate = Fate(world)
    rental = world.ready()
    fate.points = 0
    granted(world, rental)
    points = fate.points
    assert points > 20
    for number in range(0, points, 1 if THOROUGH else 6):
        node_of(world, rental).calls.clear()
        wishes = world.kinds(rental).count("key_wanted")
        fate.points, fate.die_at = 0, number
        assert fate.live(lambda: granted(world, rental)), "it died there"
        follows(world, rental)
        assert_renewed(world, rental)
        came = world.kinds(rental).count("key_wanted") - wishes
        assert asked(world, rental).count("act") <= 2 * came, "at most one reboot more"
        assert world.kinds(rental).count("key_renewed") == world.kinds(rental).count("key_wanted")
    assert node_of(world, rental).duplicates() == []
