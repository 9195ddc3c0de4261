"""A PostgreSQL server, and the table of what was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from harness.postgres_kit import Postgres, missing
from harness.tables import recorded, show
from sqlalchemy import make_url

from kws_core.database.store import Store

COLUMNS = (
    "replicas", "count as dead after", "kills (-9)", "rentals", "node calls", "with violations",
    "released: median", "worst",
)  # fmt: skip


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real server of this session's own."""
    if reason := missing():
        pytest.skip(reason)
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a database with all tables and no rows, to be copied."""
    url = postgres.database()
    store = Store(url)
    store.upgrade()
    store.close()
    return str(make_url(url).database)


@pytest.fixture
def new_database(postgres: Postgres, migrated: str) -> Callable[[], str]:
    """Makes a database; its URL."""
    return lambda: postgres.database(migrated)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/explanation/reliability.md."""
    if rows := recorded(terminalreporter, "replicas"):
        show(terminalreporter, "replicas", COLUMNS, rows)
