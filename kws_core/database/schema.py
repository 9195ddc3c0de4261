"""Which version of the tables the database has, asked without Alembic: it takes a moment, and 9 MiB for good."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import column, inspect, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = "alembic_version"  # Alembic's own table


def newest() -> str:
    """The last migration; each is named by its number."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))


def up_to_date(session: Session) -> bool:
    """Whether the database has the newest migration; False also where it can't be asked."""
    try:
        if not inspect(session.connection()).has_table(VERSIONS):
            return False
        known: list[str] = list(session.scalars(select(column("version_num")).select_from(table(VERSIONS))))
    except DBAPIError:
        return False
    return known == [newest()]
