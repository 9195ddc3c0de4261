"""Copies of servers; rentals that exist get none before they end unless somebody asks."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "rentals", sa.Column("copy_at_end", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "copies",
        sa.Column("id", sa.String(length=10), nullable=False),
        sa.Column("rental_id", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("at_end", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.String(length=24), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("image_id", sa.String(length=64), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_until", sa.Date(), nullable=False),
        sa.Column("keep_set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    under_way = sa.text("state IN ('wanted', 'making')")
    op.create_index(
        "uq_copies_under_way",
        "copies",
        ["rental_id"],
        unique=True,
        sqlite_where=under_way,
        postgresql_where=under_way,
    )
    op.create_index("ix_copies_state", "copies", ["state", "node", "next_check_at"])
    op.create_index("ix_copies_owner_state", "copies", ["owner", "state"])

    op.add_column("rentals", sa.Column("copy_id", sa.String(length=10), nullable=True))
    op.add_column("rentals", sa.Column("old_keys", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("placements", sa.Column("image_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("image_refusal", sa.String(length=24), nullable=True))


def downgrade() -> None:
    op.drop_column("placements", "image_refusal")
    op.drop_column("placements", "image_at")
    op.drop_column("rentals", "old_keys")
    op.drop_column("rentals", "copy_id")
    op.drop_table("copies")
    op.drop_column("rentals", "copy_at_end")
