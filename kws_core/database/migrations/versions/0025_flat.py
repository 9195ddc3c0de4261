"""A count of the changes of a node's row, for forms; and indexes for sums over all rentals, for monitoring."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("nodes", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_rentals_ready_at", "rentals", ["ready_at"])
    op.create_index("ix_rentals_ended_at", "rentals", ["ended_at"])


def downgrade() -> None:
    op.drop_index("ix_rentals_ended_at", "rentals")
    op.drop_index("ix_rentals_ready_at", "rentals")
    op.drop_column("nodes", "version")
