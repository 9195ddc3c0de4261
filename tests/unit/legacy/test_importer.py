"""Machines of the system before KWS become rentals: only real ones, only once, and nobody is surprised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from harness.legacy_kit import Row, container, fill, server
from harness.night_kit import Killed, Mortal
from harness.world import MINA, World
from sqlalchemy import select

from kws_core.errors import ConfigError, NodeDown, Refusal
from kws_core.legacy import source
from kws_core.legacy.importer import ImportOptions, ImportOutcome, LegacyImporter, Verdict
from kws_core.nodes.fake.importer import FakeImporter
from kws_core.nodes.values import MachineState
from kws_core.reports.metrics import figures
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from kws_core.values import Kind

ADDRESS = "192.168.0.201"
TERMS = ImportOptions({"김민아": MINA.id})


class Move:
    """A lab in the middle of moving: the old tables in a file, and fake nodes with the old machines."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.url = f"sqlite:///{folder / 'old.db'}"
        self.importers = {name: FakeImporter(node) for name, node in world.nodes.items()}

    def day(self, days: int) -> date:
        return self.world.day(days)

    def rows(self, *servers: Row, containers: tuple[Row, ...] = ()) -> None:
        fill(self.url, servers, containers)

    def run(self, terms: ImportOptions = TERMS, dry_run: bool = False) -> list[ImportOutcome]:
        return LegacyImporter(self.world.context, self.importers, terms).run(
            source.read(self.url), dry_run=dry_run
        )

    def rental(self) -> Rental:
        (rental,) = self.world.rental_queries.all_rentals()
        return rental

    def kinds(self) -> list[str]:
        return self.world.kinds(self.rental())


@pytest.fixture
def move(world: World, tmp_path: Path) -> Move:
    return Move(world, tmp_path)


def one(move: Move, days: int = 30, **more: object) -> None:
    """One server in the table and on the node."""
    move.rows(server("Web01", move.day(days)))
    move.importers["node1"].plant("Web01", ADDRESS, **more)  # type: ignore[arg-type]


def test_a_server_is_taken_as_it_runs(move: Move) -> None:
    one(move)
    (outcome,) = move.run()
    assert (outcome.verdict, outcome.why, outcome.until) == (Verdict.TAKEN, "", move.day(30))
    rental = move.rental()
    assert (rental.name, rental.login, rental.owner) == ("web01", "Web01", MINA.id)
    assert (rental.status, rental.size, rental.ends_on) == (Status.READY, "small", move.day(30))
    assert rental.placement and (rental.placement.node, rental.placement.floating_ip) == ("node1", ADDRESS)
    assert move.world.nodes["node1"].machines()[rental.mark].id == rental.placement.server_id
    assert move.kinds() == ["adopted"]
    move.world.settle(5)
    move.world.clock.advance(minutes=20)
    move.world.settle(5)
    assert move.rental().status is Status.READY  # it is found by its mark
    calls = move.world.nodes["node1"].calls
    assert not {"ensure_server", "ensure_address", "release", "act", "put_key"} & set(calls)


def test_twice_is_once(move: Move) -> None:
    one(move)
    move.run()
    (again,) = move.run()
    assert (again.verdict, again.rental) == (Verdict.BEFORE, move.rental().id)
    assert move.kinds() == ["adopted"]
    assert move.run(dry_run=True)[0].verdict is Verdict.BEFORE


def test_a_dry_run_only_looks(move: Move) -> None:
    one(move, days=-5)
    (outcome,) = move.run(dry_run=True)
    assert (outcome.verdict, outcome.until) == (Verdict.WOULD_TAKE, move.day(7))
    assert outcome.why == f"its end date was {move.day(-5)}"
    assert list(move.world.rental_queries.all_rentals()) == []
    assert move.world.left() == {}
    assert "adopt" not in move.world.nodes["node1"].calls


def test_a_container_and_its_address_on_the_network(move: Move) -> None:
    move.rows(containers=(container("nginx1", move.day(20)),))
    planted = move.importers["node1"].plant("nginx1", "192.168.0.77", Kind.CONTAINER)
    assert move.run()[0].verdict is Verdict.TAKEN
    rental = move.rental()
    assert (rental.kind, rental.image, rental.size) == (Kind.CONTAINER, "nginx:latest", "custom")
    assert (rental.vcpus, rental.ram_mb, rental.disk_gb) == (1, 512, 0)  # the smallest: nobody limited it
    assert rental.placement and (rental.placement.server_id, rental.placement.floating_ip) == (
        planted.id,
        "192.168.0.77",
    )


@pytest.mark.parametrize("days", [-400, -1, 0, 1])
def test_nobody_loses_a_machine_in_the_first_night(
    make_world: Callable[..., World], tmp_path: Path, days: int
) -> None:
    world = make_world()
    move = Move(world, tmp_path)
    one(move, days=days)
    move.run()
    rental = move.rental()
    assert rental.ends_on == world.day(7)
    world.deliver_all()
    for _ in range(8):  # nights, in which Slack takes nothing more
        world.midnight(1, minutes=1)
        world.nightly.tick()
        assert move.rental().status is Status.READY
    world.deliver_all()  # now the warning arrives
    world.midnight(1, minutes=1)
    world.nightly.tick()
    assert move.rental().status is Status.ENDING
    assert any(
        e.key and e.delivered_at
        for e in world.rental_queries.history(rental.id)
        if e.kind is EventKind.WARNED
    )
    world.settle()
    assert world.left() == {}


def test_an_end_with_time_to_warn_stays_even_beyond_the_policy(move: Move) -> None:
    one(move, days=400)
    assert move.run()[0].until == move.day(400)


@pytest.mark.parametrize(
    ("plant", "why"),
    [
        ({}, "node1 has no server with that name, or it's already in KWS"),
        ({"name": "Web01", "address": "192.168.0.9"}, "its address on node1 is 10.9.0.1, 192.168.0.9, not 192.168.0.201"),
        ({"name": "web01", "address": ADDRESS}, "node1 has no server with that name"),
        ({"name": "Web01", "address": ADDRESS, "state": MachineState.BROKEN}, "its state on node1 is broken"),
        ({"name": "Web01", "address": ADDRESS, "kind": Kind.CONTAINER}, "node1 has no server with that name"),
    ],
)  # fmt: skip
def test_only_what_is_really_there(move: Move, plant: dict[str, object], why: str) -> None:
    move.rows(server("Web01", move.day(9)))
    if plant:
        move.importers["node1"].plant(**plant)  # type: ignore[arg-type]
    (outcome,) = move.run()
    assert outcome.verdict is Verdict.NOT_TAKEN and outcome.why.startswith(why)
    assert list(move.world.rental_queries.all_rentals()) == []


def test_two_of_one_name_and_address_are_nobodys(move: Move) -> None:
    one(move)
    move.importers["node1"].plant("Web01", ADDRESS)
    assert move.run()[0].why == "node1 has 2 servers with that name and address"


def test_each_reason_is_told_and_the_others_are_taken(move: Move) -> None:
    world = move.world
    world.ready("taken")
    day = move.day(10)
    rows = [
        server("good", day), server("stranger", day, user="박준"), server("far", day, node="node4"),
        server("Taken", day), server("sized", day, flavor_name="odd"), server("silent", day, node="node2"),
    ]  # fmt: skip
    move.rows(*rows)
    for row in rows:
        if row["node_name"] == "node1":
            move.importers["node1"].plant(row["server_name"], ADDRESS)
    world.nodes["node2"].go_down()
    found = {outcome.row.name: outcome for outcome in move.run()}
    assert {name for name, o in found.items() if o.verdict is Verdict.TAKEN} == {"good", "sized"}
    assert found["stranger"].why == "no Slack user ID is known for '박준'. Add a line to the --owners file"
    assert (
        found["far"].why == "node4 isn't in nodes.toml. If it has another name there, add --node node4=NAME"
    )
    assert found["Taken"].why == "another rental has the name taken"
    assert found["silent"].why == "node2 didn't respond (down). Try again later"
    world.nodes["node2"].come_back()
    move.importers["node2"].plant("silent", ADDRESS)
    move.importers["node2"].plant("far", ADDRESS)
    terms = ImportOptions({"김민아": MINA.id}, others="U0LAB", nodes={"node4": "node2"})
    again = {outcome.row.name: outcome for outcome in move.run(terms)}
    assert {name for name, o in again.items() if o.verdict is Verdict.TAKEN} == {"stranger", "far", "silent"}
    assert (again["far"].node, again["stranger"].owner) == ("node2", "U0LAB")
    sized = next(r for r in world.rental_queries.all_rentals() if r.name == "sized")
    assert (sized.size, sized.vcpus, sized.ram_mb, sized.disk_gb) == ("custom", 3, 3000, 7)


def test_a_machine_of_ours_is_not_taken_twice(move: Move) -> None:
    """Two rows that mean one machine: the second finds it marked."""
    move.rows(server("Web01", move.day(9)), containers=(container("web01", move.day(9)),))
    move.importers["node1"].plant("Web01", ADDRESS)
    move.importers["node1"].plant("web01", "192.168.0.77", Kind.CONTAINER)
    verdicts = [(o.row.kind.value, o.verdict.value) for o in move.run()]
    assert verdicts == [("container", "imported"), ("server", "not imported")]


@pytest.mark.parametrize("after", [False, True])
def test_a_node_that_fails_while_it_marks(move: Move, after: bool) -> None:
    one(move)
    move.world.nodes["node1"].fail_next("adopt", NodeDown("node1", Refusal.DOWN, "lost"), after=after)
    (first,) = move.run()
    assert first.why == "node1 couldn't tag it. Run the command again within an hour"
    assert move.kinds() == []  # its owner has heard nothing
    (second,) = move.run()
    assert second.verdict is Verdict.TAKEN
    assert move.kinds() == ["adopted"]
    assert move.world.nodes["node1"].duplicates() == []


@pytest.mark.parametrize("point", range(1, 8))
def test_a_kill_at_any_commit_is_finished_by_the_next_run(
    move: Move, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    one(move)
    with monkeypatch.context() as patch:
        mortal = Mortal(move.world, patch)
        mortal.die_at = point
        try:
            move.run()
        except Killed:
            assert point <= 6
        else:
            assert point == 7  # there are no more commits than those
    move.run()
    rental = move.rental()
    assert (rental.status, move.kinds()) == (Status.READY, ["adopted"])
    assert list(move.world.nodes["node1"].machines()) == [rental.mark]


def test_what_was_given_up_before_it_was_marked_can_be_taken_again(move: Move) -> None:
    one(move)
    move.world.nodes["node1"].fail_next("adopt", NodeDown("node1", Refusal.DOWN, "lost"))
    move.run()
    move.world.clock.advance(hours=2)
    move.world.settle(15)  # the loop found no machine with its mark
    assert list(move.world.rental_queries.all_rentals()) == []
    assert len(move.importers["node1"].strays(Kind.SERVER)) == 1  # and touched nothing
    assert move.run()[0].verdict is Verdict.TAKEN
    assert move.rental().status is Status.READY


def test_what_was_taken_and_returned_stays_returned(move: Move) -> None:
    one(move)
    move.run()
    move.world.rental_service.return_rental(MINA, move.rental().id)
    move.world.settle()
    assert move.world.left() == {}
    (again,) = move.run()
    assert (again.verdict, again.why) == (Verdict.BEFORE, "it has ended")


def test_a_stopped_one_stays_stopped(move: Move) -> None:
    one(move, state=MachineState.STOPPED)
    assert move.run()[0].verdict is Verdict.TAKEN
    assert move.rental().switched_off
    move.world.settle()
    assert move.world.nodes["node1"].machines()[move.rental().mark].state is MachineState.STOPPED


def test_it_holds_capacity_once_and_is_no_build(move: Move) -> None:
    one(move)
    before = move.world.rental_queries.nodes()[0].room.free_vcpus
    move.run()
    move.world.clock.advance(minutes=2)
    move.world.settle(3)
    assert move.world.rental_queries.nodes()[0].room.free_vcpus == before - 1
    assert figures(move.world.context).builds == {}


@pytest.mark.parametrize("url", ["nonsense", "mysql+nodriver://h/d", "sqlite:///nowhere.db"])
def test_a_database_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError):
        source.read(url)


def test_another_database_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table 'server'"):
        source.read(f"sqlite:///{tmp_path / 'kws.db'}")


def test_the_old_database_is_only_read(move: Move, tmp_path: Path) -> None:
    one(move)
    before = (tmp_path / "old.db").read_bytes()
    move.run()
    assert (tmp_path / "old.db").read_bytes() == before
    with move.world.store.read() as session:
        assert session.scalars(select(Rental.request_key)).one() == "legacy:server:1:Web01"
    assert move.day(1) - move.day(0) == timedelta(days=1)
