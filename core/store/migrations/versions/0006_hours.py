"""The rows of a window in each hour of the day; of windows counted before, nobody knows them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "profile_windows", sa.Column("hours", sa.Text(), nullable=False, server_default="")
    )


def downgrade() -> None:
    raise NotImplementedError("The ledger is never taken down; restore a backup instead.")
