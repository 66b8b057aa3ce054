"""Removes the bodies of old settled items. When and to whom they were sent stays."""

from datetime import datetime

from sqlalchemy import Connection, Engine, literal_column, select, update

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import chunks
from bounce_watcher.ledger.db.tables import OUTBOX
from bounce_watcher.ledger.outbox import tries
from bounce_watcher.model.ledger import OutboxState

NO_BODY = "{}"
"""Replaces the body of an item that is not to be sent again."""
HAS_BODY = OUTBOX.c.body != literal_column("'{}'")
"""A literal, not a parameter: only then do the planners see that the partial index fits."""

_PAGE = 500
"""How many rows one transaction changes, so that nobody waits long for the lock."""

_SETTLED = (OutboxState.DELIVERED, OutboxState.SUPERSEDED, OutboxState.DISCARDED)


def purge_bodies(engine: Engine, before: datetime) -> int:
    """Removes the body, the tries and the answer of items from before `before` that need no further try.

    The record that they were sent stays, with when and to whom. Returns how many items.
    """
    count = 0
    while purged := write(engine, lambda connection: _strip_page(connection, before)):
        count += purged
    return count


def _strip_page(connection: Connection, before: datetime) -> int:
    old = (
        select(OUTBOX.c.number)
        .where(HAS_BODY, OUTBOX.c.created_at < before, OUTBOX.c.state.in_(_SETTLED))
        .order_by(OUTBOX.c.created_at)
        .limit(_PAGE)
    )
    numbers = connection.scalars(old).all()
    tries.drop(connection, numbers)
    for part in chunks(numbers):
        connection.execute(update(OUTBOX).where(OUTBOX.c.number.in_(part)).values(body=NO_BODY, last_answer=None))
    return len(numbers)
