"""Inference logs that were described, and what was seen of their days."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("model", sa.String(length=500), nullable=False),
        sa.Column("place", sa.String(length=12), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("added_by", sa.String(length=500), nullable=False),
        sa.Column("added_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
    op.create_table(
        "source_listings",
        sa.Column("model", sa.String(length=500), nullable=False),
        sa.Column("place", sa.String(length=12), nullable=False),
        sa.Column("which", sa.String(length=20), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "place", "which"),
    )


def downgrade() -> None:
    raise NotImplementedError("The ledger is never taken down; restore a backup instead.")
