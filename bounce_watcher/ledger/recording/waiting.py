"""Ends the wait for an alarm that did not come (`policy.guards.waits`).

A waiting recipient is pending, but no alert holds it. The wait ends a `wait` after the report, no matter when somebody
looks. If the alarm comes, the outage holds the waiting recipients like all others.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, exists, literal_column, select

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import RecipientKey
from bounce_watcher.ledger.db.tables import HELD, SUPPRESSION
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.model.ledger import Announce, ChangedBy
from bounce_watcher.policy.holding import wait_ended

_BATCH = 500
"""How many recipients one transaction decides on, so that nobody waits long for the lock."""

_WAIT = select(SUPPRESSION.c.stream, SUPPRESSION.c.recipient_key, SUPPRESSION.c.recipient).where(
    SUPPRESSION.c.state == literal_column("'pending'"),  # a literal: otherwise the partial index is not used
    ~exists().where(HELD.c.recipient_key == SUPPRESSION.c.recipient_key, HELD.c.stream == SUPPRESSION.c.stream),
)


def end_waits(engine: Engine, now: datetime, wait: timedelta, announce: Announce) -> int:
    """Puts suppressions in force that have waited long enough by `now`. Returns how many."""
    count = 0
    while confirmed := write(engine, lambda connection: _end_batch(connection, now, wait, announce)):
        count += confirmed
    return count


def _end_batch(connection: Connection, now: datetime, wait: timedelta, announce: Announce) -> int:
    alerts.lock(connection)  # otherwise an alarm could begin to hold them in between
    chosen = _WAIT.where(SUPPRESSION.c.since <= now - wait).order_by(SUPPRESSION.c.since).limit(_BATCH)
    names = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in connection.execute(chosen)}
    if not names:
        return 0
    books = RecipientBatch(connection, names, announce, ChangedBy.GUARD)
    for key, record in list(books.records.items()):
        books.enter(key, wait_ended(record, now, wait))
    books.close()
    return len(names)
