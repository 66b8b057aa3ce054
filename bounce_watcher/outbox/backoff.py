"""Decides what an answer leads to: delivered, another try at a set time, given up, or the endpoint is gone. Pure.

Standard Webhooks 1.0, "Deliverability and reliability": only 2xx is success, 410 disables the endpoint, and anything
else (also a redirect or another 4xx) is tried again on a schedule. 429 and 503 may say when. A target that fails as a
whole is left alone for a while.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bounce_watcher.model.ledger import Attempt, Disposition
from bounce_watcher.outbox.http.exchange import Reply

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The delay after each failed try. If the try after the last delay fails, the item becomes a dead letter."""

SPREAD = 0.2
"""Jitter lengthens a delay by up to this share, so that items that failed together are not retried together."""

LONGEST_ASKED = timedelta(hours=24)
"""The longest wait that a receiver may ask for. An absurd date must not stop the outbox."""

FOR_WHAT_IS_IN_IT = frozenset({400, 413, 422})
"""Statuses that are about the request and not about the receiver."""

_HEEDED = frozenset({429, 503})
_GONE = 410


def decide_attempt(reply: Reply, attempts: int, now: datetime, jitter: float) -> Attempt:
    """Returns the result of one try to send a webhook. `attempts` counts the tries before this one; `now` is aware."""
    if reply.ok:
        return Attempt(Disposition.DELIVERED, reply.text)
    if reply.status == _GONE:
        return Attempt(Disposition.GONE, reply.text)
    wait = retry_after(reply.retry_after, now) if reply.status in _HEEDED and reply.retry_after is not None else None
    whole = reply.status not in FOR_WHAT_IS_IN_IT
    return try_again(reply.text, attempts, now, jitter, wait or timedelta(0), whole=whole)


def try_again(text: str, attempts: int, now: datetime, jitter: float, wait: timedelta, *, whole: bool) -> Attempt:
    """Schedules the next try, or gives up if there were enough. `jitter` is in [0, 1).

    The next try is never earlier than the schedule or the receiver's `wait` (up to `LONGEST_ASKED`) says. `whole` says
    whether the receiver failed as a whole.
    """
    if attempts >= len(SCHEDULE):
        return Attempt(Disposition.DEAD, f"{text}; given up after {attempts + 1} tries")
    wait = min(wait, LONGEST_ASKED)
    delay = max(SCHEDULE[max(attempts, 0)], wait)
    return Attempt(Disposition.RETRY, text, now + delay * (1 + SPREAD * jitter), wait if whole else None)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """Returns the wait that a Retry-After header asks for (RFC 9110 section 10.2.3), from 0 to `LONGEST_ASKED`.

    The value is in seconds or in any of the three forms of an HTTP date (section 5.6.7). Returns None if it is neither.
    """
    value = value.strip()[:64]
    if value.isascii() and value.isdecimal():
        seconds = min(int(value), int(LONGEST_ASKED.total_seconds()))
        return timedelta(seconds=seconds)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), LONGEST_ASKED)


# ── a target that fails as a whole: closed, open, half-open ──────────────────────────────────────────────────────────

FAILURES = 3
"""The circuit opens after this many tries in a row in which the target failed as a whole."""

FIRST, LONGEST_OPEN = timedelta(seconds=5), timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Circuit:
    """The circuit breaker of one target. `failures` counts failures in a row.

    While the circuit is open, nothing is tried until `retry_at`. After that, one batch is tried (half-open). If it goes
    through, the circuit closes. Otherwise it stays open for twice as long, at most `LONGEST_OPEN`.
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
        wait = min(FIRST * 2 ** min(max(failures - FAILURES, 0), 8), LONGEST_OPEN) * (1 + 0.2 * jitter)
        return Circuit(failures, now + max(wait, asked or timedelta(0)))
