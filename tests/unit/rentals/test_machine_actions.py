"""What an owner sees of a machine's console, and of a stop that its node does not confirm."""

from __future__ import annotations

import pytest
from harness.world import MINA, World

from bot.text.error_messages import plain_sentence
from bot.text.i18n import Texts
from kws_core.errors import ErrorCode, NodeDown, Refusal, UserError
from kws_core.nodes.values import MachineAction
from kws_core.rentals.machine_actions import Operations
from kws_core.tables.rental import Rental
from kws_core.tables.states import Power


def console(world: World, rental: Rental) -> str | Exception:
    done: list[str | Exception] = []
    Operations(world.context, world.nodes, world.reconciler.executors).console(MINA, rental.id, done.append)
    return done[0]


@pytest.mark.parametrize(
    ("what", "code", "word"),
    [
        ("off", ErrorCode.CONSOLE_OFF, "중지되어"),
        ("none", ErrorCode.NO_CONSOLE, "콘솔 로그를 보관하지 않아"),
        ("down", ErrorCode.NODE_SILENT, "node1"),
    ],
)
def test_a_refusal_is_no_empty_text(world: World, what: str, code: ErrorCode, word: str) -> None:
    rental = world.ready()
    assert rental.placement
    node = world.nodes[rental.placement.node]
    if what == "off":
        node.end(rental.mark)
    elif what == "none":
        node.consoles = False
    else:
        node.fail_next("console", NodeDown(node.name, Refusal.DOWN, "cut off"))
    answer = console(world, rental)
    assert isinstance(answer, UserError)
    assert answer.code is code
    assert word in plain_sentence(answer, Texts("ko"))


def test_a_stop_that_was_done_but_not_answered_shows_within_seconds(world: World) -> None:
    rental = world.ready()
    assert rental.placement
    node = world.nodes[rental.placement.node]
    node.fail_next("act", NodeDown(node.name, Refusal.DOWN, "cut off"), after=True)
    done: list[str | Exception] = []
    operations = Operations(world.context, world.nodes, world.reconciler.executors)
    operations.act(MINA, rental.id, MachineAction.STOP, done.append)
    assert isinstance(done[0], UserError)
    world.settle(5)
    assert world.look(rental).power is Power.OFF
