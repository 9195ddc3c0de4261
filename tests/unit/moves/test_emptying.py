"""How far a node in maintenance has been emptied, in the one alert for the admins."""

from __future__ import annotations

from datetime import timedelta

from harness.carrying import CarryingLab
from harness.world import ADMIN, JOON, MINA, World

from kws_core.moves.emptying import Emptying
from kws_core.moves.service import Moves
from kws_core.nodes.values import MachineAction
from kws_core.scheduling.node_maintenance import NodeMaintenance
from kws_core.tables.rental import Rental
from kws_core.values import Kind


def there(world: World, rental: Rental) -> str:
    held = world.look(rental).placement
    assert held
    return held.node


def on_one_node(world: World) -> tuple[Rental, Rental]:
    NodeMaintenance(world.context).drain(ADMIN, "node2", where="cli")
    first, second = world.ready("web01"), world.ready("web02", JOON)
    NodeMaintenance(world.context).undrain(ADMIN, "node2", where="cli")
    return first, second


def test_it_counts_what_moved_and_what_ended(world: World) -> None:
    lab = CarryingLab(world)
    first, second = on_one_node(world)
    until = world.day(3)
    assert NodeMaintenance(world.context).drain(ADMIN, "node1", tell=True, until=until, where="cli") == 2
    emptying = Emptying(world.context)

    def seen() -> dict[str, object]:
        emptying.note(world.clock())
        with world.store.read() as session:
            from kws_core.tables.alert import AdminAlert

            (alert,) = [one for one in session.query(AdminAlert) if one.kind == "node_emptying"]
            return dict(alert.data)

    assert (seen()["moved"], seen()["ended"], seen()["finished"]) == (0, 0, False)
    Moves(world.context).start(MINA, first.id)
    lab.settle(120)
    assert (seen()["moved"], seen()["ended"]) == (1, 0)
    world.rental_service.return_rental(JOON, second.id)
    lab.settle(20)
    assert (seen()["moved"], seen()["ended"], seen()["finished"]) == (1, 1, True)


def test_it_names_those_that_could_not_be_moved(world: World) -> None:
    first, _ = on_one_node(world)
    NodeMaintenance(world.context).drain(ADMIN, "node1", move=True, until=world.day(0), where="cli")
    held = world.look(first).placement
    assert held and held.server_id
    world.nodes["node1"].act(Kind.SERVER, held.server_id, MachineAction.REBOOT)
    with world.store.write() as session:
        rental = session.get_one(Rental, first.id)
        assert rental.placement
        rental.placement.act_at = world.clock()
    world.clock.at += timedelta(days=0)
    world.nightly.tick()
    (told,) = world.notices("node_emptying")
    assert told["failed"] == ["web01"]


def test_maintenance_that_ends_early_moves_nobody(world: World) -> None:
    first, _ = on_one_node(world)
    fleet = NodeMaintenance(world.context)
    fleet.drain(ADMIN, "node1", move=True, until=world.day(3), where="cli")
    assert world.look(first).move_at
    fleet.undrain(ADMIN, "node1", where="cli")
    assert world.look(first).move_at is None
    assert there(world, first) == "node1"
