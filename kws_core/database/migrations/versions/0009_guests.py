"""What is known of guests that boot: when the node ran them, and where their host keys were read."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placements", sa.Column("active_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rentals", sa.Column("host_keys_from", sa.String(length=16), nullable=True))
    rentals = sa.table("rentals", sa.column("host_keys_from", sa.String), sa.column("host_keys", sa.JSON))
    printed = sa.cast(rentals.c.host_keys, sa.String) != "[]"
    op.execute(rentals.update().where(printed).values(host_keys_from="console"))


def downgrade() -> None:
    op.drop_column("rentals", "host_keys_from")
    op.drop_column("placements", "active_at")
