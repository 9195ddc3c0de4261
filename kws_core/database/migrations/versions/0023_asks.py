"""What admins are asked to allow beyond the policy."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "asks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "rental_id", sa.String(10), sa.ForeignKey("rentals.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("wanted", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(32), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("reminded_at", moment, nullable=False),
        sa.Column("unanswered_told_at", moment, nullable=True),
        sa.Column("decision", sa.String(16), nullable=True),
        sa.Column("decided_by", sa.String(32), nullable=True),
        sa.Column("granted", sa.JSON(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("done_at", moment, nullable=True),
    )
    op.create_index("ix_asks_rental", "asks", ["rental_id"])
    still = sa.text("done_at IS NULL")
    op.create_index("ix_asks_open", "asks", ["asked_at"], sqlite_where=still, postgresql_where=still)


def downgrade() -> None:
    op.drop_table("asks")
