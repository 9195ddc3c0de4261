"""Rentals that wait for room, or for their first day."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rentals", sa.Column("starts_on", sa.Date(), nullable=True))
    op.add_column("rentals", sa.Column("wait_until", sa.Date(), nullable=True))
    op.add_column("rentals", sa.Column("planned_node", sa.String(length=64), nullable=True))
    waits = sa.text("status = 'waiting'")
    op.create_index(
        "ix_rentals_waiting", "rentals", ["created_at"], sqlite_where=waits, postgresql_where=waits
    )


def downgrade() -> None:
    op.drop_index("ix_rentals_waiting", "rentals")
    op.drop_column("rentals", "planned_node")
    op.drop_column("rentals", "wait_until")
    op.drop_column("rentals", "starts_on")
