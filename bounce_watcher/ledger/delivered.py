"""Deliveries that the platform reports, entered for recipients whose bounces are on record (`policy.deliveries`).

A suppression for soft bounces ends by one, and so does any that a flood of unproven reports holds. A suppression for a
hard reason, or by a person, stands and shows the delivery beside it: dead addresses that take mail again are what spam
traps are made of, and a person can tell.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from bounce_watcher.ledger.apply import Change, release, release_expired, reset
from bounce_watcher.ledger.books import Announce, Books, by_stream
from bounce_watcher.ledger.flood import held_in_flood
from bounce_watcher.ledger.statements import KEYS, Key, key_of
from bounce_watcher.ledger.tables import RECIPIENT
from bounce_watcher.model.grounds import Delivered
from bounce_watcher.model.ledger import By, CountedBounce, RecipientRecord, State, SuppressionSource
from bounce_watcher.model.sending import DeliveredOutcome, Delivery
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.deliveries import unanswered
from bounce_watcher.policy.deliveries import with_delivery as entered

Counted = Callable[[Connection, Mapping[Key, RecipientRecord]], Mapping[Key, Sequence[CountedBounce]]]

_ON_RECORD = select(RECIPIENT.c.recipient_key, RECIPIENT.c.recipient, RECIPIENT.c.delivered_at).where(
    RECIPIENT.c.stream == bindparam("stream"), RECIPIENT.c.recipient_key.in_(KEYS)
)


def deliver(
    connection: Connection, deliveries: Iterable[Delivery], announce: Announce, counted: Counted
) -> DeliveredOutcome:
    """Enters what is later than what is known. Nothing is kept of a recipient that was never reported of.

    `counted` loads what counts against records, oldest first.
    """
    latest: dict[Key, datetime] = {}
    for delivery in deliveries:
        key = key_of(delivery.recipient, delivery.stream)
        latest[key] = max(delivery.at, latest.get(key, delivery.at))
    books = Books(connection, _on_record(connection, latest), announce, By.PLATFORM)
    against = counted(connection, books.records)
    held = held_in_flood(connection, (key for key, record in books.records.items() if record.state is State.PENDING))
    for key, record in list(books.records.items()):
        books.enter(key, release_expired(record, latest[key]))
    before = dict(books.records)
    for key, record in before.items():
        books.enter(key, with_delivery(record, latest[key], against.get(key, ()), is_unproven=key in held))
    books.close()
    return DeliveredOutcome(
        reset=sum(books.records[key] is not record for key, record in before.items()),
        released=sum(record.suppression is not None and not books.records[key].suppression
                     for key, record in before.items()),
    )


def _on_record(connection: Connection, latest: Mapping[Key, datetime]) -> dict[Key, str]:
    """The recipients that there is a record of, and for which the delivery is news, with their names."""
    found: dict[Key, str] = {}
    for part in by_stream(sorted(latest)):
        for address, name, delivered_at in connection.execute(_ON_RECORD, part):
            key = Key(part["stream"], address)
            if delivered_at is None or delivered_at < latest[key]:
                found[key] = name
    return found


def with_delivery(
    record: RecipientRecord, at: datetime, counted: Sequence[CountedBounce], *, is_unproven: bool = False
) -> Change:
    """The record after a delivery at `at`. `counted` is what counts against it.

    `is_unproven`: a flood holds its suppression, so a delivery says more than the report that it rests on.
    """
    if record.delivered_at is not None and at <= record.delivered_at:  # by another writer, before the lock
        return Change(record)
    seen = entered(record, at, counted)
    grounds = Delivered(at)
    is_denied = is_unproven and seen.suppression is not None and seen.suppression.since < at
    if is_denied or _is_soft_suppression(seen, at):
        return release(seen, at, grounds, rung=seen.rung)
    stands = seen.delivered_since is not None and not any(unanswered(counted, seen, at))
    return reset(seen, grounds) if stands else Change(seen)


def _is_soft_suppression(record: RecipientRecord, at: datetime) -> bool:
    current = record.suppression
    return (
        current is not None
        and current.source is SuppressionSource.POLICY
        and current.bounce_type is BounceType.SOFT
        and current.since < at
    )
