"""What begins and ends without a bounce: suppressions by a person, an import or the clock; the keeping of raw mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, select, update

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, key_of
from bounce_watcher.ledger.db.tables import MESSAGE, SUPPRESSION
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import Announce, RecipientBatch
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.model.grounds import Grounds
from bounce_watcher.model.ledger import ChangedBy, Suppression, SuppressionSource
from bounce_watcher.policy import transitions

_BATCH = 500
"""Rows changed in one transaction, so that nobody waits long for the lock."""

_DROP_RAW = update(MESSAGE).where(MESSAGE.c.digest.in_(KEYS)).values(packed=None, packed_size=None)


def suppress(connection: Connection, wanted: Suppression, announce: Announce) -> None:
    alerts.lock(connection)  # before the locks on recipients: what ends a hold is counted with its alert
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
    """Releases in batches, each its own transaction. Returns how many."""
    count = 0
    while released := write(engine, lambda connection: _expire_batch(connection, now, announce)):
        count += released
    return count


def purge(engine: Engine, raw_before: datetime) -> int:
    """Drops raw content in batches, each its own transaction. Returns how many messages lost theirs."""
    count = 0
    while purged := write(engine, lambda connection: _purge_batch(connection, raw_before)):
        count += purged
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


def _purge_batch(connection: Connection, raw_before: datetime) -> int:
    old = connection.scalars(
        select(MESSAGE.c.digest)
        .where(MESSAGE.c.received_at < raw_before, MESSAGE.c.packed.is_not(None))
        .limit(_BATCH)
    ).all()
    drop_raw(connection, old)
    return len(old)


def drop_raw(connection: Connection, digests: Sequence[str]) -> None:
    """Of these messages, a page of them, in the caller's transaction."""
    if digests:
        review.take_out(connection, digests)
        connection.execute(_DROP_RAW, {"keys": list(digests)})


def _open(connection: Connection, chosen: Select[Any], announce: Announce, by: ChangedBy) -> RecipientBatch:
    found = {RecipientKey(row.stream, row.recipient_key): row.recipient for row in connection.execute(chosen)}
    return RecipientBatch(connection, found, announce, by)
