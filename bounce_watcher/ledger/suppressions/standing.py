"""Begins and ends suppressions without a bounce: by a person, an import or the clock."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import RecipientKey, key_of
from bounce_watcher.ledger.db.tables import SUPPRESSION
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.model.grounds import Grounds
from bounce_watcher.model.ledger import Announce, ChangedBy, Suppression, SuppressionSource
from bounce_watcher.policy import transitions

_BATCH = 500
"""How many rows one transaction changes, so that nobody waits long for the lock."""


def suppress(connection: Connection, wanted: Suppression, announce: Announce) -> None:
    alerts.lock(connection)  # before the locks on recipients: the end of a hold is counted with its alert
    key = key_of(wanted.recipient, wanted.stream)
    by = ChangedBy.PLATFORM if wanted.source is SuppressionSource.PLATFORM else ChangedBy.PERSON
    books = RecipientBatch(connection, {key: wanted.recipient}, announce, by)
    books.enter(key, transitions.release_expired(books.records[key], wanted.since))
    books.enter(key, transitions.suppress(books.records[key], wanted))
    books.close()


def release(
    connection: Connection, recipient: str, stream: str | None, grounds: Grounds, now: datetime, announce: Announce
) -> int:
    chosen = select(SUPPRESSION).where(SUPPRESSION.c.recipient_key == recipient_key(recipient))
    if stream is not None:
        chosen = chosen.where(SUPPRESSION.c.stream == storable(stream))
    alerts.lock(connection)
    books = _open(connection, chosen, announce, ChangedBy.PERSON)
    standing = [key for key, record in books.records.items() if record.suppression]
    for key in standing:
        books.enter(key, transitions.release(books.records[key], now, grounds))
    books.close()
    return len(standing)


def expire(engine: Engine, now: datetime, announce: Announce) -> int:
    """Releases suppressions that have expired by `now`, in batches, each in its own transaction. Returns how many."""
    count = 0
    while released := write(engine, lambda connection: _expire_batch(connection, now, announce)):
        count += released
    return count



def _expire_batch(connection: Connection, now: datetime, announce: Announce) -> int:
    alerts.lock(connection)
    books = _open(
        connection, select(SUPPRESSION).where(SUPPRESSION.c.until <= now).limit(_BATCH), announce, ChangedBy.CLOCK
    )
    changes = {key: transitions.release_expired(record, now) for key, record in books.records.items()}
    released = {key: change for key, change in changes.items() if change.record is not books.records[key]}
    for key, change in released.items():
        books.enter(key, change)
    books.close()
    return len(released)




def _open(connection: Connection, chosen: Select[Any], announce: Announce, by: ChangedBy) -> RecipientBatch:
    found = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in connection.execute(chosen)}
    return RecipientBatch(connection, found, announce, by)
