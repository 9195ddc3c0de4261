"""Servers that move: a rental that another one is made to take the place of."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

LIVE = "status NOT IN ('ending', 'ended')"
NAMED = LIVE + " AND replaces IS NULL"


def upgrade() -> None:
    op.add_column("rentals", sa.Column("replaces", sa.String(length=10), nullable=True))
    op.add_column("rentals", sa.Column("replaced_by", sa.String(length=10), nullable=True))
    op.add_column("rentals", sa.Column("move_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("copies", sa.Column("for_move", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("copies", sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True))
    _make_names_unique(NAMED)
    planned, emptying = sa.text("move_at IS NOT NULL"), sa.text("kind = 'node_emptying'")
    op.create_index(
        "ix_rentals_move_at", "rentals", ["move_at"], sqlite_where=planned, postgresql_where=planned
    )
    op.create_index(
        "ix_notices_emptying", "notices", ["at"], sqlite_where=emptying, postgresql_where=emptying
    )


def downgrade() -> None:
    op.drop_index("ix_notices_emptying", "notices")
    op.drop_index("ix_rentals_move_at", "rentals")
    _make_names_unique(LIVE)
    op.drop_column("copies", "placed_at")
    op.drop_column("copies", "for_move")
    op.drop_column("rentals", "move_at")
    op.drop_column("rentals", "replaced_by")
    op.drop_column("rentals", "replaces")


def _make_names_unique(which: str) -> None:
    op.drop_index("uq_rentals_live_name", "rentals")
    where = sa.text(which)
    op.create_index(
        "uq_rentals_live_name", "rentals", ["name"], unique=True, sqlite_where=where, postgresql_where=where
    )
