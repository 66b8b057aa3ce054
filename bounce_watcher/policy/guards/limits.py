"""The numbers of the guards and of the alerts. Defaults are those of config.example.toml."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.keys import DAY, MINUTE, Between

PROVEN = Evidence.SIGNATURE
"""The lowest grade that nobody can forge who was not sent the mail."""

SLOT = timedelta(minutes=10)
"""Reports are counted by slots of this length: every window is a whole number of them."""

Window = Annotated[timedelta, Between(10 * MINUTE, DAY)]
Quiet = Annotated[timedelta, Between(10 * MINUTE, 30 * DAY)]
AtMost = Annotated[int, Between(1, 1_000_000)]


def in_hours(length: timedelta) -> float:
    return length / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """When new hard bounces of one group (a receiving provider, a wording) are too many to be believed.

    So many within `window` are at least `min_bounces`, and at least `factor` times what is usual: the busiest window of
    the third busiest day of the `baseline` before. Nothing is held before `learning` different days had reports on
    recipients. It is over when for `quiet` no window held half as many as the alarm took.

    Before the alarm a suppression waits for `wait`, where it is at least the `wait_min`-th of its window and at least
    this share (`wait_from`) of what is usual.
    """

    enabled: bool = True
    window: Window = timedelta(hours=3)
    min_bounces: Annotated[int, Between(2, 1_000_000)] = 10
    factor: Annotated[float, Between(1.0, 1000.0)] = 3.0
    baseline: Annotated[timedelta, Between(DAY, 365 * DAY)] = timedelta(days=90)
    learning: Annotated[int, Between(0, 365)] = 3
    quiet: Quiet = timedelta(hours=6)
    wait: Annotated[timedelta, Between(timedelta(0), DAY)] = timedelta(hours=1)
    wait_min: AtMost = 4
    wait_from: Annotated[float, Between(0.0, 1000.0)] = 0.2


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """When the blocks of one provider, reason and sending IP are a trouble of our own that a person should hear of.

    So many within `window` are at least `min_blocks`, and at least `share` of all that the provider reported in it.
    """

    enabled: bool = True
    window: Window = timedelta(hours=1)
    min_blocks: AtMost = 20
    share: Annotated[float, Between(0.0, 1.0)] = 0.1
    quiet: Quiet = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class FloodSettings:
    """How many new suppressions may rest on reports that nothing proves to be about mail of ours.

    So many by one report, by one host within an hour, and altogether within an hour of UTC, any 24 of them and 30 days;
    or `factor` times what is usual, where that is more. All further ones are held.
    """

    enabled: bool = True
    report: AtMost = 10
    source: AtMost = 50
    hour: AtMost = 80
    day: AtMost = 120
    month: AtMost = 600
    factor: Annotated[float, Between(0.0, 1000.0)] = 2.0
