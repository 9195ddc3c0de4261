"""The matrix: everything that can be asked for, by everybody. Who may not changes nothing and learns nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from harness.world import WEB
from security.bench import Bench
from security.who_may import AS, ROLES, TABLE, Row
from sqlalchemy import select

from kws_core.asks.service import Asks
from kws_core.copies.service import Copies
from kws_core.forms import ssh_keys
from kws_core.people import Actor
from kws_core.rentals.admission import RentForm
from kws_core.rentals.saved_keys import KeyRing
from kws_core.rentals.service import RentalService
from kws_core.tables.act import Act
from kws_core.tables.event import Event
from kws_core.tables.rental import Ask, Rental
from kws_core.tables.states import CopyState, Status
from slack_workspace import visible_text

REFUSED = (  # the words of every refusal: a person who may not is told so, and no more
    "Only admins can do that", "was deleted or isn't yours", "was removed or isn't yours", "Only workspace members can use KWS",
    "Only people in this workspace can use KWS", "You don't have a rental called", "You don't have a key called",
    "Enter a reason. The admins will see it.", "This network no longer exists",
)  # fmt: skip
IN_TURN = 5  # the fast tests try every row with one of the five; test-thorough with all


class Stage:
    """A bench that can be put back to how it was."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.saved: dict[str, Path] = {}
        self.servers = {name: dict(node.servers) for name, node in bench.nodes.items()}

    def save(self, name: str) -> None:
        self.saved[name] = self.bench.folder / f"{name}.saved"
        self._copy(self.bench.folder / "kws.db", self.saved[name])

    def restore(self, name: str) -> None:
        self._copy(self.saved[name], self.bench.folder / "kws.db")
        for node, servers in self.servers.items():
            self.bench.nodes[node].servers = dict(servers)

    def _copy(self, source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
            one.backup(other)


@pytest.fixture(scope="module")
def stage(make_module_bench: Callable[..., Bench]) -> Iterator[Stage]:
    """Mina has a server that is ready, a copy of it, a saved key and a network of her own; everybody was seen once."""
    bench = make_module_bench(policy="grace_hours = 48\nmax_vcpus_per_user = 4", web=WEB)
    for name in AS.values():
        bench.send(bench.command(bench.person(name), "help"))
        bench.service.homes.opened(bench.person(name).id, bench.person(name).user.team_id)
    mina = bench.person("mina")
    context, who = bench.service.context, Actor(mina.id)
    KeyRing(context).add(who, "laptop", ssh_keys.generate("laptop").public)
    ends_on, network = context.today(), {"network": "new", "network_name": "mina-net", "cidr": "10.77.0.0/24"}
    RentalService(context).request(
        who, RentForm("web01", "debian-12", "small", ends_on, **network), "first", via="form"
    )
    bench.settle()
    assert bench.rental("web01").status is Status.READY
    kept = Copies(context).request(who, bench.rental("web01").id)
    bench.settle()
    assert Copies(context).get(who, kept.id).state is CopyState.KEPT
    stage = Stage(bench)
    stage.save("ready")
    late = context.today() + timedelta(days=120)
    assert Asks(context).extend(who, bench.rental("web01").id, late, "exam", via="form")
    with bench.service.store.write() as session:
        session.scalars(select(Ask)).unique().one().unanswered_told_at = bench.clock()
    stage.save("asked")
    stage.restore("ready")
    with bench.service.store.write() as session:
        rental = session.scalars(select(Rental)).one()
        rental.copy_at_end = True
    stage.save("planned")
    with bench.service.store.write() as session:
        rental = session.scalars(select(Rental)).one()
        rental.move_at = bench.clock() + timedelta(hours=12)
    stage.save("to be moved")
    with bench.service.store.write() as session:
        rental = session.scalars(select(Rental)).one()
        rental.status, rental.stopped_at = Status.STOPPED, bench.clock()
    stage.save("stopped")
    stage.restore("ready")
    return stage


def cases() -> list[object]:
    """Every cell; what a fast run leaves out is marked."""
    found = []
    for number, row in enumerate(TABLE):
        for turn, role in enumerate(ROLES):
            fast = (number + turn) % IN_TURN == 0
            found.append(
                pytest.param(row, role, id=f"{row}, {role}", marks=[] if fast else pytest.mark.thorough)
            )
    return found


@pytest.mark.parametrize(("row", "role"), cases())
def test_who_may_do_it(stage: Stage, row: Row, role: str) -> None:
    bench = stage.bench
    stage.restore(row.needs)
    person = bench.person(AS[role])
    payload = row.sends(bench, person)
    before, acts, newest = bench.rows(), bench.acts(), _newest(bench)
    with bench.watching(person) as seen:
        bench.send(payload)
    seen["event"], seen["act"] = _since(bench, newest)
    seen["home"] = visible_text(person.home)
    kind, _, wanted = row.seen.partition(":")
    there = wanted in seen.get({"call": "calls", "form": "forms"}.get(kind, kind), "")
    if role in row.may:
        assert there, seen
        return
    assert not there, seen
    assert bench.rows() == before and bench.acts() == acts, "nothing may have changed"
    shown = seen["said"] + (seen["home"] if kind == "home" else "")
    assert any(words in shown for words in REFUSED), f"told nothing: {seen}"
    secret = ("10.77.0", "mina-net", "debian-12", "Kim Mina", "Traceback")
    assert not [word for word in secret if word in shown]
    assert seen["forms"] in ([], ["notice"])


def _newest(bench: Bench) -> tuple[int, int]:
    with bench.service.store.read() as session:
        events, acts = session.scalars(select(Event.id)).all(), session.scalars(select(Act.id)).all()
    return max(events, default=0), max(acts, default=0)


def _since(bench: Bench, newest: tuple[int, int]) -> tuple[list[str], list[str]]:
    with bench.service.store.read() as session:
        events = session.scalars(select(Event.kind).where(Event.id > newest[0])).all()
        acts = session.scalars(select(Act.what).where(Act.id > newest[1])).all()
    return [event.value for event in events], list(acts)
