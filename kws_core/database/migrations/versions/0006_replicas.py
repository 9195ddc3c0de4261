"""Replicas: which processes live, and what each of them is at."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "replicas",
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("who"),
    )
    op.create_table(
        "leases",
        sa.Column("what", sa.String(length=96), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("what"),
    )
    op.create_index("ix_leases_who", "leases", ["who"])


def downgrade() -> None:
    op.drop_table("leases")
    op.drop_table("replicas")
