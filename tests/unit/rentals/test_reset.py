"""Who may have what reset, and that one request makes one reset."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from harness.world import JOON, MINA, World

from kws_core.errors import ErrorCode, UserError
from kws_core.rentals import reset


def test_a_form_from_before_a_reset_asks_for_none(world: World) -> None:
    rental = world.ready()
    for _ in range(2):  # the same form, twice
        reset.ask(world.context, MINA, rental.id, 0, "web01")
    assert world.kinds(rental).count("reset_wanted") == 1
    world.settle(60)
    with pytest.raises(UserError) as stale:
        reset.ask(world.context, MINA, rental.id, 0, "web01")
    assert stale.value.code == ErrorCode.RESET_STALE
    assert world.kinds(rental).count("reset_done") == 1


@pytest.mark.parametrize(("typed", "taken"), [
    ("web01", True), ("  WEB01\n", True), ("ｗｅｂ０１", True), ("web1", False), ("", False), ("web01.", False),
])  # fmt: skip
def test_the_name_has_to_be_typed(world: World, typed: str, taken: bool) -> None:
    rental = world.ready()
    with nullcontext() if taken else pytest.raises(UserError, match=ErrorCode.RESET_NAME):
        reset.ask(world.context, MINA, rental.id, 0, typed)
    assert (world.look(rental).reset_at is not None) is taken


def test_nobody_resets_what_is_not_theirs_or_not_ready(world: World) -> None:
    rental = world.ready()
    with pytest.raises(UserError) as foreign:
        reset.ask(world.context, JOON, rental.id, 0, "web01")
    assert foreign.value.code == ErrorCode.RENTAL_GONE
    waiting = world.rent("web02")
    with pytest.raises(UserError) as early:
        reset.terms(world.context, MINA, waiting.id)
    assert early.value.code == ErrorCode.NOT_READY


def test_an_image_that_its_node_no_longer_has_is_told_beforehand(world: World) -> None:
    rental = world.ready()
    held = world.look(rental).placement
    node = world.nodes[held.node if held else ""]
    node.offered = [image for image in node.offered if image.name != "debian-12"]
    world.settle(70)
    with pytest.raises(UserError) as gone:
        reset.terms(world.context, MINA, rental.id)
    assert (gone.value.code, gone.value.data["image"]) == (ErrorCode.RESET_NO_IMAGE, "debian-12")
