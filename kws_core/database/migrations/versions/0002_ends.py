"""Ends and new keys: reminders, the nightly cleanup and its ledger, grace period, admin alerts, orphan candidates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_runs",
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("marked", sa.JSON(), nullable=False),
        sa.Column("failed", sa.JSON(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job", "day"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notices_delivered_at"), ["delivered_at"], unique=False)
    op.create_table(
        "sightings",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("node", "mark"),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key", sa.String(length=48), nullable=True))
        batch_op.add_column(
            sa.Column("undeliverable", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("ts", sa.String(length=32), nullable=True))
        batch_op.drop_index(batch_op.f("ix_events_rental"))
        batch_op.create_index("uq_events_rental_key", ["rental_id", "key"], unique=True)
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("departed_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("placements", schema=None) as batch_op:
        batch_op.add_column(sa.Column("remains", sa.Text(), nullable=True))
    with op.batch_alter_table("rentals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("end_set_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("to_start", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("key_number", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("rekey", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("key_put_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE rentals SET end_set_at = created_at")
    with op.batch_alter_table("rentals", schema=None) as batch_op:
        batch_op.alter_column("end_set_at", existing_type=sa.DateTime(timezone=True), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("rentals", schema=None) as batch_op:
        batch_op.drop_column("key_put_at")
        batch_op.drop_column("rekey")
        batch_op.drop_column("key_number")
        batch_op.drop_column("stopped_at")
        batch_op.drop_column("to_start")
        batch_op.drop_column("end_set_at")
    with op.batch_alter_table("placements", schema=None) as batch_op:
        batch_op.drop_column("remains")
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_column("departed_at")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("uq_events_rental_key")
        batch_op.create_index(batch_op.f("ix_events_rental"), ["rental_id"], unique=False)
        batch_op.drop_column("ts")
        batch_op.drop_column("undeliverable")
        batch_op.drop_column("key")
    op.drop_table("sightings")
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notices_delivered_at"))
    op.drop_table("notices")
    op.drop_table("job_runs")
