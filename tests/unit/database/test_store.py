"""Migrations make exactly the tables of the model; transactions on SQLite lose nothing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from harness.world import MINA, World
from sqlalchemy import inspect, text

from kws_core.database import engine
from kws_core.database.engine import make_engine
from kws_core.database.schema import MIGRATIONS, known_versions, up_to_date
from kws_core.database.store import Store
from kws_core.errors import ConfigError
from kws_core.tables.base import Base, UtcDateTime

SHIPPED = engine.SYNCHRONOUS


def test_migrations_make_the_models_tables(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    store.upgrade()
    store.upgrade()
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
        indexes = {index["name"]: index for index in inspect(connection).get_indexes("rentals")}
    assert indexes["uq_rentals_live_name"]["unique"]
    store.close()


def known(store: Store) -> bool:
    with store.engine.connect() as connection:
        return up_to_date(connection)


def test_what_is_up_to_date_is_seen_without_alembic(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [known_versions()[-1]]
    assert not known(store)
    store.upgrade()
    assert known(store)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert not known(store)
    store.close()


def test_a_second_start_loads_nothing_that_waits(tmp_path: Path) -> None:
    """In MiB: Alembic with what it loads 9, cryptography 7, rich with Pygments 5, PostgreSQL's dialect 2."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    store = Store(url)
    store.upgrade()
    store.close()
    start = f"""
import sys, bot.cli.main, bot.runner, bot.ops.logs
from kws_core.database.store import Store
store = Store({url!r})
store.upgrade()
waits = {{"alembic", "mako", "pygments", "rich", "cryptography", "sqlalchemy.dialects.postgresql", "openstack",
         "zunclient", "asyncssh", "aiohttp", "matplotlib", "zxcvbn", "passlib", "oslo_utils", "unittest"}}
loaded = waits & set(sys.modules)
sys.exit(", ".join(sorted(loaded)) or 0)
"""
    subprocess.run([sys.executable, "-c", start], check=True, cwd=MIGRATIONS.parent.parent)


def test_a_moment_without_a_zone_is_refused() -> None:
    from datetime import datetime

    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]


def test_concurrent_read_then_write_loses_no_update(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    with store.write() as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))

    def increment(_: int) -> None:
        with store.write() as session:
            n = session.execute(text("SELECT n FROM counter")).scalar_one()
            session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(80)))
    with store.read() as session:
        assert session.execute(text("SELECT n FROM counter")).scalar_one() == 80
    store.close()


def test_a_delivery_is_acted_on_once(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        firsts = list(pool.map(lambda _: world.deliveries.first_time("trigger:1"), range(8)))
    assert firsts.count(True) == 1
    world.clock.advance(days=8)
    world.deliveries.forget_old_deliveries()
    assert world.deliveries.first_time("trigger:1")


def test_only_what_a_power_cut_may_undo_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both kinds share the pool's connections, so each has to say how it is written."""
    monkeypatch.setattr(engine, "SYNCHRONOUS", SHIPPED)
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    seen = []
    for hasty in (False, True, False):
        with store.write(hasty=hasty) as session:
            seen.append(session.execute(text("PRAGMA synchronous")).scalar_one())
    assert seen == [2, 1, 2]  # FULL, NORMAL, FULL
    store.close()


def test_no_private_key_is_in_the_database(world: World, tmp_path: Path) -> None:
    world.ready()
    world.store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("kws.db*"))
    assert b"ssh-ed25519" in content
    assert b"PRIVATE KEY" not in content
    assert MINA.id.encode() in content


def test_a_wrong_url_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="KWS_DATABASE_URL"):
        make_engine("nonsense")
    with pytest.raises(ConfigError, match="no driver"):
        make_engine("nosuchdb://localhost/x")
