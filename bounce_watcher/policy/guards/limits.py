"""The settings of the guards and the alerts. The defaults are those of config.example.toml."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.keys import DAY, MINUTE, Between

PROVEN = Evidence.SIGNATURE  # the lowest grade that nobody can forge without having received the mail
SLOT = timedelta(minutes=10)
"""Reports are counted in slots of this length; every window is a whole number of them."""

Window = Annotated[timedelta, Between(10 * MINUTE, DAY)]
Quiet = Annotated[timedelta, Between(10 * MINUTE, 30 * DAY)]
AtMost = Annotated[int, Between(1, 1_000_000)]


def in_hours(length: timedelta) -> float:
    return length / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """When new hard bounces of one group (a receiving provider, a wording) are too many to be believed.

    The alarm needs at least `min_bounces` within `window`, and at least `factor` times the usual number: the busiest
    window of the third busiest day in the `baseline` before. Nothing is held until `learning` different days had
    reports on recipients. The outage is over when for `quiet` no window held half as many as the alarm needed.

    Before the alarm a suppression waits for `wait` if its bounce is at least the `wait_min`-th of its window and at
    least the share `wait_from` of the usual number.
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
    """When the blocks of one provider, reason and sending IP are trouble of our own that a person should know about.

    The alert needs at least `min_blocks` within `window`, and at least `share` of all reports of the provider in it.
    """

    enabled: bool = True
    window: Window = timedelta(hours=1)
    min_blocks: AtMost = 20
    share: Annotated[float, Between(0.0, 1.0)] = 0.1
    quiet: Quiet = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class FloodSettings:
    """How many new suppressions may rest on unproven reports.

    The caps are per report, per host within an hour, and in total within an hour of UTC, any 24 of them and 30 days.
    If `factor` times the usual number is higher, that is the cap. All further suppressions are held.
    """

    enabled: bool = True
    report: AtMost = 10
    source: AtMost = 50
    hour: AtMost = 80
    day: AtMost = 120
    month: AtMost = 600
    factor: Annotated[float, Between(0.0, 1000.0)] = 2.0
