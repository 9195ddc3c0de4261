"""What a machine was made of is forgotten on PostgreSQL too, whose JSON knows no equality."""

from __future__ import annotations

from harness.postgres_kit import Postgres
from harness.stock import made
from harness.world import Clock, make_config
from sqlalchemy import select

from kws_core.context import Context
from kws_core.database.store import Store
from kws_core.reports.retention import forget
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status


def test_what_a_machine_was_made_of_is_forgotten(postgres: Postgres, migrated: str, clock: Clock) -> None:
    store = Store(postgres.database(migrated))
    context = Context(make_config(), store, clock)
    typed = {
        "cloud_init": {"runcmd": ["id"]},
        "environment": {"A": "b"},
        "command": ["id"],
        "password_hash": "$6$a$b",
    }
    with store.write() as session:
        for n in range(2):
            session.add(made(4 * n, clock(), context.today(), status=Status.READY, ready_at=clock(), **typed))
            clock.advance(minutes=40)
    assert (forget(context), forget(context)) == (1, 0), "the second was made 40 minutes ago"
    with store.read() as session:
        first, second = session.scalars(select(Rental).order_by(Rental.ready_at)).all()
    store.close()
    assert (first.cloud_init, first.environment, first.command, first.password_hash) == ({}, {}, [], None)
    assert second.password_hash and second.command == ["id"]
