"""Deliveries that the platform reports, and the bounces that they cancel. Pure.

When a server accepts a recipient's mail, the bounces before it no longer count: soft ones, and those that wait for a
second one. But some servers accept all mail and bounce it later, so a delivery is valid only if no bounce follows it
soon. Of several deliveries with no bounce in between only the first matters: it came after the same bounces, and is
valid sooner.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from bounce_watcher.model.ledger import CountedBounce, RecipientRecord

SOON = timedelta(hours=12)
"""A bounce that comes later than this after a delivery is about another mail: a gateway asks the server behind it
within minutes or hours. It must be less than a day, or the next day's bounce would cancel each delivery of a daily
mailing."""


def answered_until(record: RecipientRecord, at: datetime) -> datetime | None:
    """Returns the time up to which bounces do not count, seen from an event at `at`; None without a delivery."""
    since, until = record.delivered_since, record.answered_until
    if since is None or since < at < since + SOON:
        return until
    return since if until is None else max(since, until)


def unanswered(counted: Iterable[CountedBounce], record: RecipientRecord, at: datetime) -> Iterator[CountedBounce]:
    """Yields the bounces that still count. A delivery never cancels a complaint."""
    until = answered_until(record, at)
    return (bounce for bounce in counted if until is None or bounce.reason is None or bounce.at > until)


def with_bounce(record: RecipientRecord, at: datetime) -> RecipientRecord:
    """Returns the record after a believed bounce at `at`. It settles whether the deliveries before it are valid."""
    if record.delivered_since is None or at <= record.delivered_since:
        return record
    return replace(record, delivered_since=None, answered_until=answered_until(record, at))


def with_delivery(record: RecipientRecord, at: datetime, counted: Iterable[CountedBounce]) -> RecipientRecord:
    """Returns the record after a delivery at `at`, the latest so far.

    If the delivery is reported late, `counted` holds the bounces after it.
    """
    seen = replace(record, delivered_at=at)
    following = min((bounce.at for bounce in counted if bounce.reason is not None and bounce.at > at), default=None)
    if following is None:
        return replace(seen, delivered_since=_first(record, at))
    return with_bounce(replace(seen, delivered_since=at), following)


def _first(record: RecipientRecord, at: datetime) -> datetime:
    """Returns the first delivery that matters: one before the end of a suppression says nothing about what follows."""
    since, ended_at = record.delivered_since, record.released_at
    return at if since is None or (ended_at is not None and since <= ended_at) else since
