"""The file of a private key goes from Slack when its owner has saved it, else after some days."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness.world import ADMIN, JOON, MINA, World
from sqlalchemy import select

from bot.text.i18n import Texts
from bot.views import event_lines, rental_card
from kws_core.errors import UserError
from kws_core.rentals.extension import Extensions
from kws_core.rentals.key_files import KeyFiles
from kws_core.tables.rental import Rental
from kws_core.tables.saved_key import KeyFile
from kws_core.values import Kind

MakeWorld = Callable[..., World]


def with_key(world: World) -> Rental:
    rental = world.rent()
    world.outbox.keep_channel(rental.id, "D0MINA")
    world.outbox.keep_card(rental.id, "1.0")
    world.settle()
    return world.look(rental)


def due(world: World) -> list[str]:
    return [file.id for file in KeyFiles(world.context).due()]


def card(world: World, rental: Rental) -> str:
    rental = world.look(rental)
    events, ends = world.rental_queries.history(rental.id), world.context.expiry.ends_at(rental)
    return str([block.to_dict() for block in rental_card.card(rental, events, ends, Texts("en")).blocks])


def test_it_stays_until_its_owner_says_so(world: World) -> None:
    rental, files = with_key(world), KeyFiles(world.context)
    assert due(world) == []
    assert "rental_key_saved" in card(world, rental)
    assert files.saved(MINA, rental.id) and files.saved(MINA, rental.id)
    assert due(world) == [rental.key_file]
    files.removed(rental.key_file or "")
    files.removed(rental.key_file or "")
    assert world.kinds(rental).count("key_file_removed") == 1
    event = world.last_event(rental)
    assert (event.actor, event.data) == (MINA.id, {"saved": True})
    assert "removed from Slack" in str(event_lines.line(event, rental, Texts("en")))
    assert "rental_key_saved" not in card(world, rental)
    assert due(world) == [] and files.saved(MINA, rental.id) is False
    assert world.look(rental).key_file, "the card still says how to log in with it"


@pytest.mark.parametrize("days", [1, 7])
def test_it_goes_by_itself(make_world: MakeWorld, days: int) -> None:
    world = make_world(policy=f"key_file_days = {days}")
    rental = with_key(world)
    world.clock.advance(days=days, minutes=-1)
    assert due(world) == []
    world.clock.advance(minutes=2)
    assert due(world) == [rental.key_file]
    KeyFiles(world.context).removed(rental.key_file or "")
    assert (world.last_event(rental).actor, world.last_event(rental).data) == ("kws", {"saved": False})


@pytest.mark.parametrize("who", [JOON, ADMIN])
def test_nobody_else_takes_a_key_from_its_owner(world: World, who: object) -> None:
    rental = with_key(world)
    with pytest.raises(UserError):
        KeyFiles(world.context).saved(who, rental.id)  # type: ignore[arg-type]
    assert due(world) == []


def test_one_that_slack_does_not_remove_is_tried_again_later_and_later(world: World) -> None:
    rental, files = with_key(world), KeyFiles(world.context)
    files.saved(MINA, rental.id)
    pauses = []
    for _ in range(12):
        files.later(rental.key_file or "")
        with world.store.read() as session:
            (at,) = session.scalars(select(KeyFile.next_try_at))
        assert at and due(world) == []
        pauses.append((at - world.clock()).total_seconds())
        world.clock.at = at
        assert due(world) == [rental.key_file]
    assert pauses[0] == 30 and pauses == sorted(pauses) and pauses[-1] == 6 * 3600


def test_it_goes_too_when_the_rental_is_over_or_anothers(world: World) -> None:
    rental = with_key(world)
    Extensions(world.context).transfer(ADMIN, rental.id, JOON.id)
    assert "rental_key_saved" not in card(world, rental.id and world.rental_queries.rental(ADMIN, rental.id))
    with pytest.raises(UserError):
        KeyFiles(world.context).saved(ADMIN, rental.id)
    assert KeyFiles(world.context).saved(MINA, rental.id), "it is in her messages"
    world.rental_service.return_rental(JOON, rental.id)
    world.settle()
    assert due(world) == [rental.key_file]
    KeyFiles(world.context).removed(rental.key_file or "")


def test_no_file_no_button(world: World) -> None:
    rental = with_key(world)
    assert KeyFiles(world.context).saved(MINA, rental.id)
    bare = world.ready("web02", kind=Kind.CONTAINER, image="nginx:latest")
    assert KeyFiles(world.context).saved(MINA, bare.id) is False
