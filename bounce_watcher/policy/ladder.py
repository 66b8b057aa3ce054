"""How long a suppression lasts: longer each time if the recipient still bounces after the last one expired."""

from datetime import datetime, timedelta
from typing import Annotated

from bounce_watcher.model.keys import HOUR, Between, KeyMark
from bounce_watcher.model.ledger import RecipientRecord, State, SuppressionSource

Ladder = Annotated[tuple[timedelta | None, ...], Between(HOUR), KeyMark.SINGLE, KeyMark.FILLED, KeyMark.RISING]
"""Durations of the first suppression, the second and so on; the last applies to all further ones. None = for good."""


def lapse(record: RecipientRecord) -> tuple[int, str | None]:
    """Returns `expiry_level` and `expired_reason` of a record whose suppression has expired.

    Only a suppression that the policy put in force raises the level: a held one was never reported to a target, and an
    end that a person set is no probation.
    """
    current = record.suppression
    if current is None or current.state is State.PENDING or current.source is not SuppressionSource.POLICY:
        return record.expiry_level, None
    return record.expiry_level + 1, current.reason


def until(ladder: Ladder, expiry_level: int, since: datetime) -> datetime | None:
    """Returns when a suppression at this level of the ladder ends; None = never, also for an end past the calendar."""
    expiry = ladder[min(expiry_level, len(ladder) - 1)]
    try:
        return None if expiry is None else since + expiry
    except OverflowError:
        return None
