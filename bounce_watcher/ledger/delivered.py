"""Deliveries that the platform reports: what they prove of a recipient whose bounces are on record.

A server that takes mail again has answered for its soft bounces. It has not for a hard one, for some servers take all
mail and bounce it later: a suppression for a hard reason, or by a person, stands and shows the delivery beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from bounce_watcher.ledger.apply import Change, release, reset
from bounce_watcher.ledger.books import Announce, Books, by_stream
from bounce_watcher.ledger.statements import KEYS, Key, key_of
from bounce_watcher.ledger.tables import RECIPIENT
from bounce_watcher.model.ledger import By, CountedBounce, RecipientRecord, State, SuppressionSource
from bounce_watcher.model.sending import DeliveredOutcome, Delivery
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.words import day

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
    before = dict(books.records)
    for key, record in before.items():
        books.enter(key, with_delivery(record, latest[key], against.get(key, ())))
    books.close()
    return DeliveredOutcome(
        reset=sum(books.records[key] is not record for key, record in before.items()),
        released=sum(record.suppression is not None and not books.records[key].suppression
                     for key, record in before.items()),
    )


def is_answered(reason: Reason | None, at: datetime, record: RecipientRecord) -> bool:
    """Whether a bounce counts no longer, as it was soft and mail was delivered since."""
    is_soft = reason is not None and reason.bounce_type is BounceType.SOFT
    return is_soft and record.delivered_at is not None and at <= record.delivered_at


def _on_record(connection: Connection, latest: Mapping[Key, datetime]) -> dict[Key, str]:
    """The recipients that there is a record of, and for which the delivery is news, with their names."""
    found: dict[Key, str] = {}
    for part in by_stream(sorted(latest)):
        for address, name, delivered_at in connection.execute(_ON_RECORD, part):
            key = Key(part["stream"], address)
            if delivered_at is None or delivered_at < latest[key]:
                found[key] = name
    return found


def with_delivery(record: RecipientRecord, at: datetime, counted: Sequence[CountedBounce]) -> Change:
    """The record after a delivery at `at`. `counted` is what counts against it."""
    if record.delivered_at is not None and at <= record.delivered_at:  # by another writer, before the lock
        return Change(record)
    seen = replace(record, delivered_at=at)
    because = f"mail was delivered on {day(at)}"
    if _is_soft_suppression(seen, at):
        return release(seen, at, because, rung=seen.rung)
    if seen.state is State.WATCHING and all(is_answered(each.reason, each.at, seen) for each in counted):
        return reset(seen, at, because)
    return Change(seen)


def _is_soft_suppression(record: RecipientRecord, at: datetime) -> bool:
    current = record.suppression
    return (
        current is not None
        and current.source is SuppressionSource.POLICY
        and current.bounce_type is BounceType.SOFT
        and current.since < at
    )
