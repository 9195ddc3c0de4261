"""Connections to PostgreSQL that break while they rest, and in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from kws_core.database import engine
from kws_core.database.store import Store

WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
BREAK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
PATIENCE = 10.0  # seconds, of a test that would fail otherwise


@pytest.fixture
def store(new_database: Callable[[], str]) -> Iterator[Store]:
    store = Store(new_database())
    yield store
    store.close()


def break_all(store: Store) -> None:
    """Some connections of a process that rest now, and are closed by PostgreSQL, as when it starts again."""
    with store.read() as one, store.read() as other:
        one.execute(text("SELECT 1"))
        other.execute(text("SELECT 1"))
    breaker = engine.make_engine(store.engine.url.render_as_string(hide_password=False))
    with breaker.connect() as connection:
        connection.execute(text(f"{BREAK} AND datname = current_database()"))
    breaker.dispose()


def test_a_connection_that_broke_while_it_rested_is_replaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RESTED", 0.0)
    break_all(store)
    with store.read() as one, store.read() as other:
        one.execute(text("SELECT 1"))
        other.execute(text("SELECT 1"))


def test_one_that_breaks_in_use_is_the_only_loss(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "RESTED", 3600.0)
    break_all(store)
    with pytest.raises(OperationalError):
        store.ask()
    with store.read() as one, store.read() as other:
        one.execute(text("SELECT 1"))
        other.execute(text("SELECT 1"))
