"""Whether mail has stopped coming to a mailbox: held against the longest pause that was usual there of late. Pure.

What was usual when an alert was raised stands with it and holds until mail comes: else a long silence would end by
itself, once the days before are forgotten. Any mail ends it. Such a silence is not what the next one is held against,
or one mail that a person sends to try the way would make days of silence usual for a month.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

SPAN = timedelta(days=30)
"""So far it is looked back."""
HISTORY, FEWEST = timedelta(days=14), 20
"""From the first to the last mail, and hours with mail: with less nobody knows what is usual."""
TIMES, SHORTEST = 1.5, timedelta(hours=12)
"""A pause is unusual from so many times the longest usual one on, and never below so long."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Silence:
    """An alert: the silence that began at `since`, held against pauses of `usual`."""

    since: datetime
    usual: timedelta
    cleared: bool


@dataclass(frozen=True, slots=True)
class ArrivalRate:
    """How mail comes to a mailbox: when the hour of the newest ended (aware), and the longest usual pause."""

    last_at: datetime
    longest: timedelta

    @property
    def unusual_from(self) -> timedelta:
        return max(SHORTEST, self.longest * TIMES)

    def is_quiet(self, now: datetime) -> bool:
        return now - self.last_at > self.unusual_from


def pace_of(busy: Sequence[datetime], told: Sequence[Silence]) -> ArrivalRate | None:
    for alert in told:
        if not alert.cleared and (not busy or busy[-1] < alert.since):
            return ArrivalRate(alert.since, alert.usual)
    if len(busy) < FEWEST or busy[-1] - busy[0] < HISTORY:
        return None
    return ArrivalRate(busy[-1] + _HOUR, _usual(busy, {alert.since for alert in told}))


def _usual(busy: Sequence[datetime], told: Set[datetime]) -> timedelta:
    """The longest pause; of those that alerts were raised on the longest is left out, as nothing like it was met."""
    pauses = [(later - earlier, earlier + _HOUR in told) for earlier, later in pairwise(busy)]
    repeated = sorted(length for length, is_told in pauses if is_told)[:-1]
    return max([*repeated, *(length for length, is_told in pauses if not is_told)])
