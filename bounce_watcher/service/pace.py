"""Limits how often something is done."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bounce_watcher.service.clock import utcnow


class Cooldown:
    """Lets something succeed at most once in `every`. A failure may be tried again at once. For one thread."""

    def __init__(self, every: timedelta, now: Callable[[], datetime] = utcnow) -> None:
        self._every = every
        self._now = now
        self._last: datetime | None = None

    @property
    def allows(self) -> bool:
        """Checks whether the time has passed. A clock that was set back delays nothing."""
        return self._last is None or not timedelta(0) <= self._now() - self._last < self._every

    def succeeded(self) -> None:
        self._last = self._now()
