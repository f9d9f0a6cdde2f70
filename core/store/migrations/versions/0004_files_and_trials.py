"""SHA-256 of artifact files, how far hashing is, and what models did when they were tried."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_hashes",
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("path_digest", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("hashed_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("place", "path_digest"),
    )
    op.create_table(
        "hashings",
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )
    op.create_table(
        "model_trials",
        sa.Column("candidate", sa.String(length=64), nullable=False),
        sa.Column("champion", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("candidate", "champion"),
    )


def downgrade() -> None:
    raise NotImplementedError("The ledger is never taken down; restore a backup instead.")
