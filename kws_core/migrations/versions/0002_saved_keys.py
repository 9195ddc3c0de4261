"""People's saved public keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("saved_keys", schema=None) as batch_op:
        batch_op.create_index("uq_saved_keys_owner_fingerprint", ["owner", "fingerprint"], unique=True)
        batch_op.create_index("uq_saved_keys_owner_name", ["owner", "name"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("saved_keys", schema=None) as batch_op:
        batch_op.drop_index("uq_saved_keys_owner_name")
        batch_op.drop_index("uq_saved_keys_owner_fingerprint")

    op.drop_table("saved_keys")
