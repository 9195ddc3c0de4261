"""PostgreSQL looks up the rentals that hold something, and reads no others, whatever it knows of the tables."""

from __future__ import annotations

from typing import Any

import pytest
from harness.postgres_kit import Postgres
from harness.world import START, make_config
from sqlalchemy import event, text

from kws_core.database import queries
from kws_core.database.store import Store
from kws_core.scheduling import capacity

ENDED, LIVE = 10_000, 200
RENTALS = f"""
INSERT INTO rentals
  (id, request_key, kind, name, owner, image, login, size, vcpus, ram_mb, disk_gb, open_ports, ends_on, end_set_at,
   status, access, host_keys, cloud_init, command, environment, created_at, ended_at, key_number, version, pinned,
   switched_off, to_start, old_keys, copy_at_end, reset_number, reset_tries)
SELECT 'r' || n, 'k' || n, 'server', 'vm' || n, 'U1', 'debian-12', 'debian', 'small', 1, 512, 5, '[]', '2026-12-10',
  now(), CASE WHEN n <= {LIVE} THEN 'ready' ELSE 'ended' END, 'own_key', '[]', '{{}}', '[]', '{{}}', now(),
  CASE WHEN n > {LIVE} THEN now() END, 1, 1, false, false, false, '[]', false, 0, 0
FROM generate_series(1, {ENDED + LIVE}) n
"""
PLACEMENTS = f"""
INSERT INTO placements (rental_id, node, state, server_at, held_at, tries, missing, next_look_at, powered_off)
SELECT 'r' || n, 'node' || 1 + n % 2, CASE WHEN n <= {LIVE} THEN 'held' ELSE 'gone' END, now(), now(), 0, 0, now(), false
FROM generate_series(1, {ENDED + LIVE}) n
"""
RESTORED = "CREATE INDEX made_last ON rentals (vcpus)", "CREATE INDEX made_last_too ON placements (tries)"


@pytest.mark.parametrize("knows", [(), RESTORED, ("ANALYZE",)], ids=["nothing", "sizes", "everything"])
def test_what_has_ended_is_not_read(postgres: Postgres, knows: tuple[str, ...]) -> None:
    store = Store(str(postgres.database()))
    store.upgrade()
    with store.engine.begin() as connection:
        for table in ("rentals", "placements"):
            connection.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        for statement in (RENTALS, PLACEMENTS, *knows):
            connection.execute(text(statement))
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    with store.read() as session:
        capacity.rooms(session, make_config(2))
        with_since = queries.held_capacity(session, START)
    event.remove(store.engine, "before_cursor_execute", note)
    assert sum(held.rentals for held in with_since) == LIVE
    with store.engine.connect() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all()
            assert "Seq Scan on rentals" not in str(plan)
    store.close()
