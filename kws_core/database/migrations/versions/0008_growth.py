"""Indexes for what is asked each second or at each form, so that what has ended costs nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_events_undelivered", "events")
    _undelivered("rental_id", "next_try_at")
    op.create_index("ix_placements_state", "placements", ["state", "next_look_at"])
    for name, table, column, where in PARTIAL:
        op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name, table, *_ in reversed(PARTIAL):
        op.drop_index(name, table)
    op.drop_index("ix_placements_state", "placements")
    op.drop_index("ix_events_undelivered", "events")
    _undelivered("next_try_at")


def _undelivered(*columns: str) -> None:
    """By rental, as the outbox asks for them; without it SQLite groups all events that there ever were."""
    where = sa.text("delivered_at IS NULL")
    name = "ix_events_undelivered"
    op.create_index(name, "events", [*columns], sqlite_where=where, postgresql_where=where)


PARTIAL = (
    ("ix_rentals_network", "rentals", "network_id", "network_id IS NOT NULL"),
    ("ix_events_queued", "events", "at", "kind = 'queued'"),
)
