"""Owners of servers that look unused are asked whether they still need them."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placements", sa.Column("cpu_seconds", sa.Float(), nullable=True))
    op.add_column("placements", sa.Column("cpu_read_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("cpu_idle_since", sa.DateTime(timezone=True), nullable=True))
    asked = sa.text("kind = 'idle_asked'")
    op.create_index("ix_events_idle_asked", "events", ["at"], sqlite_where=asked, postgresql_where=asked)


def downgrade() -> None:
    op.drop_index("ix_events_idle_asked", "events")
    op.drop_column("placements", "cpu_idle_since")
    op.drop_column("placements", "cpu_read_at")
    op.drop_column("placements", "cpu_seconds")
