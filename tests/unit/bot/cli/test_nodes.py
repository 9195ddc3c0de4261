"""``kws nodes``, ``kws rentals --month`` and ``kws audit`` as people type them."""

from __future__ import annotations

import csv
import getpass
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.typed_kit import NODES, Typed
from harness.world import JOON, MINA, World

from kws_core.forms.ssh_keys import generate
from kws_core.rentals.saved_keys import KeyRing
from kws_core.tables.event_kinds import EventKind

NOTIFIED = "Rentals whose owners will be notified by the running bot: 1.\n"


def test_nodes_says_lent_free_and_measured(world: World, typed: Typed) -> None:
    rental = world.ready()
    assert rental.placement
    world.clock.advance(seconds=61)
    world.tick()
    rows = {row["name"]: row for row in typed("nodes", "--json").rows}
    row = rows[rental.placement.node]
    assert (row["state"], row["rentals"], row["kinds"]) == ("up", 1, ["server"])
    assert (row["vcpus"], row["lent_vcpus"], row["free_vcpus"], row["measured_vcpus"]) == (6, 1, 5, 64)
    assert (row["builds"], row["max_builds"], row["drained"], row["error"]) == (0, 2, False, None)
    assert isinstance(row["latency_ms"], int)
    (line,) = [line for line in typed("nodes").out.splitlines() if line.startswith(row["name"])]
    assert " 1/5/6 (1 of 64) " in line


def test_drain_and_undrain(world: World, typed: Typed) -> None:
    rental = world.ready()
    assert rental.placement
    node = rental.placement.node
    done = typed("nodes", "drain", node, "--tell", "2026-12-10", "--reason", "new disk")
    assert (done.code, done.out) == (
        0,
        f"{node} is in maintenance and won't get new rentals.\n" + NOTIFIED,
    )
    (told,) = [e.data for e in world.rental_queries.history(rental.id) if e.kind is EventKind.NODE_DRAINED]
    assert told == {"node": node, "until": "2026-12-10", "reason": "new disk", "via": "cli"}
    assert {row["name"]: row["state"] for row in typed("nodes", "--json").rows}[node] == "drained"
    assert typed("nodes", "drain", node).out == f"{node} is in maintenance and won't get new rentals.\n"
    assert typed("nodes", "undrain", node).out == f"Maintenance ended. {node} gets new rentals again.\n"
    assert typed("nodes", "undrain", node).out == f"{node} wasn't in maintenance.\n"


@pytest.mark.parametrize(
    ("typed_words", "said"),
    [
        (("drain", "nod1"), "kws: Unknown option: nod1. Did you mean node1?\n"),
        (("undrain", "nod1"), "kws: Unknown option: nod1. Did you mean node1?\n"),
        (("drain", "gpu"), "kws: Unknown option: gpu. Available: node1, node2\n"),
        (("drain", "node1", "--tell", "soon"), "kws: --tell: 'soon' isn't a date. Try 2026-12-24.\n"),
        (("drain", "node1", "--tell", "2026-11-01"), "kws: That date has passed. Today is Tue, Dec 1, 2026.\n"),
        (("drain", "node1", "--reason", "x" * 201), "kws: Enter up to 200 characters.\n"),
    ],
)  # fmt: skip
def test_what_is_refused(typed: Typed, world: World, typed_words: tuple[str, ...], said: str) -> None:
    result = typed("nodes", *typed_words)
    assert (result.code, result.err) == (2, said)
    assert not any(status.room.drained for status in world.rental_queries.nodes())


def test_a_node_that_nodes_toml_has_no_more(world: World, typed: Typed, tmp_path: Path) -> None:
    rental = world.ready()
    assert rental.placement
    assert rental.placement.node == "node1"
    only = NODES[: NODES.index("[[nodes]]")] + NODES[NODES.rindex("[[nodes]]") :]
    (tmp_path / "nodes.toml").write_text(only)
    rows = {row["name"]: row for row in typed("nodes", "--json").rows}
    assert (rows["node1"]["state"], rows["node1"]["rentals"]) == ("not in nodes.toml", 1)
    assert rows["node1"]["lent_vcpus"] == 1
    assert "not in nodes.toml" in typed("nodes").out
    refused = typed("nodes", "drain", "node1")
    assert (refused.code, "no longer in nodes.toml" in refused.err) == (2, True)
    (row,) = typed("rentals", "--json").rows
    assert (row["name"], row["node"]) == ("web01", "node1")


def test_rentals_that_wait_have_a_position_or_a_first_day(
    make_world: Callable[..., World], typed: Typed
) -> None:
    world = make_world(1, vcpus=1)
    world.ready("a1", ends_on=world.day(3))
    world.rent("web01", JOON, wait=True, wait_until=world.day(2), ends_on=world.day(9))
    world.rent("exam", starts_on=world.day(20), ends_on=world.day(21))
    rows = {row["name"]: row for row in typed("rentals", "--json").rows}
    said = {
        name: (row["status"], row["position"], row["starts_on"], row["wait_until"])
        for name, row in rows.items()
    }
    assert said == {
        "a1": ("ready", None, None, None),
        "web01": ("waiting", 1, None, world.day(2).isoformat()),
        "exam": ("waiting", None, world.day(20).isoformat(), None),
    }
    assert "waiting" in typed("rentals").out


def test_a_month_as_table_json_and_csv(world: World, typed: Typed, tmp_path: Path) -> None:
    world.ready("web01")
    world.ready("web02", JOON, size="large")
    world.clock.advance(hours=10)
    rows = typed("rentals", "--month", "2026-12", "--json").rows
    assert {row["person"]: (row["rentals"], row["vcpu_hours"]) for row in rows} == {
        MINA.id: (1, pytest.approx(10, abs=0.02)),
        JOON.id: (1, pytest.approx(20, abs=0.02)),
    }
    assert JOON.id in typed("rentals", "--month", "2026-12").out
    assert typed("rentals", "--month", "2026-11").out == "No rentals in that month.\n"
    assert typed("rentals", "--month", "2026-12", "--csv", "usage.csv").code == 0
    text = (tmp_path / "usage.csv").read_bytes().decode("utf-8-sig")
    assert [row["person"] for row in csv.DictReader(io.StringIO(text))] == [JOON.id, MINA.id]
    for wrong in ("2026-13", "soon", "2026"):
        assert (typed("rentals", "--month", wrong).code) == 2
    assert typed("rentals", "--csv", "usage.csv").code == 2


def test_audit(world: World, typed: Typed) -> None:
    me = f"cli:{getpass.getuser()}"
    rental = world.ready()
    key = KeyRing(world.context).add(MINA, "laptop", generate("x").public, via="form")
    typed("nodes", "drain", "node2", "--reason", "old")
    typed("nightly")
    rows = typed("audit", "--json").rows
    assert [(row["who"], row["what"], row["from"]) for row in rows[-3:]] == [
        (MINA.id, "key_saved", "form"),
        (me, "drain", "cli"),
        (me, "nightly", "cli"),
    ]
    assert rows[-3]["more"] == {"name": "laptop", "fingerprint": key.fingerprint}
    assert rows[-2]["more"] == {"node": "node2", "reason": "old", "told": 0}
    assert rows[-2]["at"].startswith("2026-12-01 12:00:")
    assert {row["rental"] for row in typed("audit", "--rental", "web01", "--json").rows} == {"web01"}
    assert {row["id"] for row in typed("audit", "--rental", rental.id, "--json").rows} == {rental.id}
    assert len(typed("audit", "--person", me, "--json").rows) == 2
    assert len(typed("audit", "--limit", "1", "--json").rows) == 1
    assert typed("audit", "--since", "2026-12-02").out == "No entries.\n"
    assert 'reason="old"' in typed("audit").out
    assert typed("audit", "--since", "yesterday").code == 2


def test_asks_lists_what_waits_for_an_admin(world: World, typed: Typed) -> None:
    assert typed("asks").out == "There are no requests.\n"
    world.rent(ends_on=world.day(120), ask="for the exam")
    (row,) = typed("asks", "--json").rows
    assert (row["name"], row["person"], row["what"], row["size"]) == ("web01", MINA.id, "rent", "small")
    assert (row["until"], row["beyond"], row["reason"]) == ("2027-03-31", "end_late", "for the exam")
