"""Several starting at once: PostgreSQL's tables are made once, SQLite lets one in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from harness.postgres_kit import Postgres
from harness.world import NODE, TOML
from sqlalchemy import inspect, text

from kws_core.database.single_process import SoleProcess
from kws_core.database.store import Store
from kws_core.errors import StoreDown

pytestmark = pytest.mark.thorough  # starts processes

ROOT = Path(__file__).parent.parent.parent
NODES = NODE.format(name="node1", vcpus=4, ram_mb=8192, disk_gb=100, max_builds=1)
CLOUDS = """
clouds:
  node1:
    auth: {auth_url: "http://127.0.0.1:9/v3", username: u, password: p, project_name: p, user_domain_name: Default,
           project_domain_name: Default}
"""


def kws(url: str, *words: str, **more: str) -> subprocess.Popen[str]:
    environment = {"KWS_DATABASE_URL": url, "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **more}
    command = [sys.executable, "-m", "bot", *words]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_several_that_start_at_once_make_the_tables_once(postgres: Postgres) -> None:
    url = postgres.database()
    processes = [kws(url, "db", "upgrade") for _ in range(4)]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    store = Store(url)
    with store.engine.connect() as connection:
        assert len(connection.execute(text("SELECT * FROM alembic_version")).all()) == 1
        assert {"rentals", "replicas", "leases"} <= set(inspect(connection).get_table_names())
    store.close()


def test_sqlite_lets_one_process_in(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'kws.db'}")
    first, second = SoleProcess(store), SoleProcess(store)
    first.claim()
    with pytest.raises(StoreDown, match=r"another kws process is using .*kws\.db.*postgresql"):
        second.claim()
    first.release()
    second.claim()
    second.release()
    store.close()


def test_a_second_kws_run_on_sqlite_says_why_it_does_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kws.db'}"
    (tmp_path / "nodes.toml").write_text(TOML.format(max_rentals=3, zone="Asia/Seoul", policy="") + NODES)
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    store = Store(url)
    first = SoleProcess(store)
    first.claim()
    second = kws(
        url, "run", KWS_CONFIG=str(tmp_path / "nodes.toml"), OS_CLIENT_CONFIG_FILE=str(tmp_path / "clouds.yaml"),
        SLACK_BOT_TOKEN="xoxb-1", SLACK_APP_TOKEN="xapp-1",
    )  # fmt: skip
    said = second.communicate(timeout=60)[0]
    assert second.returncode == 1, said
    assert "another kws process is using" in said
    assert "Traceback" not in said
    first.release()
    store.close()


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    database = tmp_path / "kws.db"
    script = (
        "import sys, time; from kws_core.database.single_process import SoleProcess; from kws_core.database.store import Store\n"
        f"sole = SoleProcess(Store('sqlite:///{database}')); sole.claim(); print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "in\n"
        store = Store(f"sqlite:///{database}")
        with pytest.raises(StoreDown):
            SoleProcess(store).claim()
        other.kill()
        other.wait()
        sole = SoleProcess(store)
        sole.claim()
        sole.release()
        store.close()


def test_nothing_is_locked_for_postgresql(postgres: Postgres) -> None:
    store = Store(postgres.database())
    first, second = SoleProcess(store), SoleProcess(store)
    first.claim()
    second.claim()
    store.close()
