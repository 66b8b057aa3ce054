"""Enters deliveries that the platform reports, for recipients whose bounces are on record (`policy.deliveries`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, by_stream, key_of
from bounce_watcher.ledger.db.tables import RECIPIENT
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.batch import RecipientBatch
from bounce_watcher.ledger.recording.flood import held_in_flood
from bounce_watcher.model.ledger import Announce, ChangedBy, CountedBounce, RecipientRecord, State
from bounce_watcher.model.sending import DeliveredOutcome, Delivery
from bounce_watcher.policy import transitions

Counted = Callable[[Connection, Mapping[RecipientKey, RecipientRecord]], Mapping[RecipientKey, Sequence[CountedBounce]]]

_ON_RECORD = select(RECIPIENT.c.recipient_key, RECIPIENT.c.recipient, RECIPIENT.c.delivered_at).where(
    RECIPIENT.c.stream == bindparam("stream"), RECIPIENT.c.recipient_key.in_(KEYS)
)


def deliver(
    connection: Connection, deliveries: Iterable[Delivery], announce: Announce, counted: Counted
) -> DeliveredOutcome:
    """Enters deliveries that are later than those known. Keeps nothing about a recipient without any report.

    `counted` loads what counts against records, oldest first.
    """
    latest: dict[RecipientKey, datetime] = {}
    for delivery in deliveries:
        key = key_of(delivery.recipient, delivery.stream)
        latest[key] = max(delivery.at, latest.get(key, delivery.at))
    alerts.lock(connection)  # before the locks on recipients: the end of a hold is counted with its alert
    books = RecipientBatch(connection, _on_record(connection, latest), announce, ChangedBy.PLATFORM)
    against = counted(connection, books.records)
    held = held_in_flood(connection, (key for key, record in books.records.items() if record.state is State.PENDING))
    for key, record in list(books.records.items()):
        books.enter(key, transitions.release_expired(record, latest[key]))
    before = dict(books.records)
    for key, record in before.items():
        books.enter(key, transitions.apply_delivery(record, latest[key], against.get(key, ()), is_unproven=key in held))
    books.close()
    return DeliveredOutcome(
        reset=sum(books.records[key] is not record for key, record in before.items()),
        released=sum(record.suppression is not None and not books.records[key].suppression
                     for key, record in before.items()),
    )


def _on_record(connection: Connection, latest: Mapping[RecipientKey, datetime]) -> dict[RecipientKey, str]:
    """Returns the recipients on record whose delivery is later than the last known one, with their names."""
    found: dict[RecipientKey, str] = {}
    for part in by_stream(sorted(latest)):
        for address, name, delivered_at in connection.execute(_ON_RECORD, part):
            key = RecipientKey(part["stream"], address)
            if delivered_at is None or delivered_at < latest[key]:
                found[key] = name
    return found
