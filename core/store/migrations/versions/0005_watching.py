"""How models are watched: by which segments, and at which rate of false alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watched_models",
        sa.Column("model", sa.String(length=500), nullable=False),
        sa.Column("segments", sa.Text(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )


def downgrade() -> None:
    raise NotImplementedError("The ledger is never taken down; restore a backup instead.")
