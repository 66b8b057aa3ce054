"""Compares counted bounces with a threshold, by whole days in UTC.

Everything is measured between days, not moments, so the order of two reports of one day never matters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bounce_watcher.model.grounds import Counted
from bounce_watcher.model.ledger import CountedBounce
from bounce_watcher.model.times import utc_day
from bounce_watcher.policy.settings import Threshold

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """The bounces inside one window, oldest first, their days, and the threshold for them."""

    bounces: tuple[CountedBounce, ...]
    dates: tuple[date, ...]
    threshold: Threshold

    @property
    def span(self) -> int:
        """Days between the first and the last bounce."""
        return (self.dates[-1] - self.dates[0]).days

    @property
    def is_met(self) -> bool:
        needed = self.threshold
        return (
            len(self.bounces) >= needed.bounces
            and len(self.dates) >= needed.distinct_days
            and self.span * _DAY >= needed.span
        )

    @property
    def last_at(self) -> datetime:
        return self.bounces[-1].at

    @property
    def grounds(self) -> Counted:
        needed = self.threshold
        return Counted(
            len(self.bounces), needed.bounces, self.dates, needed.distinct_days, self.span, -(-needed.span // _DAY),
            needed.window // _DAY, tuple(dict.fromkeys(bounce.reason or "" for bounce in self.bounces)),
        )


def tally(bounce: CountedBounce, earlier: Sequence[CountedBounce], threshold: Threshold) -> Tally:
    """Returns the window around `bounce` that comes closest to the threshold.

    Imports and slow mailboxes can bring reports out of order, so a window may also end with a bounce that is younger
    than this one and was counted before it.
    """
    everything = sorted((*earlier, bounce), key=lambda each: (each.at, each.event_id))
    windows = _windows(everything, utc_day(bounce.at), threshold)
    return max(windows, key=lambda window: (window.is_met, len(window.bounces)))


def _windows(bounces: Sequence[CountedBounce], today: date, threshold: Threshold) -> Iterator[Tally]:
    length = threshold.window
    dated = [(utc_day(bounce.at), bounce) for bounce in bounces]
    near = [(when, bounce) for when, bounce in dated if abs(when - today) <= length]
    for end in sorted({when for when, _ in near if when >= today}):
        inside = [(when, bounce) for when, bounce in near if when <= end and end - when <= length]
        dates = sorted({when for when, _ in inside})
        yield Tally(tuple(bounce for _, bounce in inside), tuple(dates), threshold)
