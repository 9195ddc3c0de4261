"""Servers that are reset to their image; nothing that exists is being reset."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rentals", sa.Column("reset_number", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("rentals", sa.Column("reset_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rentals", sa.Column("reset_tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("placements", sa.Column("rebuild_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("rebuilt_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("placements", "rebuilt_at")
    op.drop_column("placements", "rebuild_at")
    op.drop_column("rentals", "reset_tries")
    op.drop_column("rentals", "reset_at")
    op.drop_column("rentals", "reset_number")
