"""Cuts changes to a platform's list into calls, makes the calls, and returns the result of each change.

For a platform over HTTP it holds the conversations, at the platform's rate.
"""

import random
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from bounce_watcher.logs import log
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxItem
from bounce_watcher.outbox.backoff import try_again
from bounce_watcher.outbox.change import Change, Fate, Outcome, change_of
from bounce_watcher.outbox.channel import AHEAD
from bounce_watcher.outbox.http.client import HttpClient, transport_to
from bounce_watcher.outbox.http.exchange import Conversation, Reply
from bounce_watcher.outbox.platform import CallPacer, HttpPlatform, ListPage, LocalPlatform, Platform, Session

PACED = timedelta(seconds=5)
"""The number of calls started at once is at most what a platform's rate allows within this time."""

AT_HAND = timedelta(seconds=2)
"""One lease covers as many changes as a platform's rate allows within this time.

With a shorter time, a later change takes effect sooner; with a longer one, there are fewer leases to pay for.
"""

MOST = 1000
"""The most changes leased at once, unless the calls that may be under way take more. It bounds the memory."""

LONGEST = timedelta(minutes=5)
"""The upper limit of `longest`, and so of a lease but for a few seconds.

Changes that were under way when the service died wait no longer, even if their batch could have taken longer.
A batch that takes longer loses its lease, and its changes are made once more. On a list that does no harm.
"""

_PUZZLED = "the answer could not be read; the log of this moment says why"


T = TypeVar("T")


class PlatformChannel:
    """A `Channel` to a platform. Raises PermanentFailure if the platform can't be used at all."""

    def __init__(self, platform: Platform, jitter: Callable[[], float] = random.random) -> None:
        self._platform = platform
        self._session = connect(platform)
        self._jitter = jitter
        self._most: dict[str, int] = {}  # item id → largest batch: items of a refused call go into smaller ones
        self._lock = threading.Lock()

    @property
    def slots(self) -> int:
        rate, limits = self._platform.calls_a_second, self._platform.limits
        paced = int(rate * PACED.total_seconds() / limits.calls) if rate else limits.concurrency
        return min(limits.concurrency, max(1, paced))

    @property
    def room(self) -> int:
        """The items that the rate allows within `AT_HAND`: at most `MOST`, but at least as many as may be under way."""
        rate, limits = self._platform.calls_a_second, self._platform.limits
        batches = int(rate * AT_HAND.total_seconds() / limits.calls) if rate else self.slots * AHEAD
        batch = max(limits.batch, limits.release_batch)
        return max(self.slots * batch, min(batches * batch, MOST))

    @property
    def longest(self) -> timedelta:
        rate, calls = self._platform.calls_a_second, self._platform.limits.calls
        paced = timedelta(seconds=self.slots * calls / rate) if rate else timedelta(0)
        return min(calls * self._platform.timeout + paced, LONGEST)

    def batches(self, items: Sequence[OutboxItem]) -> list[list[OutboxItem]]:
        open_ones: dict[Hashable, list[OutboxItem]] = {}
        cut: list[list[OutboxItem]] = []
        for item in items:
            change = change_of(item)
            group = (change.suppress, self._platform.group_of(change))
            batch = open_ones.get(group)
            if batch is None or len(batch) >= self._limit([*batch, item], suppress=change.suppress):
                batch = open_ones[group] = []
                cut.append(batch)
            batch.append(item)
        return cut

    def _limit(self, items: Sequence[OutboxItem], *, suppress: bool) -> int:
        limits = self._platform.limits
        most = limits.batch if suppress else limits.release_batch
        return min(most, *(self._most.get(item.id, most) for item in items)) if self._most else most

    def send(self, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        changes = [change_of(item) for item in items]
        act = self._session.suppress if changes[0].suppress else self._session.release
        outcomes = self._shielded(lambda: act(changes, now), len(changes))
        self._remember(items, outcomes)
        return [self._attempt(outcome, item.attempts, now) for item, outcome in zip(items, outcomes, strict=True)]

    def test(self, now: datetime) -> Attempt:
        found = self._shielded(lambda: [self._session.check(now)], 1)[0]
        return replace(self._attempt(found, 0, now), status=found.status, failure=found.failure)

    def close(self) -> None:
        self._session.close()

    def _shielded(self, act: Callable[[], Sequence[Outcome]], size: int) -> Sequence[Outcome]:
        """Runs `act`. An exception is a bug of ours that an unforeseen answer triggers: it must not stop the outbox."""
        try:
            outcomes = act()
            if len(outcomes) == size:
                return outcomes
            log.error("outcomes do not fit", action="platform_bug", platform=self._platform.name, found=len(outcomes))
        except Exception as bug:
            log.error(
                "answer not understood", action="platform_bug", platform=self._platform.name, bug=type(bug).__name__,
                where=_where(bug),
            )
        return [Outcome(Fate.LATER, _PUZZLED, whole=True)] * size

    def _remember(self, items: Sequence[OutboxItem], outcomes: Sequence[Outcome]) -> None:
        with self._lock:
            for item, outcome in zip(items, outcomes, strict=True):
                self._most.pop(item.id, None)
                if outcome.fate is Fate.SPLIT:
                    self._most[item.id] = max(1, len(items) // 2)

    def _attempt(self, outcome: Outcome, attempts: int, now: datetime) -> Attempt:
        match outcome.fate:
            case Fate.DONE:
                return Attempt(Disposition.DELIVERED, outcome.answer)
            case Fate.REFUSED:
                return Attempt(Disposition.DEAD, outcome.answer)
            case Fate.SPLIT:
                return Attempt(Disposition.AGAIN, outcome.answer)
            case Fate.LATER:
                wait = outcome.wait or timedelta(0)
                return try_again(outcome.answer, attempts, now, self._jitter(), wait, whole=outcome.whole)


def _where(bug: Exception) -> str:
    """Returns the last place in the source, without any values: these may be other people's addresses."""
    trace = bug.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────────

def connect(platform: Platform) -> Session:
    """Opens a session without making a call yet. Raises PermanentFailure if the platform can't be used at all."""
    if isinstance(platform, HttpPlatform):
        return HttpSession(platform)
    assert isinstance(platform, LocalPlatform), "a platform is one of the two"
    return platform.connect()


class HttpSession:
    """A `Session` over HTTP. Raises PermanentFailure for a URL, a proxy or a ca_file that can't be used."""

    def __init__(self, platform: HttpPlatform) -> None:
        self._platform = platform
        self._pace = CallPacer(platform.calls_a_second)
        self._client = HttpClient(transport_to(platform), platform.timeout, platform.secrets())

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        return self._hold(self._platform.suppress(changes, now))

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        return self._hold(self._platform.release(changes, now))

    def check(self, now: datetime) -> Outcome:
        replies: list[Reply] = []
        found = self._hold(self._platform.check(now), replies.append)
        return replace(found, status=replies[-1].status, failure=replies[-1].failure) if replies else found

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        return self._hold(self._platform.page(cursor, now))

    def close(self) -> None:
        self._client.close()

    def _hold(self, conversation: Conversation[T], note: Callable[[Reply], None] = lambda _: None) -> T:
        try:
            request = next(conversation)
            while True:
                self._pace.wait()
                reply = self._client.exchange(request)
                note(reply)
                request = conversation.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
