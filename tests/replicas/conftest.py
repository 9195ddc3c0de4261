"""A PostgreSQL server, and the table of what was killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from postgres_kit import Postgres, missing
from sqlalchemy import make_url

from kws_core.store import Store

COLUMNS = (
    "replicas", "taken for dead after", "kills (-9)", "rentals", "acts on nodes", "with violations",
    "free again: median", "worst",
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
    """The table of docs/reliability.md."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome)]
    rows = [
        value
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "replicas" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("replicas")
        for row in [COLUMNS, ["---"] * len(COLUMNS), *rows]:
            terminalreporter.write_line("| " + " | ".join(str(cell) for cell in row) + " |")
