"""Whole lives with secrets in them that can be recognised: they are found nowhere but where they must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zxcvbn
from security import planted
from security.bench import Bench, form
from security.planted import CLOUD_INIT, PASSWORD, PRIVATE, TYPED, files_of, found, logged, others_see
from sqlalchemy import select, text

from bot.ops.health import HealthReport
from bot.ops.watch_server import WatchPages
from bot.views import ids
from kws_core.database.backup import back_up
from kws_core.database.store import Store
from kws_core.errors import NodeDown, NodeRefused, Refusal
from kws_core.forms import cloud_init
from kws_core.rentals import admission
from kws_core.rentals.queries import RentalQueries
from kws_core.reports import usage
from kws_core.reports.audit import Audit
from kws_core.reports.retention import forget
from kws_core.tables.base import Base
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

FORMATS = ("json", pytest.param("pretty", marks=pytest.mark.thorough))


def rent(bench: Bench, name: str, metadata: str = "server more", **fields: Any) -> str:
    """Mina sends the form; what it is answered with."""
    day = {"date": bench.service.context.today().isoformat()}
    values = {"image": {"option": "debian-12"}, "size": {"option": "small"}, **fields}
    view = form(ids.View.RENT, metadata, f"V{name}", name=name, ends_on=day, **values)
    return str(bench.send(bench.submit(bench.person("mina"), view)).body)


@pytest.fixture
def bench(make_module_bench: Callable[..., Bench]) -> Bench:
    bench = make_module_bench()
    for name in ("mina", "joon", "admin"):
        bench.send(bench.command(bench.person(name), "help"))
    return bench


def lives(bench: Bench, trouble: bool = False) -> None:
    """Each way to log in, a container, what is refused; with ``trouble`` also what goes wrong in a node."""
    mina = bench.person("mina")
    rent(bench, "key", cloud_init=CLOUD_INIT)
    rent(bench, "pass", access={"option": "password"}, password=PASSWORD, cloud_init=CLOUD_INIT)
    rent(
        bench, "box", "container", image="nginx:latest",
        environment=f"TOKEN={planted.ENV_SECRET}", command=f"run --token {planted.COMMAND_SECRET}",
    )  # fmt: skip
    # refused, each with the secret in the field
    rent(bench, "weak", access={"option": "password"}, password=PASSWORD + "\u00e9")
    rent(bench, "bad", cloud_init=CLOUD_INIT + "password: " + planted.CLOUD_SECRET)
    rent(bench, "bad", cloud_init=CLOUD_INIT + "chpasswd: [" + planted.CLOUD_SECRET)
    rent(bench, "private", access={"option": "pasted"}, public_key=PRIVATE)
    rent(bench, "box2", "container", image="nginx:latest", environment=f"{planted.ENV_SECRET} no equals sign")
    bench.send(bench.command(mina, f"keys add {PRIVATE}"))
    bench.send(bench.submit(mina, form(ids.View.KEY, '["", false]', public_key=PRIVATE, name="")))
    for node in bench.nodes.values() if trouble else ():
        node.fail_next("ensure_server", NodeRefused(node.name, Refusal.QUOTA, "Quota exceeded"))
        node.fail_next("ensure_address", NodeDown(node.name, Refusal.DOWN, "timed out"))
    bench.settle(30)


def crashes(bench: Bench, patch: pytest.MonkeyPatch) -> None:
    """Tracebacks: in the listener under the database, in the loop, in the notifier."""
    with bench.service.store.write() as session:  # a database that fails with the whole row in its hands
        session.execute(
            text("CREATE TRIGGER broken BEFORE INSERT ON rentals BEGIN SELECT no_such_function(); END")
        )
    answer = rent(
        bench, "boom", access={"option": "password"}, password=PASSWORD, cloud_init=CLOUD_INIT,
    )  # fmt: skip
    assert "Something went wrong" in answer
    rent(bench, "boom2", "container", image="nginx:latest", environment=f"TOKEN={planted.ENV_SECRET}")
    with bench.service.store.write() as session:
        session.execute(text("DROP TRIGGER broken"))

    def breaks(*args: Any, **more: Any) -> Any:
        raise RuntimeError("a bug of ours")

    for module, name in (
        (admission, "hash_password"),
        (zxcvbn, "zxcvbn"),
        (admission, "parse_cloud_init"),
    ):
        with patch.context() as inner:
            inner.setattr(module, name, breaks)
            answer = rent(
                bench, "boom3", access={"option": "password"}, password=PASSWORD, cloud_init=CLOUD_INIT
            )
            assert "Something went wrong" in answer
    with patch.context() as inner:
        inner.setattr(cloud_init, "user_data", breaks)
        rent(bench, "loop", access={"option": "password"}, password=PASSWORD, cloud_init=CLOUD_INIT)
        bench.settle(4)
    with patch.context() as inner:
        inner.setattr(bench.service.notifier, "upload", breaks)
        rent(bench, "upload", cloud_init=CLOUD_INIT)
        bench.settle(4)


def private_keys(bench: Bench) -> list[str]:
    """The secret line of each key file that mina has been sent."""
    mina = bench.person("mina")
    files = [mina.download(file).decode().splitlines() for file in mina.files()]
    assert len(files) >= 2, "keys were sent, each also as PuTTY's file"
    putty = "Private-Lines: 1"
    return [lines[lines.index(putty) + 1] if putty in lines else lines[-3] for lines in files]


def figures(bench: Bench) -> str:
    """Health, metrics, trail and CSV."""
    pages = WatchPages(bench.service.health, bench.service.metrics)
    seen: list[str] = [str(HealthReport)]
    for path in ("/healthz", "/livez", "/metrics", "/else"):
        seen += [b.decode() for b in pages({"PATH_INFO": path, "REQUEST_METHOD": "GET"}, lambda *_: None)]
    context = bench.service.context
    first = context.today().replace(day=1)
    seen.append(usage.to_csv(usage.rows(first, usage.UsageReport(context).month(first), {})))
    seen += [repr(line) for line in Audit(context).trail(limit=500)]
    return "\n".join(seen)


def rows(bench: Bench) -> dict[str, str]:
    """Every column of every table."""
    with bench.service.store.read() as session:
        return {
            f"{table.name}.{column.name}": str(session.execute(select(column)).all())
            for table in Base.metadata.sorted_tables
            for column in table.columns
        }


@pytest.mark.parametrize("log_format", FORMATS)
def test_whole_lives(bench: Bench, log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = (bench.workspace.bot_token, planted.SIGNING_SECRET)
    with logged(log_format) as log:
        lives(bench, trouble=True)
        crashes(bench, monkeypatch)
    keys = private_keys(bench)
    lines = "\n".join(log)
    assert lines.count("Traceback") >= 6, "there were crashes to look at"
    assert found([*TYPED, *own, *keys, "$6$"], lines) == []
    assert found([*TYPED, *own, *keys, "$6$"], figures(bench)) == []
    assert found([*TYPED, *own, *keys, "$6$"], others_see(bench, "mina")) == []
    told = str([bench.shown(bench.person("mina")), [a.body for a in bench.answers]])
    never = [PASSWORD, planted.PRIVATE_BYTES, planted.CLOUD_SECRET, planted.COMMAND_SECRET, *own]
    assert found([*never, "$6$", "Traceback", "RuntimeError", "sqlite"], told) == [], "not even to herself"

    # Never in the database: passwords, keys, tokens. While it is built: what the machine is made of.
    assert found([PASSWORD, planted.PRIVATE_BYTES, *own, *keys], str(rows(bench))) == []
    for name, content in files_of(bench.folder).items():
        assert found([PASSWORD, planted.PRIVATE_BYTES, *own, *keys], content) == [], name
    holding = {column for column, content in rows(bench).items() if found(TYPED, content)}
    assert holding <= {"rentals.cloud_init", "rentals.environment", "rentals.command"}
    assert holding, "they are kept until the machine is made"


def test_what_a_machine_was_made_of_is_forgotten(bench: Bench, tmp_path: Path) -> None:
    """An hour after it is ready, or at once when it is over: also the bytes in the file and in its log."""
    lives(bench)
    context = bench.service.context
    assert {r.status for r in RentalQueries(context).all_rentals()} == {Status.READY}
    bench.clock.advance(minutes=59)
    assert forget(context) == 0
    assert found(TYPED, str(rows(bench)))
    bench.clock.advance(minutes=2)
    assert forget(context) == 3 and forget(context) == 0
    back_up(str(bench.service.environment.database_url), tmp_path / "copy.db")
    assert found(TYPED, str(rows(bench))) == []
    for name, content in {**files_of(bench.folder), **files_of(tmp_path)}.items():
        assert found([*TYPED, "$6$"], content) == [], name
    bench.settle()
    assert {r.status for r in RentalQueries(context).all_rentals()} == {Status.READY}, (
        "and the machines go on"
    )


def test_a_new_database_is_for_its_user_alone(tmp_path: Path) -> None:
    """It has people's ids, what they rent, and for a while what they typed; so has its log."""
    store = Store(f"sqlite:///{tmp_path / 'kws.db'}")
    store.upgrade()
    with store.write() as session:
        session.execute(text("UPDATE people SET guest = 0"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("kws.db*")}
    store.close()
    assert modes == {"kws.db": 0o600, "kws.db-shm": 0o600, "kws.db-wal": 0o600}


@pytest.mark.thorough
def test_what_never_became_a_machine_is_forgotten(bench: Bench) -> None:
    lives(bench)
    with bench.service.store.read() as session:
        names = list(session.scalars(select(Rental.id)))
    for rental_id in names:
        mina = bench.person("mina")
        bench.send(bench.click(mina, ids.Action.RETURN, block=f"card-{rental_id}", value=rental_id))
    forget(bench.service.context)
    for name, content in files_of(bench.folder).items():
        assert found([*TYPED, "$6$"], content) == [], name
