"""Files with private keys are removed from Slack; those that were brought before stay as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "key_files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("rental_id", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("thread", sa.String(length=32), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    there = sa.text("removed_at IS NULL")
    op.create_index(
        "ix_key_files_there", "key_files", ["sent_at"], sqlite_where=there, postgresql_where=there
    )
    op.create_index("ix_key_files_rental", "key_files", ["rental_id"])


def downgrade() -> None:
    op.drop_table("key_files")
