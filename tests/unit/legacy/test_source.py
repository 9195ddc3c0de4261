"""``kws db import-legacy`` as people type it, from SQLite and from a real MariaDB."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from harness.legacy_kit import container, fill, server
from harness.typed_kit import Surroundings
from harness.typed_kit import Typed as Terminal
from harness.world import MINA, Clock, World

from kws_core.errors import StoreDown
from kws_core.legacy import source
from kws_core.nodes.fake.importer import FakeImporter
from kws_core.values import Kind

MARIADB = shutil.which("mariadbd") or shutil.which("mysqld")
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def terminal(
    world: World,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """Commands on fake nodes with the old machines of the tests below."""
    importers = {name: FakeImporter(node) for name, node in world.nodes.items()}
    importers["node1"].plant("web1", "192.168.0.201")
    importers["node2"].plant("nginx1", "192.168.0.77", Kind.CONTAINER)

    class Pool:
        def importers(self) -> Any:
            return importers

        def check(self) -> None: ...

        def close(self) -> None: ...

    (tmp_path / "owners.csv").write_text(f"\ufeff# name,Slack id\n김민아,{MINA.id}\n", encoding="utf-8")
    return Terminal(Surroundings(Pool(), clock), tmp_path, monkeypatch, capsys)


@pytest.fixture
def typed(terminal: Terminal) -> Typed:
    """Runs the command in this process."""

    def legacy(*arguments: str) -> tuple[int, str, str]:
        done = terminal("db", "import-legacy", *arguments)
        return done.code, done.out, done.err

    return legacy


def old(url: str) -> None:
    """One server that is there, one that is not, one container, in a lab of 2026."""
    servers = [server("web1", date(2026, 12, 24)), server("gone1", date(2026, 12, 24))]
    fill(url, servers, [container("nginx1", date(2026, 11, 2), node="node2")])


def whole_story(typed: Typed, world: World, url: str) -> None:
    """Dry run, import, import again: the same whatever database the old one is."""
    old(url)
    code, out, err = typed(url, "--owners", "owners.csv", "--dry-run", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (code, err) == (1, "")
    assert {name: row["result"] for name, row in rows.items()} == {
        "web1": "would import", "gone1": "not imported", "nginx1": "would import",
    }  # fmt: skip
    assert world.rental_queries.all_rentals() == []
    code, out, _ = typed(url, "--owners", "owners.csv", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert (code, rows["web1"]["until"], rows["web1"]["owner"]) == (1, "2026-12-24", MINA.id)
    assert (rows["nginx1"]["result"], rows["nginx1"]["until"]) == ("imported", "2026-12-08")
    assert rows["nginx1"]["why"] == "its end date was 2026-11-02"
    assert rows["gone1"]["why"].startswith("node1 has no server with that name")
    assert sorted(r.name for r in world.rental_queries.all_rentals()) == ["nginx1", "web1"]
    code, out, _ = typed(url, "--owners", "owners.csv")
    assert code == 1
    assert out.count("already imported") == 2


def test_from_sqlite(typed: Typed, world: World, tmp_path: Path) -> None:
    whole_story(typed, world, f"sqlite:///{tmp_path / 'old.db'}")


def test_it_asks_on_a_terminal(typed: Typed, terminal: Terminal, world: World, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old(url)
    terminal.world.answer = False
    code, out, _ = typed(url, "--owners", "owners.csv")
    assert (code, out.count("would import")) == (1, 2)
    assert world.rental_queries.all_rentals() == []
    assert typed(url, "--owners", "owners.csv", "--yes")[0] == 1
    assert len(world.rental_queries.all_rentals()) == 2


def test_every_wrong_line_of_the_owners_at_once(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "owners.csv").write_text("김민아,mina\n박준\n\nx,U0AAAA\nx,U0BBBB\n")
    code, out, err = typed("sqlite:///old.db", "--owners", "owners.csv", "--node", "a", "--others", "lab")
    assert (code, out) == (2, "")
    assert [line.split(": ", 1)[1] for line in err.splitlines()] == [
        "--node: 'a' isn't OLD=NEW",
        "--others: 'lab' isn't a Slack user ID. Example: U012ABCDEF",
        "owners.csv: line 1: enter `name,Slack user ID`",
        "owners.csv: line 2: enter `name,Slack user ID`",
        "owners.csv: line 5: 'x' has two Slack user IDs",
    ]


def test_a_server_that_does_not_answer_is_exit_1_without_the_password(typed: Typed) -> None:
    code, out, err = typed("mysql://root:planted-secret@127.0.0.1:9/kws", "--dry-run")
    assert (code, out) == (1, "")
    assert "Can't connect" in err
    assert "planted-secret" not in err


# -- the real thing


@pytest.fixture
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB of its own on loopback; its URL."""
    if MARIADB is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("no MariaDB on this machine (Debian: apt-get install mariadb-server)")
    folder = tmp_path_factory.mktemp("mariadb")
    user = pwd.getpwuid(os.getuid()).pw_name
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = ["--no-defaults", f"--datadir={folder}/data", f"--user={user}"]
    quick = [
        "--innodb-buffer-pool-size=16M",
        "--innodb-log-file-size=4M",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    installing = [
        "mariadb-install-db",
        *common,
        *quick,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    subprocess.run(installing, check=True, capture_output=True)
    (folder / "init.sql").write_text(
        "CREATE DATABASE kws CHARACTER SET utf8mb4;\n"
        "CREATE USER old@'127.0.0.1' IDENTIFIED BY 's3cret';\nGRANT ALL ON kws.* TO old@'127.0.0.1';\n"
    )
    here = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s", f"--pid-file={folder}/pid"]
    command = [MARIADB, *common, *quick, *here, f"--init-file={folder}/init.sql"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        log = []
        while not any("ready for connections" in line for line in log[-1:]):
            log.append(process.stderr.readline())
            assert log[-1], "".join(log)  # it ended
        yield f"mysql+pymysql://old:s3cret@127.0.0.1:{port}/kws"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_from_a_real_mariadb(typed: Typed, world: World, mariadb: str) -> None:
    whole_story(typed, world, mariadb)
    plain = mariadb.replace("mysql+pymysql:", "mysql:")  # as people write it
    assert [row.user for row in source.read(plain)] == ["김민아"] * 3
    with pytest.raises(StoreDown, match="Access denied") as refused:
        source.read(mariadb.replace("s3cret", "wrong-one"))
    assert "wrong-one" not in str(refused.value)
