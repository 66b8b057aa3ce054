"""Deliveries that the platform reports, and which bounces they answer for. Pure.

A server that takes a recipient's mail has answered for the bounces before it, soft ones and those that wait for a
second one alike. But some servers take all mail and bounce it later, so a delivery stands only if no bounce follows it
soon. Of deliveries with no bounce in between the first is enough: it came after the same bounces, and stands sooner.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bounce_watcher.model.ledger import CountedBounce, RecipientRecord

SOON = timedelta(hours=12)
"""What bounces later than that after a delivery is another mail: a gateway asks the server behind it within minutes or
hours. Less than a day, or every delivery of a daily mailing would be denied by the next day's bounce."""


def answered_until(record: RecipientRecord, at: datetime) -> datetime | None:
    """No bounce at or before it counts, as an event at `at` finds the record; None where nothing was delivered."""
    since, until = record.delivered_since, record.answered_until
    if since is None or since < at < since + SOON:
        return until
    return since if until is None else max(since, until)


def unanswered(counted: Iterable[CountedBounce], record: RecipientRecord, at: datetime) -> Iterator[CountedBounce]:
    """Of what counted, what still does. A delivery answers for no complaint."""
    until = answered_until(record, at)
    return (bounce for bounce in counted if until is None or bounce.reason is None or bounce.at > until)


def with_bounce(record: RecipientRecord, at: datetime) -> RecipientRecord:
    """After a bounce at `at` that is believed: it ends the deliveries before it, which stand or do not."""
    if record.delivered_since is None or at <= record.delivered_since:
        return record
    return replace(record, delivered_since=None, answered_until=answered_until(record, at))


def with_delivery(record: RecipientRecord, at: datetime, counted: Iterable[CountedBounce]) -> RecipientRecord:
    """After a delivery at `at`, the latest so far. `counted` tells of bounces after it, where it is told late."""
    seen = replace(record, delivered_at=at)
    following = min((bounce.at for bounce in counted if bounce.reason is not None and bounce.at > at), default=None)
    if following is None:
        return replace(seen, delivered_since=_first(record, at))
    return with_bounce(replace(seen, delivered_since=at), following)


def _first(record: RecipientRecord, at: datetime) -> datetime:
    """One from before the end of a suppression says nothing of what came after that."""
    since, ended_at = record.delivered_since, record.released_at
    return at if since is None or (ended_at is not None and since <= ended_at) else since
