"""Decides when to leave a target alone that fails as a whole: closed, open, half-open. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES = 3
"""The circuit opens after this many tries in a row in which the target failed as a whole."""

FIRST, LONGEST = timedelta(seconds=5), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Circuit:
    """The circuit breaker of one target. `failures` counts failures in a row.

    While the circuit is open, nothing is tried until `retry_at`. After that, one batch is tried (half-open). If it goes
    through, the circuit closes. Otherwise it stays open for twice as long, at most `LONGEST`.
    """

    failures: int = 0
    retry_at: datetime | None = None

    def allows(self, now: datetime) -> bool:
        return self.retry_at is None or now >= self.retry_at

    @property
    def is_closed(self) -> bool:
        return self.retry_at is None

    def after(self, *, failed: bool, now: datetime, asked: timedelta | None = None, jitter: float = 0.0) -> "Circuit":
        """Returns the circuit after one try at `now`. `asked` is the wait that the target asked for, if it did.

        `jitter` in [0, 1) lengthens the wait by up to a fifth.
        """
        if not failed:
            return Circuit()
        failures = self.failures + 1
        if failures < FAILURES and not asked:
            return replace(self, failures=failures)
        wait = min(FIRST * 2 ** min(max(failures - FAILURES, 0), 8), LONGEST) * (1 + 0.2 * jitter)
        return Circuit(failures, now + max(wait, asked or timedelta(0)))
