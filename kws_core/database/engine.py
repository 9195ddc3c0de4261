"""How the database is spoken to: SQLite's settings and locks; which URLs are one.

Every write says for itself whether it waits for the disk (``hasty``), as connections are shared.
"""

from __future__ import annotations

import sqlite3
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from kws_core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

RESTED = 5.0  # seconds after which a connection may have broken unnoticed
SYNCHRONOUS = {False: "FULL", True: "NORMAL"}  # by whether the write is hasty


def make_engine(url: str) -> Engine:
    """Make an engine whose SQLite transactions really begin, and block writers instead of losing updates.

    Raises:
        ConfigError: If the URL is malformed, or its driver isn't installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(["KWS_DATABASE_URL: isn't a database URL. Try sqlite:///kws.db."]) from error
    try:
        engine = create_engine(parsed, hide_parameters=True)  # no rows in tracebacks
    except (ImportError, ArgumentError) as error:
        raise ConfigError([f"KWS_DATABASE_URL: no driver for {parsed.drivername} is installed"]) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        if parsed.query.get("mode") != "ro":
            event.listen(engine, "connect", _sqlite_keep_log)
        event.listen(engine, "begin", _sqlite_begin)
    else:
        event.listen(engine, "checkin", _note_rest)
        event.listen(
            engine, "checkout", lambda used, record, _: _ping_after_rest(engine.dialect, used, record)
        )
    return engine


def insert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that can be told what to do about a row that is already there."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # 2 MiB, which a bot on SQLite never needs

    return postgresql.insert(table)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late: SELECT would not lock
    for pragma in ("busy_timeout=10000", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_keep_log(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")  # readers and the writer wait for nobody


def _sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("single"):
        return
    if options.get("readonly"):
        driver_of(connection).execute("BEGIN")  # waits for no lock, so there is no error to translate
        return
    synchronous = SYNCHRONOUS[options.get("hasty", False)]
    if connection.info.get("synchronous") != synchronous:
        driver_of(connection).execute(f"PRAGMA synchronous={synchronous}")
        connection.info["synchronous"] = synchronous
    try:
        driver_of(connection).execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:  # the driver spares each write the way through SQLAlchemy
        raise OperationalError("BEGIN IMMEDIATE", None, error) from error


def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = monotonic()


def _ping_after_rest(dialect: Dialect, connection: Any, record: ConnectionPoolEntry) -> None:
    """Check a connection before it is used again, unless it was in use a moment ago.

    SQLAlchemy's own pre-ping asks each time, which is a fifth of a short transaction. What breaks within ``RESTED``
    breaks in somebody's hands, and the pool then replaces all its connections.
    """
    if monotonic() - record.info.get("rests_since", monotonic()) < RESTED:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error  # it replaces them all, and this one is used then


def driver_of(connection: Connection) -> Any:
    """The driver's own connection, for settings that are no part of a transaction."""
    return connection.connection.dbapi_connection
