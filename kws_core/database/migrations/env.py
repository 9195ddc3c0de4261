"""Alembic: runs on the connection that Store.upgrade passes, one replica at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from kws_core.tables.base import Base

UPGRADE_LOCK = 0x6B7773  # "kws": any fixed number, the same in every replica


def run() -> None:
    """Run the migrations in the caller's transaction."""
    connection = context.config.attributes["connection"]
    for table in Base.metadata.tables.values():
        for (
            index
        ) in table.indexes:  # what index_where() leaves to here; only a revision's autogeneration reads it
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
