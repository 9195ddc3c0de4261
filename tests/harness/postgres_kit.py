"""A PostgreSQL of the tests' own: a private folder, an unprivileged user, a socket that only this machine has."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

USERS = (
    "postgres",
    "nobody",
)  # whose server it is when the tests run as root: PostgreSQL refuses to be root's
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # no test pulls the plug
TEMPLATE = "migrated"


def programs() -> Path | None:
    """Where initdb and postgres are; the newest of Debian's, else those on the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def missing() -> str:
    """Why there can be no server here; empty when there can."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed (pip install .[postgres])"
    return "" if programs() else "PostgreSQL's programs are not installed (apt-get install postgresql)"


class Postgres:
    """A server; ``database()`` makes a new one in it."""

    def __init__(self) -> None:
        binaries = programs()
        assert binaries
        self._as: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="kws-pg-"))
        if os.geteuid() == 0:
            account = next(u for u in map(_account, USERS) if u)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        self._run([binaries / "initdb", "-D", data, "-U", "kws", "-A", "trust", "-E", "UTF8", "--no-sync"])
        settings = (
            "listen_addresses=",
            f"unix_socket_directories={self.folder}",
            "max_connections=200",
            *QUICK,
        )
        options = [word for one in settings for word in ("-c", one)]
        self._command = [binaries / "postgres", "-D", data, *options]
        self._number = 0
        self.go()

    def go(self) -> None:
        """Starts the server, at first or after a halt."""
        with (self.folder / "log").open("ab") as out:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, stdout=out, stderr=out, **self._as
            )
        self._wait()

    def halt(self) -> None:
        """Stops the server; whoever is connected is cut off, the data stays."""
        self._process.send_signal(signal.SIGINT)  # "fast"
        self._process.wait(30)

    def url(self, name: str) -> str:
        """As for KWS_DATABASE_URL."""
        return f"postgresql+psycopg://kws@/{name}?host={self.folder}"

    def database(self, template: str | None = None) -> str:
        """The URL of a new database, empty or a copy."""
        self._number += 1
        name = f"kws{self._number}"
        self._sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name)

    def stop(self) -> None:
        """Ends the server, and its folder with it."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command: list[Any]) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._as)

    def _sql(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self._sql("SELECT 1")
            except Exception as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    said = (self.folder / "log").read_text()
                    raise RuntimeError(f"PostgreSQL does not start: {said}") from error
                time.sleep(0.05)
            else:
                return


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
