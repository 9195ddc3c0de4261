"""Alembic's environment; Store.upgrade runs it."""
