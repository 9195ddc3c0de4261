"""What ran on a node that was away is started again when it is back."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placements", sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("placements", "resume_at")
