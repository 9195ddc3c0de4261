"""Which version of the tables the database has, asked without Alembic: it takes a moment, and 9 MiB for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = "alembic_version"  # Alembic's own table


def known_versions() -> Sequence[str]:
    """Every version that this KWS knows, oldest first; a migration is named by its number."""
    return sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))


def version_of(connection: Connection) -> str:
    """The version that the database has, "" when it is empty."""
    if not inspect(connection).has_table(VERSIONS):
        return ""
    return connection.scalar(select(column("version_num")).select_from(table(VERSIONS))) or ""


def up_to_date(connection: Connection) -> bool:
    """Whether the database has the newest version."""
    return version_of(connection) == known_versions()[-1]
