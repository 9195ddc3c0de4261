"""``kws reconcile`` and ``kws nightly`` as people type them, on fake nodes and a real database."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.commands import GOOD, kws
from harness.typed_kit import NODES, Typed
from harness.world import MINA, World

from bot.service import Service
from kws_core.errors import StoreDown
from kws_core.nightly.cleanup import Nightly
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status
from kws_core.values import owner_tag

LEAK = "kws-abcdefghjk"
UNREACHABLE = """
clouds:
  lab-a:
    auth: {auth_url: 'http://127.0.0.1:9/v3', username: u, password: planted-secret, project_name: p}
"""


def fingerprint(folder: Path) -> dict[str, str]:
    """What is in the database's files; SQLite's index of its log holds no data."""
    files = [path for path in folder.glob("kws.db*") if not path.name.endswith("-shm")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.stat().st_size}


# -- reconcile


def test_a_dry_run_tells_both_ways_and_writes_nothing(world: World, typed: Typed, tmp_path: Path) -> None:
    rental = world.ready()
    assert rental.placement
    node, other = (
        world.nodes[rental.placement.node],
        world.nodes["node2" if rental.placement.node == "node1" else "node1"],
    )
    node.vanish(rental.mark)
    other.plant(LEAK)
    other.plant("somebody-else")
    other.spare_flavors = ["kws-1c-333m-3g"]
    for each in world.nodes.values():
        each.calls.clear()
    before = fingerprint(tmp_path)
    for _ in range(2):
        result = typed("reconcile", "--dry-run", "--json")
        assert result.code == 0, result.err
        world.clock.advance(minutes=11)
    assert fingerprint(tmp_path) == before
    assert {call for each in world.nodes.values() for call in each.calls} == {"marked", "machines", "tidy"}
    assert LEAK in other.resources()
    assert other.spare_flavors
    shown = {(row["node"], row["found"], row["mark"]): row for row in result.rows}
    assert set(shown) == {
        (other.name, "leak", LEAK),
        (other.name, "flavor", "kws-1c-333m-3g"),
        (node.name, "no machine", rental.mark),
    }
    leak = shown[other.name, "leak", LEAK]
    assert leak["kinds"] == "floating_ip, port, security_group, server"
    assert leak["then"] == "first seen now; will delete when seen again"
    lost = shown[node.name, "no machine", rental.mark]
    assert (lost["rental"], lost["owner"], lost["then"]) == (
        "web01",
        MINA.id,
        "will end: deleted outside KWS",
    )
    table = typed("reconcile", "--dry-run").out.splitlines()
    assert table[0].split() == ["node", "found", "mark", "rental", "owner", "kinds", "first_seen", "then"]
    assert len(table) == 4


def test_a_dry_run_says_what_the_next_sweep_would_do(world: World, typed: Typed) -> None:
    world.nodes["node1"].plant(LEAK)
    world.reconciler.sweep.sweep("node1")
    world.clock.advance(minutes=4)
    waiting = typed("reconcile", "--dry-run", "--json").rows[0]
    assert waiting["then"] == "will delete when seen again, in 6 minutes or later"
    assert waiting["first_seen"] == "2026-12-01 12:00+09:00"
    world.clock.advance(minutes=6)
    assert typed("reconcile", "--dry-run", "--json").rows[0]["then"] == "delete: seen twice"
    assert LEAK in world.left()["node1"]


def test_what_was_known_once_is_called_by_its_name(world: World, typed: Typed) -> None:
    rental = world.ready()
    assert rental.placement
    world.rental_service.return_rental(MINA, rental.id)
    world.settle()
    world.nodes[rental.placement.node].plant(rental.mark)
    row = typed("reconcile", "--dry-run", "--json").rows[0]
    assert (row["found"], row["rental"], row["owner"]) == ("leak", "web01", MINA.id)


def test_nothing_to_do_is_said(typed: Typed, world: World) -> None:
    world.ready()
    assert typed("reconcile", "--dry-run").out == "The database and the nodes agree.\n"
    assert typed("reconcile", "--json").rows == []


def test_without_dry_run_it_sweeps(world: World, typed: Typed) -> None:
    node = world.nodes["node1"]
    node.plant(LEAK)
    node.spare_flavors = ["kws-1c-333m-3g"]
    first = typed("reconcile", "--json")
    assert [row["then"] for row in first.rows] == [
        "first seen now; will delete when seen again",
        "deleted: no server used it",
    ]
    assert node.spare_flavors == []
    assert LEAK in node.resources()
    world.clock.advance(minutes=10)
    second = typed("reconcile", "--json")
    assert [row["then"] for row in second.rows] == ["deleted"]
    assert world.left() == {}
    assert second.code == 0


def test_what_takes_time_is_said_and_finished_by_the_next(
    make_world: Any, typed: Typed, world: World
) -> None:
    slow = make_world(fakes={"delete_seconds": 30})
    world.nodes.update(slow.nodes)
    slow.nodes["node1"].plant(LEAK)
    typed("reconcile")
    slow.clock.advance(minutes=10)
    then = typed("reconcile", "--json").rows[0]["then"]
    assert then == "deleting, still there: port, security_group, server"
    slow.clock.advance(seconds=30)
    typed("reconcile")
    assert slow.left() == {}


def test_too_many_at_once_are_kept(world: World, typed: Typed) -> None:
    for letter in "abcdefghjkm":
        world.nodes["node1"].plant(owner_tag(letter * 10))
    for _ in range(2):
        rows = typed("reconcile", "--json").rows
        world.clock.advance(minutes=11)
    assert len(rows) == 11
    assert {row["then"] for row in rows} == {
        "keep: more than 10 at once; check that this is the right database"
    }
    assert len(world.left()["node1"]) == 11


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_silent_node_is_named_and_the_others_are_looked_at(
    world: World, typed: Typed, options: list[str]
) -> None:
    world.nodes["node1"].go_down()
    world.nodes["node2"].plant(LEAK)
    result = typed("reconcile", "--json", *options)
    assert result.code == 1
    assert [(row["node"], row["found"], row["mark"]) for row in result.rows] == [
        ("node1", "no answer", None),
        ("node2", "leak", LEAK),
    ]
    assert "switched off" in result.rows[0]["then"]


def test_a_dry_run_makes_no_database(
    world: World, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KWS_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    world.nodes["node1"].plant(LEAK)
    result = typed("reconcile", "--dry-run", "--json")
    assert (result.code, [row["mark"] for row in result.rows]) == (0, [LEAK])
    assert "there's no database yet" in result.err
    assert not list(tmp_path.glob("elsewhere.db*"))


def test_a_dry_run_migrates_nothing(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('0001')")
    database.close()
    before = old.read_bytes()
    monkeypatch.setenv("KWS_DATABASE_URL", f"sqlite:///{old}")
    result = typed("reconcile", "--dry-run")
    assert result.code == 2
    assert result.err == "kws: the database is from another version of KWS. Run: kws db upgrade\n"
    assert old.read_bytes() == before


def test_a_dry_run_beside_a_running_bot_sees_what_it_just_wrote(world: World, typed: Typed) -> None:
    """What is only in SQLite's write-ahead log yet."""
    rental = world.ready()
    assert typed("reconcile", "--dry-run", "--json").rows == []
    assert rental.placement
    world.rental_service.return_rental(MINA, rental.id)
    assert typed("reconcile", "--dry-run", "--json").rows == []


def test_real_nodes_that_do_not_answer(tmp_path: Path) -> None:
    result = kws(tmp_path, "reconcile", "--dry-run", toml=GOOD, clouds=UNREACHABLE)
    assert result.returncode == 1, result.stderr
    assert "no answer" in result.stdout
    assert "planted-secret" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("kws.db*"))
    unknown = kws(tmp_path, "reconcile", toml=GOOD.replace("lab-a", "lab-x"))
    assert unknown.returncode == 2
    assert "'lab-x'" in unknown.stderr


# -- nightly


def over(world: World, name: str = "web01") -> Rental:
    """A rental whose last day, and whose warning, is long enough ago."""
    rental = world.ready(name, ends_on=world.day(3))
    Nightly(world.context).remind(world.clock() + timedelta(days=3))
    world.deliver_all()
    return rental


def test_nightly_marks_what_is_over_and_the_bot_deletes_it(world: World, typed: Typed) -> None:
    rental = over(world)
    world.clock.advance(days=4)
    result = typed("nightly", "--json")
    assert result.code == 0, result.err
    assert result.rows == [
        {
            "id": rental.id,
            "name": "web01",
            "owner": MINA.id,
            "last_day": rental.ends_on.isoformat(),
            "result": "ending",
            "why": "last day passed",
        }
    ]
    world.settle()
    assert world.look(rental).status is Status.ENDED
    assert typed("nightly").out == "No reminders to send and no rentals to end.\n"


def test_nightly_says_who_deletes(world: World, typed: Typed) -> None:
    over(world)
    world.clock.advance(days=4)
    out = typed("nightly").out.splitlines()
    assert out[0].split() == ["id", "name", "owner", "last_day", "result", "why"]
    assert "running bot deletes" in out[-1]


def test_nightly_warns_first_and_waits_for_who_was_not_warned(world: World, typed: Typed) -> None:
    rental = world.ready(ends_on=world.day(3))
    result = typed("nightly", "--json", "--at", "2026-12-05T00:00")
    assert [(row["result"], row["why"]) for row in result.rows] == [
        ("warned", "expires soon"),
        ("waits", "no expiry reminder was delivered in time"),
    ]
    assert world.look(rental).status is Status.READY
    assert "warned" in world.kinds(rental)


def test_nightly_waits_on_a_quiet_day(world: World, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "nodes.toml").write_text(NODES + "[[policy.quiet]]\nfrom = 2026-12-06\nto = 2026-12-07\n")
    rental = over(world)
    rows = typed("nightly", "--json", "--at", "2026-12-06T00:00").rows
    assert [(row["id"], row["result"], row["why"]) for row in rows] == [
        (rental.id, "waits", "deletion freeze")
    ]
    assert [
        row["result"] for row in typed("nightly", "--json", "--yes", "--at", "2026-12-08T00:00").rows
    ] == ["ending"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("tomorrow", "'tomorrow'"), ("", "''"), ("2026-13-01", "'2026-13-01'"), ("0001-01-01", "0001")],
)
def test_a_moment_that_is_none(typed: Typed, text: str, shown: str) -> None:
    result = typed("nightly", "--at", text)
    assert result.code == 2
    assert result.err.startswith("kws: --at: ")
    assert shown in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("2026-12-05T00:00", True),
        ("2026-12-04T23:59", False),
        ("2026-12-04T15:00Z", True),
        ("2026-12-05", True),
    ],
)
def test_at_is_in_the_labs_zone_unless_it_says_otherwise(
    world: World, typed: Typed, text: str, ends: bool
) -> None:
    rental = over(world)
    world.clock.advance(days=2)
    assert typed("nightly", "--yes", "--at", text).code == 0
    assert (world.look(rental).status is Status.ENDING) is ends


def test_ending_before_the_time_is_asked_on_a_terminal(
    world: World, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    rental = over(world)
    typed.world.answer, asked = False, typed.world.asked
    before = world.kinds(rental)
    result = typed("nightly", "--at", "2026-12-05T00:00")
    assert result.code == 1
    assert len(asked) == 1
    assert "web01" in asked[0]
    assert world.kinds(rental) == before, "nothing was written"
    typed.world.answer = True
    assert typed("nightly", "--at", "2026-12-05T00:00").code == 0
    assert world.look(rental).status is Status.ENDING


@pytest.mark.parametrize("answer", [False, None])
def test_nobody_is_asked_who_said_yes(world: World, typed: Typed, answer: bool | None) -> None:
    rental = over(world)
    typed.world.answer, asked = answer, typed.world.asked
    assert typed("nightly", "--at", "2026-12-05T00:00", "--yes").code == 0
    assert asked == []
    assert world.look(rental).status is Status.ENDING


def test_without_a_terminal_nothing_ends_before_its_time(world: World, typed: Typed) -> None:
    rental = over(world)
    before = world.kinds(rental)
    typed.world.answer = None
    result = typed("nightly", "--at", "2026-12-05T00:00", "--json")
    assert result.code == 2
    assert "web01" in result.err
    assert "--yes" in result.err
    assert world.kinds(rental) == before, "nothing was written"


def test_what_is_still_being_built_does_not_end(world: World, typed: Typed) -> None:
    rental = world.rent(ends_on=world.day(0))
    (row,) = typed("nightly", "--json", "--at", "2026-12-05T00:00").rows
    assert (row["result"], row["why"]) == ("waits", "still creating")
    assert world.look(rental).ends_on == rental.ends_on, "that night is still to come"


def test_nobody_is_asked_when_nothing_would_end(
    world: World, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ready()
    typed.world.answer, asked = False, typed.world.asked
    assert typed("nightly", "--at", "2026-12-05T00:00").code == 0
    assert asked == []


def test_one_rental_that_fails_is_named_and_stops_no_other(
    world: World, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = over(world, "bad"), over(world, "good")
    world.clock.advance(days=4)
    real = Nightly._expire

    def expire(self: Nightly, rental_id: str, *more: Any) -> None:
        if rental_id == bad.id:
            raise RuntimeError("broken row")
        real(self, rental_id, *more)

    monkeypatch.setattr(Nightly, "_expire", expire)
    result = typed("nightly", "--json")
    assert result.code == 1
    assert {(row["name"], row["result"]) for row in result.rows} == {("bad", "failed"), ("good", "ending")}
    assert world.look(good).status is Status.ENDING


def test_nightly_in_a_lab_without_rentals(tmp_path: Path) -> None:
    result = kws(tmp_path, "nightly", "--at", "2026-12-01T00:00", toml=GOOD)
    assert (result.returncode, result.stdout) == (0, "No reminders to send and no rentals to end.\n"), (
        result.stderr
    )
    assert kws(tmp_path, "nightly", "--at", "soon").returncode == 2


@pytest.mark.parametrize(("arguments", "sweeps"), [((), True), (("--no-sweep",), False)])
def test_leaks_can_be_left_alone_after_a_restore(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sweeps: bool
) -> None:
    started: list[bool] = []

    class Noting(Service):
        """Ends as soon as it would begin."""

        def open(self) -> None:
            started.append(self.reconciler.sweeps)
            raise StoreDown("over")

    typed.world.built = Noting
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-planted")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-planted")
    assert typed("run", *arguments).code == 1
    assert started == [sweeps]
