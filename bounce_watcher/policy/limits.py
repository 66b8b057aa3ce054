"""The numbers of the guards and of the alerts. Defaults are those of config.example.toml."""

from dataclasses import dataclass
from datetime import timedelta

SLOT = timedelta(minutes=10)
"""Reports are counted by slots of this length: every window is a whole number of them."""


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
    window: timedelta = timedelta(hours=3)
    min_bounces: int = 10
    factor: float = 3.0
    baseline: timedelta = timedelta(days=90)
    learning: int = 3
    quiet: timedelta = timedelta(hours=6)
    wait: timedelta = timedelta(hours=1)
    wait_min: int = 4
    wait_from: float = 0.2


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """When the blocks of one provider, reason and sending IP are a trouble of our own that a person should hear of.

    So many within `window` are at least `min_blocks`, and at least `share` of all that the provider reported in it.
    """

    enabled: bool = True
    window: timedelta = timedelta(hours=1)
    min_blocks: int = 20
    share: float = 0.1
    quiet: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class FloodSettings:
    """How many new suppressions may rest on reports that nothing proves to be about mail of ours.

    So many by one report, by one host within an hour, and altogether within an hour of UTC, any 24 of them and 30 days;
    or `factor` times what is usual, where that is more. All further ones are held.
    """

    enabled: bool = True
    report: int = 10
    source: int = 50
    hour: int = 80
    day: int = 120
    month: int = 600
    factor: float = 2.0
