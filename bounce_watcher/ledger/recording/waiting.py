"""The end of waiting for an alarm that did not come (`policy.waits`).

Who waits is pending, and no alert holds it. It ends a `wait` after the report, whenever somebody looks. Where the alarm
comes, the outage holds who waits as all others.
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
"""Recipients decided on in one transaction, so that nobody waits long for the lock."""

_WAIT = select(SUPPRESSION.c.stream, SUPPRESSION.c.recipient_key, SUPPRESSION.c.recipient).where(
    SUPPRESSION.c.state == literal_column("'pending'"),  # written out: only so the partial index fits
    ~exists().where(HELD.c.recipient_key == SUPPRESSION.c.recipient_key, HELD.c.stream == SUPPRESSION.c.stream),
)


def end_waits(engine: Engine, now: datetime, wait: timedelta, announce: Announce) -> int:
    """Puts in force what has waited long enough by `now`. Returns how many."""
    count = 0
    while confirmed := write(engine, lambda connection: _end_batch(connection, now, wait, announce)):
        count += confirmed
    return count


def _end_batch(connection: Connection, now: datetime, wait: timedelta, announce: Announce) -> int:
    alerts.lock(connection)  # or an alarm could begin to hold them in between
    chosen = _WAIT.where(SUPPRESSION.c.since <= now - wait).order_by(SUPPRESSION.c.since).limit(_BATCH)
    names = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in connection.execute(chosen)}
    if not names:
        return 0
    books = RecipientBatch(connection, names, announce, ChangedBy.GUARD)
    for key, record in list(books.records.items()):
        books.enter(key, wait_ended(record, now, wait))
    books.close()
    return len(names)
