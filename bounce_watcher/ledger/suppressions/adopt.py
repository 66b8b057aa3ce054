"""Adopts suppressions from elsewhere unchanged: from another ledger, or a platform's own list."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from sqlalchemy import Connection, Engine

from bounce_watcher.ledger.db.engine import write
from bounce_watcher.ledger.db.statements import CHUNK, key_of
from bounce_watcher.ledger.naming.forget import unnamed_suppressions
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.model.ledger import Announce, ChangedBy, Suppression, SuppressionSource
from bounce_watcher.policy import transitions


def adopt(engine: Engine, wanted: Iterable[Suppression], now: datetime, announce: Announce) -> int:
    """Enters suppressions in batches, each in its own transaction. Returns how many changed something.

    A suppression that is over by `now`, or that goes no further than an existing one, changes nothing.
    """
    lasting = (each for each in wanted if each.until is None or each.until > now)
    changed = 0
    while batch := list(islice(lasting, CHUNK)):
        changed += write(engine, partial(_batch, wanted=batch, now=now, announce=announce))
    return changed


def _batch(connection: Connection, wanted: Sequence[Suppression], now: datetime, announce: Announce) -> int:
    alerts.lock(connection)  # before the locks on recipients: the end of a hold is counted with its alert
    wanted, announce = unnamed_suppressions(connection, wanted, announce)
    keyed = [(key_of(each.recipient, each.stream), each) for each in wanted]
    books = RecipientBatch(connection, {key: each.recipient for key, each in keyed}, announce, ChangedBy.PERSON)
    changed = 0
    for key, each in keyed:
        books.enter(key, transitions.release_expired(books.records[key], now))
        change = transitions.suppress(books.records[key], each)
        changed += change.record is not books.records[key]
        books.enter(key, change, ChangedBy.PLATFORM if each.source is SuppressionSource.PLATFORM else None)
    books.close()
    return changed
