"""Web addresses; rentals that exist get none unless somebody asks."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sites",
        sa.Column("rental_id", sa.String(length=10), nullable=False),
        sa.Column("label", sa.String(length=63), nullable=False),
        sa.Column("second", sa.String(length=63), nullable=True),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("upstream", sa.String(length=8), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_off_by", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("rental_id"),
    )
    op.create_table(
        "web_names",
        sa.Column("label", sa.String(length=63), nullable=False),
        sa.Column("rental_id", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("label"),
    )
    op.create_index("ix_web_names_rental", "web_names", ["rental_id"])
    op.add_column("placements", sa.Column("let_in", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("placements", "let_in")
    op.drop_table("web_names")
    op.drop_table("sites")
