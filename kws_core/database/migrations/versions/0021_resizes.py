"""Servers that get another size where they are; nothing that exists is getting one."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placements", sa.Column("resize_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("resize_to", sa.JSON(), nullable=True))
    op.add_column("placements", sa.Column("resize_taken_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("resized_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("resize_end", sa.String(length=8), nullable=True))
    op.add_column("nodes", sa.Column("no_resize_at", sa.DateTime(timezone=True), nullable=True))
    under_way = sa.text("resize_at IS NOT NULL")
    op.create_index(
        "ix_placements_resizing", "placements", ["node"], sqlite_where=under_way, postgresql_where=under_way
    )


def downgrade() -> None:
    op.drop_index("ix_placements_resizing", "placements")
    op.drop_column("nodes", "no_resize_at")
    op.drop_column("placements", "resize_end")
    op.drop_column("placements", "resized_at")
    op.drop_column("placements", "resize_taken_at")
    op.drop_column("placements", "resize_to")
    op.drop_column("placements", "resize_at")
