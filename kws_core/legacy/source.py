"""The tables of the system that KWS replaces (MySQL), as far as a takeover reads them. Nothing is written.

Every row of ``server`` and ``container`` is a machine that is lent now: returned ones were deleted there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Column, Date, Engine, Integer, MetaData, String, Table, create_engine, select
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from kws_core.errors import ConfigError, StoreDown
from kws_core.values import Kind, Size

OPTION = "import-legacy"
_TABLES = MetaData()
_NAME = String(45)
SERVER = Table(
    "server", _TABLES,
    Column("id", Integer, primary_key=True), Column("user_name", _NAME), Column("server_name", _NAME),
    Column("start_date", Date), Column("end_date", Date), Column("floating_ip", _NAME),
    Column("network_name", _NAME), Column("node_name", _NAME), Column("flavor_name", _NAME),
    Column("image_name", _NAME),
)  # fmt: skip
CONTAINER = Table(
    "container", _TABLES,
    Column("id", Integer, primary_key=True), Column("user_name", _NAME), Column("container_name", _NAME),
    Column("start_date", Date), Column("end_date", Date), Column("image_name", _NAME), Column("ip", _NAME),
    Column("network_name", _NAME), Column("node_name", _NAME),
)  # fmt: skip
FLAVOR = Table(
    "flavor", _TABLES,
    Column("name", _NAME), Column("vcpu", Integer), Column("ram", Integer), Column("disk", Integer),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LegacyRow:
    """One machine there. ``user`` is what somebody typed as their name; ``size`` None where it is not known."""

    kind: Kind
    id: int
    name: str
    user: str
    since: date | None
    until: date | None
    address: str
    node: str
    image: str
    network: str
    size: Size | None = None

    @property
    def key(self) -> str:
        """Which rental it becomes: the same however often it is read."""
        return f"legacy:{self.kind.value}:{self.id}:{self.name}"


def read(url: str) -> list[LegacyRow]:
    """Every server and container, by name. ConfigError: not such a database; StoreDown: it does not answer."""
    with _connected(url) as connection:
        flavors = {row.name: row for row in connection.execute(select(FLAVOR))}
        servers = [_server(row, flavors) for row in connection.execute(select(SERVER))]
        containers = [_container(row) for row in connection.execute(select(CONTAINER))]
    return sorted([*servers, *containers], key=lambda row: (row.kind.value, row.name))


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            missing = [table for table in _TABLES.tables if not engine.dialect.has_table(connection, table)]
            if missing:
                raise ConfigError(
                    [f"{OPTION}: no table {missing[0]!r}. Is this the previous system's database?"]
                )
            yield connection
    except SQLAlchemyError as error:
        raise StoreDown(f"{OPTION}: {str(getattr(error, 'orig', None) or error).splitlines()[0]}") from error
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername == "mysql":
            parsed = parsed.set(drivername="mysql+pymysql")
        if parsed.get_backend_name() == "sqlite":
            parsed = _read_only(parsed)
        return create_engine(parsed)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError([f"{OPTION}: isn't a database URL. Try mysql://user:password@host/kws."]) from error
    except ImportError as error:
        raise ConfigError(
            [f"{OPTION}: the database driver isn't installed. Run: pip install 'kws[mysql]'"]
        ) from error


def _read_only(url: URL) -> URL:
    path = Path(url.database or "")
    if not path.is_file():
        raise ConfigError([f"{OPTION}: no such file: {path}"])
    return URL.create(
        "sqlite", database=f"file:{quote(str(path.resolve()))}", query={"mode": "ro", "uri": "true"}
    )


def _server(row: Any, flavors: dict[str, Any]) -> LegacyRow:
    flavor = flavors.get(row.flavor_name)
    size = Size(flavor.name, flavor.vcpu, flavor.ram, flavor.disk) if flavor else None
    return LegacyRow(
        Kind.SERVER, row.id, row.server_name, _text(row.user_name), row.start_date, row.end_date,
        _text(row.floating_ip), _text(row.node_name), _text(row.image_name), _text(row.network_name), size,
    )  # fmt: skip


def _container(row: Any) -> LegacyRow:
    return LegacyRow(
        Kind.CONTAINER, row.id, row.container_name, _text(row.user_name), row.start_date, row.end_date,
        _text(row.ip), _text(row.node_name), _text(row.image_name), _text(row.network_name),
    )  # fmt: skip


def _text(value: str | None) -> str:
    return (value or "").strip()
