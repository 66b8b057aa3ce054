"""How long a suppression lasts: longer each time that the one before ran out and the recipient still bounced."""

from datetime import datetime, timedelta
from typing import Annotated

from bounce_watcher.model.keys import HOUR, Between, KeyMark
from bounce_watcher.model.ledger import RecipientRecord, State, SuppressionSource

Ladder = Annotated[tuple[timedelta | None, ...], Between(HOUR), KeyMark.SINGLE, KeyMark.FILLED, KeyMark.RISING]
"""Durations of the first suppression, the second and so on; the last one holds for all further. None = for good."""


def lapse(record: RecipientRecord) -> tuple[int, str | None]:
    """`expiry_level` and `expired_reason` of a record whose suppression has expired.

    Only a suppression that the policy put in force raises the level: nobody heard of one that was held, and an end
    that a person set is no probation.
    """
    current = record.suppression
    if current is None or current.state is State.PENDING or current.source is not SuppressionSource.POLICY:
        return record.expiry_level, None
    return record.expiry_level + 1, current.reason


def until(ladder: Ladder, expiry_level: int, since: datetime) -> datetime | None:
    """When a suppression at this level of the ladder ends; None = never, and so is one beyond the calendar."""
    expiry = ladder[min(expiry_level, len(ladder) - 1)]
    try:
        return None if expiry is None else since + expiry
    except OverflowError:
        return None
