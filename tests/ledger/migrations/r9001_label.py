"""Adds a column, which the next migration fills.

At 10⁷ events: no time, as no row is written.
"""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("event", sa.Column("label", sa.Text()))
