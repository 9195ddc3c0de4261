"""The database: engine, sessions, migrations and the named queries.

One ``with store.write()`` is one transaction is one use case. No network call is ever made inside one.
SQLite serves one process on one host; PostgreSQL serves several replicas.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from kws_core.database.engine import driver_of, make_engine
from kws_core.database.schema import MIGRATIONS, up_to_date
from kws_core.database.turns import Turns
from kws_core.errors import StoreDown

WRITERS = 2  # threads of a process on PostgreSQL: more wait for the interpreter anyway, and forms with them


class Store:
    """Sessions over one database."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._write = sessionmaker(self.engine, expire_on_commit=False)
        reading = {"readonly": True} if self.single_process else {"isolation_level": "REPEATABLE READ"}
        self._read = sessionmaker(self.engine.execution_options(**reading), expire_on_commit=False)
        alone = {"single": True} if self.single_process else {"isolation_level": "AUTOCOMMIT"}
        self._single = self.engine.execution_options(**alone)
        self._lone = self.engine.execution_options(hasty=True) if self.single_process else self._single
        self._hasty = sessionmaker(self.engine.execution_options(hasty=True), expire_on_commit=False)
        self._turns = Turns(1 if self.single_process else WRITERS)

    @contextmanager
    def write(self, *, hasty: bool = False, alone: bool = False, first: bool = False) -> Iterator[Session]:
        """One transaction, committed at the end of the block; on SQLite it is alone from its start.

        SQLite's own waiting is a poll every 0.1 s without any order, in which a form may be overtaken for seconds;
        so this process's writers take turns before they come to it. On PostgreSQL ``WRITERS`` have theirs at a time,
        and of those that are to be ``alone`` one: the others would only wait for the same lock. ``first``: before all
        others; on PostgreSQL, what isn't to be alone then waits for nobody.

        ``hasty`` is for what a power cut may undo: SQLite does not wait for the disk, nor do the writers behind it.
        A process that is killed loses nothing by it (https://sqlite.org/pragma.html#pragma_synchronous).
        """
        with self._turn(alone, first), (self._hasty if hasty else self._write).begin() as session:
            yield session

    def _turn(self, alone: bool, first: bool) -> AbstractContextManager[None]:
        if first and not alone and not self.single_process:
            return nullcontext()
        return self._turns.turn(first=first, alone=alone)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent read that waits for nobody; nothing of it is ever committed."""
        with self._read() as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """For what is asked every second: each statement is its own read, without a transaction or a session."""
        with self._single.connect() as connection:
            yield connection

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """For one statement that writes a row with every request: hasty, and without a session."""
        with self._turns.turn(), self._lone.begin() as connection:
            yield connection

    def ask(self) -> None:
        """Ask the database for nothing; raises when it does not answer."""
        with self.read() as session:
            session.execute(select(1))

    def upgrade(self) -> None:
        """Bring the schema up to date (Alembic); safe to call at every start.

        Where nothing is to be done Alembic is not even imported: it is 9 MiB that the process would keep.

        Raises:
            StoreDown: If the database doesn't answer.
        """
        self._keep_to_ourselves()
        try:
            with self.engine.connect() as connection:
                if up_to_date(connection):
                    return
        except OperationalError as error:
            raise StoreDown(str(error.orig)) from error
        from alembic import command
        from alembic.config import Config as AlembicConfig

        settings = AlembicConfig()
        settings.set_main_option("script_location", str(MIGRATIONS))
        try:
            with self.engine.connect() as connection:
                if self.single_process:  # a table that Alembic rebuilds must not take its children with it
                    driver_of(connection).execute("PRAGMA foreign_keys=OFF")
                with connection.begin():
                    settings.attributes["connection"] = connection
                    command.upgrade(settings, "head")
                if self.single_process:
                    driver_of(connection).execute("PRAGMA foreign_keys=ON")
        except OperationalError as error:
            raise StoreDown(str(error.orig)) from error

    def _keep_to_ourselves(self) -> None:
        """A new SQLite file is for this user alone; SQLite gives its log the same rights."""
        name = self.engine.url.database
        if self.single_process and name and name != ":memory:" and not name.startswith("file:"):
            with suppress(OSError):  # who may not write here is told by the connection
                Path(name).touch(mode=0o600, exist_ok=True)

    def fold_log(self) -> None:
        """SQLite: what was overwritten is in the write-ahead log no more, unless somebody reads just now."""
        if self.single_process:
            with self.engine.connect() as connection:
                driver_of(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def single_process(self) -> bool:
        """SQLite: no other process may be working on the same rentals."""
        return self.engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
