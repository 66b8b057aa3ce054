"""How long a suppression lasts: longer each time that the one before ran out and the recipient still bounced."""

from datetime import datetime, timedelta
from typing import Annotated

from bounce_watcher.model.keys import HOUR, Between, KeyMark
from bounce_watcher.model.ledger import RecipientRecord, State, SuppressionSource

Ladder = Annotated[tuple[timedelta | None, ...], Between(HOUR), KeyMark.SINGLE, KeyMark.FILLED, KeyMark.RISING]
"""Durations of the first suppression, the second and so on; the last one holds for all further. None = for good."""


def lapse(record: RecipientRecord) -> tuple[int, str | None]:
    """`rung` and `lapsed` of a record whose suppression has run out.

    Only what the policy had put in force is a rung: nobody heard of one held back, and a person's end is no probation.
    """
    current = record.suppression
    if current is None or current.state is State.PENDING or current.source is not SuppressionSource.POLICY:
        return record.rung, None
    return record.rung + 1, current.reason


def until(ladder: Ladder, rung: int, since: datetime) -> datetime | None:
    """When a suppression on this rung ends; None = never, and so is one beyond the calendar."""
    expiry = ladder[min(rung, len(ladder) - 1)]
    try:
        return None if expiry is None else since + expiry
    except OverflowError:
        return None
