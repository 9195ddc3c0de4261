"""Leaks: with our mark, explained by no rental, seen twice; and rentals whose machine is no more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from harness.world import MINA, Inline, World
from sqlalchemy import select

from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.values import NetworkSpec, RemainingResources, ServerSpec
from kws_core.reconcile.orphan_sweep import EVERY, FIRST, Sweep
from kws_core.reconcile.orphans import MOST_LEAKS, SEEN_AGAIN, ours
from kws_core.reconcile.reconciler import Reconciler
from kws_core.rentals.admission import NEW_NETWORK
from kws_core.tables.alert import AdminAlert
from kws_core.tables.base import new_id
from kws_core.tables.orphan import OrphanCandidate
from kws_core.tables.states import Reason, Status
from kws_core.values import Kind, Size, owner_tag

LEAK = "kws-abcdefghjk"
OWN = {"network": NEW_NETWORK, "network_name": "mine", "cidr": "10.9.0.0/24"}
FOREIGN = (
    "somebody-else", "kws-", "kws-web", "kws-monitoring", "kws-abcdefghj", "kws-abcdefghjkm", "kws-ABCDEFGHJK",
    "KWS-abcdefghjk", "kws-abcdefghjk.bak", "kws_abcdefghjk", "kws-kws-abcdefghjk", "kws-1c-512m-5g",
)  # fmt: skip


@pytest.fixture
def sweep(world: World) -> Sweep:
    return Sweep(world.context, world.nodes)


def rows(world: World, node: str | None = None) -> list[str]:
    """The marks that are remembered."""
    with world.store.read() as session:
        found = session.scalars(select(OrphanCandidate).order_by(OrphanCandidate.mark)).all()
    return [row.mark for row in found if node in (None, row.node)]


def notices(world: World) -> list[AdminAlert]:
    with world.store.read() as session:
        return list(session.scalars(select(AdminAlert).order_by(AdminAlert.id)))


def plant_all(node: FakeNode, mark: str = LEAK) -> None:
    """A server with its group, port and floating IP, and a network, under one mark."""
    network = NetworkSpec(mark, "mine", "10.9.0.0/24")
    node.ensure_address(ServerSpec(mark, "x", "debian-12", Size("s", 1, 512, 1), "", network=network))
    node.plant(mark)


def leak_marks(count: int) -> list[str]:
    return [owner_tag(new_id()) for _ in range(count)]


def test_what_is_seen_once_is_kept(world: World, sweep: Sweep) -> None:
    world.nodes["node1"].plant(LEAK)
    swept = sweep.sweep("node1")
    assert [leak.mark for leak in swept.report.leaks] == [LEAK]
    assert swept.deleted == {}
    assert swept.again == SEEN_AGAIN
    world.clock.advance(seconds=SEEN_AGAIN.total_seconds() - 1)
    assert sweep.sweep("node1").deleted == {}
    assert set(world.left()["node1"]) == {LEAK}
    assert rows(world) == [LEAK]


def test_what_is_seen_twice_is_deleted_whole(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    plant_all(node)
    kinds = ["floating_ip", "network", "port", "security_group", "server"]
    assert node.resources()[LEAK].kinds() == kinds
    sweep.sweep("node1")
    world.clock.advance(minutes=10)
    swept = sweep.sweep("node1")
    assert swept.deleted == {LEAK: RemainingResources()}
    assert swept.again == EVERY
    assert world.left() == {}
    assert rows(world) == []
    told = notices(world)
    assert [(notice.kind, notice.data["node"], notice.data["deleted"]) for notice in told] == [
        ("leaks", "node1", True)
    ]
    assert told[0].data["marks"] == [f"{LEAK} ({', '.join(kinds)})"]


@pytest.mark.parametrize("mark", FOREIGN)
def test_a_mark_that_is_not_of_our_making_is_never_touched(world: World, sweep: Sweep, mark: str) -> None:
    assert not ours(mark)
    world.nodes["node1"].plant(mark)
    for _ in range(4):
        assert sweep.sweep("node1").report.leaks == []
        world.clock.advance(minutes=30)
    assert set(world.left()["node1"]) == {mark}
    assert "release" not in world.nodes["node1"].calls


def test_every_id_that_is_made_is_of_the_form() -> None:
    assert all(ours(mark) for mark in leak_marks(50))


def test_what_was_gone_in_between_is_new_again(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    node.plant(LEAK)
    sweep.sweep("node1")
    plan = node.resources()[LEAK].kinds()
    for kind in plan:
        node.vanish(LEAK, kind)
    world.clock.advance(minutes=5)
    sweep.sweep("node1")
    assert rows(world) == []
    node.plant(LEAK)
    world.clock.advance(minutes=6)
    assert sweep.sweep("node1").deleted == {}
    assert LEAK in node.resources()
    assert notices(world) == []


class Meanwhile(FakeNode):
    """A node during whose listing something else happens, after the list was made."""

    then: Callable[[], object] = staticmethod(lambda: None)

    def marked(self) -> dict[str, RemainingResources]:
        found = super().marked()
        self.then()
        return found


def test_a_rental_requested_while_the_node_is_listed_is_no_leak(world: World) -> None:
    node = Meanwhile("node1", world.clock, vcpus=64, ram_mb=65536)
    world.nodes["node1"] = node
    world.reconciler = Reconciler(world.context, world.nodes, lambda name, sort: Inline())
    world.tick()
    sweep = Sweep(world.context, world.nodes)
    made = []

    def rent() -> None:
        node.then = lambda: None
        rental = world.rent()
        made.append(rental)
        world.settle(3)

    node.then = rent
    assert sweep.survey("node1").leaks == []
    assert world.look(made[0]).status is Status.READY
    assert sweep.survey("node1").lost == [], "it was not ready when the node was asked"
    listed = node.resources()

    def listing() -> dict[str, RemainingResources]:
        return listed

    node.marked = listing  # type: ignore[method-assign]
    sweep.sweep("node1")
    assert rows(world) == []


def test_what_is_explained_just_before_its_deletion_stays(world: World, sweep: Sweep) -> None:
    """A second look into the database, directly before the node is asked to delete."""
    rental = world.ready()
    assert rental.placement
    name, node = rental.placement.node, world.nodes[rental.placement.node]
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    node.plant(rental.mark)
    sweep.sweep(name)
    world.clock.advance(minutes=10)
    report = sweep.survey(name)
    assert report.leaks[0].due(world.clock())
    with world.store.write() as session:
        from kws_core.database import queries
        from kws_core.tables.states import PlacementState

        again = queries.rental(session, rental.id)
        assert again
        again.placements[0].state = PlacementState.DELETING
    assert sweep._delete_due(report) == {}
    assert rental.mark in node.resources()


def test_more_than_a_few_at_once_are_a_wrong_database(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    for mark in leak_marks(MOST_LEAKS + 1):
        node.plant(mark)
    for _ in range(5):
        swept = sweep.sweep("node1")
        assert swept.report.too_many
        assert swept.deleted == {}
        assert swept.again == EVERY
        world.clock.advance(minutes=61)
    assert len(node.resources()) == MOST_LEAKS + 1
    assert "release" not in node.calls
    told = notices(world)
    assert [(notice.data["node"], notice.data["deleted"]) for notice in told] == [("node1", False)]
    assert len(told[0].data["marks"]) == MOST_LEAKS + 1


def test_a_few_at_once_are_deleted_and_told_in_one_notice(world: World, sweep: Sweep) -> None:
    for mark in leak_marks(MOST_LEAKS):
        world.nodes["node1"].plant(mark)
    sweep.sweep("node1")
    world.clock.advance(minutes=10)
    sweep.sweep("node1")
    assert world.left() == {}
    assert [len(notice.data["marks"]) for notice in notices(world)] == [MOST_LEAKS]


def test_the_process_may_die_between_the_sights(world: World) -> None:
    world.nodes["node1"].plant(LEAK)
    Sweep(world.context, world.nodes).sweep("node1")
    world.restart()
    world.clock.advance(minutes=10)
    Sweep(world.context, world.nodes).sweep("node1")
    assert world.left() == {}


def test_a_node_that_is_down_is_passed_over_and_the_other_swept(world: World, sweep: Sweep) -> None:
    for node in world.nodes.values():
        node.plant(LEAK)
        sweep.sweep(node.name)
    world.nodes["node1"].go_down()
    world.clock.advance(minutes=10)
    silent = sweep.sweep("node1")
    assert "switched off" in silent.report.error
    assert sweep.sweep("node2").deleted == {LEAK: RemainingResources()}
    assert rows(world, "node1") == [LEAK], "a silent node shows nothing, which is not the same as gone"
    world.nodes["node1"].come_back()
    assert sweep.sweep("node1").deleted == {LEAK: RemainingResources()}
    assert world.left() == {}
    assert [notice.data["node"] for notice in notices(world)] == ["node2", "node1"]


@pytest.mark.parametrize("method", ["marked", "machines", "tidy"])
def test_a_look_that_is_cut_off_changes_nothing(world: World, sweep: Sweep, method: str) -> None:
    node = world.nodes["node1"]
    node.plant(LEAK)
    sweep.sweep("node1")
    world.clock.advance(minutes=10)
    node.fail_next(method, NodeDown("node1", Refusal.DOWN, "timeout"))
    assert sweep.sweep("node1").report.error
    assert LEAK in node.resources()
    assert sweep.sweep("node1").deleted == {LEAK: RemainingResources()}


def test_a_deletion_that_takes_time_is_finished_by_later_passes(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"delete_seconds": 25})
    sweep = Sweep(world.context, world.nodes)
    plant_all(world.nodes["node1"])
    world.clock.advance(seconds=sweep.sweep("node1").again.total_seconds())
    swept = sweep.sweep("node1")
    assert swept.deleted[LEAK].kinds() == ["network", "port", "security_group", "server"]
    assert swept.again == timedelta(seconds=10)
    world.restart()
    sweep = Sweep(world.context, world.nodes)
    for _ in range(3):
        assert notices(world) == []
        world.clock.advance(seconds=sweep.sweep("node1").again.total_seconds())
    sweep.sweep("node1")
    assert world.left() == {}
    kinds = "floating_ip, network, port, security_group, server"
    assert [notice.data["marks"] for notice in notices(world)] == [[f"{LEAK} ({kinds})"]]


def test_a_leak_that_is_half_deleted_is_finished(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    node.plant(LEAK)
    for kind in ("server", "floating_ip"):
        node.vanish(LEAK, kind)
    sweep.sweep("node1")
    world.clock.advance(minutes=10)
    node.fail_next("release", NodeDown("node1", Refusal.DOWN, "lost"), after=True)
    sweep.sweep("node1")
    world.clock.advance(seconds=10)
    sweep.sweep("node1")
    assert world.left() == {}
    assert rows(world) == []
    assert [notice.data["marks"] for notice in notices(world)] == [[f"{LEAK} (port, security_group)"]]


def test_a_leak_that_cannot_be_deleted_stops_no_other(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    other = "kws-zzzzzzzzzz"
    node.plant(LEAK)
    node.plant(other)
    sweep.sweep("node1")
    world.clock.advance(minutes=10)
    node.fail_next("release", NodeRefused("node1", Refusal.INVALID, "no"), times=1)
    waits = [sweep.sweep("node1").again]
    assert set(node.resources()) == {LEAK}
    for _ in range(12):
        node.fail_next("release", NodeRefused("node1", Refusal.INVALID, "no"))
        world.clock.advance(seconds=waits[-1].total_seconds())
        waits.append(sweep.sweep("node1").again)
    assert waits[:3] == [timedelta(seconds=s) for s in (10, 20, 40)]
    assert waits[-1] == EVERY
    assert [notice.data["marks"][0].split()[0] for notice in notices(world)] == [other]


def test_what_is_left_of_a_rental_that_is_gone_there_is_a_leak(world: World, sweep: Sweep) -> None:
    rental = world.ready()
    assert rental.placement
    node = world.nodes[rental.placement.node]
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    node.plant(rental.mark)
    found = sweep.sweep(node.name).report.leaks
    assert [(leak.mark, leak.name, leak.owner) for leak in found] == [(rental.mark, "web01", MINA.id)]
    world.clock.advance(minutes=10)
    sweep.sweep(node.name)
    assert world.left() == {}


def test_what_a_node_was_left_for_and_shows_late_is_a_leak_though_the_rental_lives(
    world: World, sweep: Sweep
) -> None:
    world.nodes["node1"].fail_next("ensure_server", NodeRefused("node1", Refusal.QUOTA, "no"))
    rental = world.ready()
    assert rental.placement
    assert rental.placement.node == "node2"
    world.nodes["node1"].plant(rental.mark)
    for name in world.nodes:
        sweep.sweep(name)
    world.clock.advance(minutes=10)
    for name in world.nodes:
        sweep.sweep(name)
    assert set(world.left()) == {"node2"}
    assert rental.mark in world.left()["node2"]


@pytest.mark.parametrize("ticks", [0, 1, 2, 3, 12])
def test_nothing_of_a_rental_at_any_stage_is_a_leak(make_world: Callable[..., World], ticks: int) -> None:
    world = make_world(fakes={"build_seconds": 5, "delete_seconds": 5})
    sweep = Sweep(world.context, world.nodes)
    rental = world.rent(**OWN)
    world.settle(ticks)
    for name in world.nodes:
        assert sweep.survey(name).leaks == []
    world.settle(12)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle(ticks)
    for name in world.nodes:
        assert sweep.survey(name).leaks == []


def test_a_persons_network_stays_while_it_is_used_there(world: World, sweep: Sweep) -> None:
    rental = world.ready(**OWN)
    assert rental.placement
    assert rental.network_id
    name, network = rental.placement.node, owner_tag(rental.network_id)
    other = "node2" if name == "node1" else "node1"
    plant_all(world.nodes[other], LEAK)
    for _ in range(3):
        for each in world.nodes:
            sweep.sweep(each)
        world.clock.advance(minutes=10)
    assert set(world.left()) == {name}
    assert set(world.left()[name]) == {rental.mark, network}


def test_a_persons_network_that_was_left_behind_goes(world: World, sweep: Sweep) -> None:
    rental = world.ready(**OWN)
    assert rental.placement
    assert rental.network_id
    node, mark = world.nodes[rental.placement.node], owner_tag(rental.network_id)
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    node.ensure_address(
        ServerSpec(
            LEAK, "x", "debian-12", Size("s", 1, 512, 1), "", network=NetworkSpec(mark, "m", "10.9.0.0/24")
        )
    )
    sweep.sweep(node.name)
    world.clock.advance(minutes=10)
    assert set(sweep.sweep(node.name).deleted) == {LEAK, mark}
    assert world.left() == {}


def test_a_node_that_was_renamed_keeps_what_lives_on_it(world: World, sweep: Sweep) -> None:
    """nodes.toml now calls it otherwise: its rentals' placements are elsewhere, and never were here."""
    rental = world.ready(**OWN)
    assert rental.placement
    assert rental.network_id
    renamed = Sweep(world.context, {"pc7": world.nodes[rental.placement.node]})
    for _ in range(3):
        report = renamed.sweep("pc7").report
        world.clock.advance(minutes=10)
    assert report.leaks == []
    assert {leak.mark for leak in report.elsewhere} == {rental.mark, owner_tag(rental.network_id)}
    assert rental.mark in world.left()[rental.placement.node]


def test_leaks_of_one_date_are_told_once_and_none_is_forgotten(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    marks = leak_marks(3)
    for mark in marks:
        node.plant(mark)
        sweep.sweep("node1")
        world.clock.advance(minutes=10)
        sweep.sweep("node1")
    assert world.left() == {}
    assert len(notices(world)) == 1
    world.clock.advance(hours=24)
    sweep.sweep("node1")
    told = [text.split()[0] for notice in notices(world) for text in notice.data["marks"]]
    assert sorted(told) == sorted(marks)
    assert len(notices(world)) == 2
    assert rows(world) == []


def test_flavors_that_no_server_uses_go_as_well(world: World, sweep: Sweep) -> None:
    node = world.nodes["node1"]
    node.spare_flavors = ["kws-1c-333m-3g"]
    assert sweep.survey("node1").flavors == ["kws-1c-333m-3g"]
    assert node.spare_flavors
    sweep.sweep("node1")
    assert node.spare_flavors == []


# -- the other way round


def test_a_rental_without_machine_is_reported(world: World, sweep: Sweep) -> None:
    rental = world.ready()
    assert rental.placement
    node = world.nodes[rental.placement.node]
    assert sweep.survey(node.name).lost == []
    node.vanish(rental.mark)
    assert [(one.mark, one.name, one.owner) for one in sweep.survey(node.name).lost] == [
        (rental.mark, "web01", MINA.id)
    ]
    assert sweep.sweep(node.name).deleted == {}
    assert world.look(rental).status is Status.READY, "the loop ends it, after two looks of its own"


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("stopped", [False, True])
def test_a_machine_deleted_behind_our_back_ends_its_rental_with_the_reason_told(
    make_world: Callable[..., World], kind: Kind, stopped: bool
) -> None:
    world = make_world()
    image = "debian-12" if kind is Kind.SERVER else "nginx:latest"
    rental = world.ready(kind=kind, image=image)
    if stopped:
        from kws_core.database import queries
        from kws_core.tables.details.events import Stopped

        with world.store.write() as session:
            row = queries.rental(session, rental.id)
            assert row
            row.stopped_at = world.clock()
            row.move_to(Status.STOPPED, world.clock(), event=Stopped(world.clock()))
    assert rental.placement
    world.nodes[rental.placement.node].vanish(rental.mark, kind.value)
    assert [one.mark for one in Sweep(world.context, world.nodes).survey(rental.placement.node).lost] == [
        rental.mark
    ]
    world.clock.advance(minutes=6)
    world.settle(30)
    rental = world.look(rental)
    assert (rental.status, rental.reason) == (Status.ENDED, Reason.VANISHED)
    told = [(event.kind.value, event.data) for event in world.rental_queries.history(rental.id)][-2:]
    assert told[0][0] == "vanished"
    assert told[0][1]["reason"] == "vanished"
    assert told[1] == ("ended", {"why": "vanished"})
    assert world.left() == {}


# -- who runs it


def test_the_loop_sweeps_each_node_by_itself(world: World) -> None:
    for node in world.nodes.values():
        node.plant(LEAK)
    world.tick()
    assert [node.calls.count("marked") for node in world.nodes.values()] == [0, 0]
    world.nodes["node1"].go_down()
    world.clock.advance(seconds=FIRST.total_seconds())
    world.tick()
    assert rows(world) == [LEAK]
    for _ in range(11):
        world.clock.advance(minutes=1)
        world.tick()
    assert set(world.left()) == {"node1"}
    assert world.nodes["node2"].calls.count("marked") == 2, "again after ten minutes, not before"
    world.nodes["node1"].come_back()
    for _ in range(30):
        world.clock.advance(minutes=1)
        world.tick()
    assert world.left() == {}


class Noting(Inline):
    """Keeps on which executor what ran."""

    def __init__(self, sort: str, ran: list[tuple[str, str]]) -> None:
        self.sort, self.ran = sort, ran

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.ran.append((self.sort, str(args[1])))
        return super().submit(fn, *args, **kwargs)


def test_it_runs_on_the_nodes_refresh_thread(world: World) -> None:
    ran: list[tuple[str, str]] = []
    world.reconciler.executors = lambda node, sort: Noting(sort, ran)
    world.tick()
    world.clock.advance(seconds=FIRST.total_seconds())
    world.tick()
    assert [on for on, what in ran if what == "sweep"] == ["refresh", "refresh"]


def test_a_node_without_leaks_is_looked_at_hourly(world: World) -> None:
    world.tick()
    for _ in range(3 * 60):
        world.clock.advance(minutes=1)
        world.tick()
    assert {node.calls.count("marked") for node in world.nodes.values()} == {3}


def test_leaks_stay_where_the_loop_is_told_to_leave_them(world: World) -> None:
    world.reconciler.sweeps = False
    world.nodes["node1"].plant(LEAK)
    for _ in range(30):
        world.clock.advance(minutes=1)
        world.tick()
    assert world.left() != {}
    assert rows(world) == []
