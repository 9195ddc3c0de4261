"""Whether the node shows that a machine is stopped, and what was asked for and is not seen yet."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "placements", sa.Column("powered_off", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("placements", sa.Column("act_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("placements", "act_at")
    op.drop_column("placements", "powered_off")
