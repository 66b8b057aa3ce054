"""Detects that mail has stopped coming to a mailbox, compared with the longest recent pause that was usual there. Pure.

An alert stores what was usual when it was raised, and that applies until mail comes: otherwise a long silence would
end by itself once the days before it are out of reach. Any mail ends the silence. The next silence is not compared with
it: otherwise one test mail by a person would make days of silence usual for a month.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

SPAN = timedelta(days=30)  # how far back it looks
HISTORY, FEWEST = timedelta(days=14), 20
"""The time from the first to the last mail, and the hours with mail, that are needed to know what is usual."""
TIMES, SHORTEST = 1.5, timedelta(hours=12)
"""A pause is unusual above `TIMES` the longest usual one, and never below `SHORTEST`."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Silence:
    """An alert: the silence that began at `since`, compared with a usual pause of `usual`."""

    since: datetime
    usual: timedelta
    cleared: bool


@dataclass(frozen=True, slots=True)
class ArrivalRate:
    """How mail comes to a mailbox: the end of the hour of the newest mail (aware), and the longest usual pause."""

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
    """Returns the longest pause. Of those that raised alerts it leaves out the longest, as it happened only once."""
    pauses = [(later - earlier, earlier + _HOUR in told) for earlier, later in pairwise(busy)]
    repeated = sorted(length for length, is_told in pauses if is_told)[:-1]
    return max([*repeated, *(length for length, is_told in pauses if not is_told)])
