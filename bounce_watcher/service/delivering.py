"""Sends the outbox to its targets: leases items, sends them, and records the results."""

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import TypeVar

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.logs import log
from bounce_watcher.model.about import LEDGER
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.faults import NotAccepted
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxItem
from bounce_watcher.outbox.backoff import Circuit
from bounce_watcher.outbox.opening import Receiver, channel_to
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import Counts, Troubles, What

T = TypeVar("T")
R = TypeVar("R")

BEGUN = timedelta(seconds=5)
"""A leased item is begun within this time, or its lease is given back."""

SLACK = timedelta(seconds=10)

UNWRITTEN = 2
"""How many batches per concurrent call are sent at most before their results are recorded.

If the service dies, batches that were sent but not recorded are sent again, so this is small. It is more than one, so
that no call waits for the ledger.
"""

_STOPPING = frozenset({Disposition.RETRY, Disposition.GONE})
"""After a turn with only these results there is no point in another turn now."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """The sending of one lease. Nothing is begun after `until`, after `stop`, or once the target has failed."""

    stop: threading.Event
    until: datetime
    failed: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        return self.stop.is_set() or self.failed.is_set() or utcnow() >= self.until


@dataclass(frozen=True, slots=True)
class _Try:
    """A batch and its results: no attempts if it was not begun, no items if newer states replaced them all.

    `taken`: how many items the target had taken when the try began.
    """

    items: Sequence[OutboxItem]
    attempts: Sequence[Attempt]
    taken: int = 0

    @property
    def outcomes(self) -> list[tuple[OutboxItem, Attempt]]:
        return list(zip(self.items, self.attempts, strict=True)) if self.attempts else []

    @property
    def goes_on(self) -> bool:
        """Checks whether another turn now makes sense."""
        return not self.items or any(attempt.disposition not in _STOPPING for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """The result of one round for one target: items by the outcome of their try. `retried` items are due again.

    `disabled`: the target answered 410 and gets nothing more, until `outbox retry --target` or a new URL.
    """

    target: str
    delivered: int = 0
    retried: int = 0
    dead: int = 0
    disabled: bool = False

    @property
    def tried(self) -> int:
        return self.delivered + self.retried + self.dead


class Deliverer:
    """Sends what is due for one target, one round at a time. Close it at the end."""

    def __init__(
        self, ledger: Ledger, target: Receiver, troubles: Troubles,
        jitter: Callable[[], float] = random.random, counts: Counts | None = None,
    ) -> None:
        """Raises PermanentFailure if the target can't be used at all."""
        self.target = target.name
        self.about = target.about
        self._keeps = target.streams if target.keeps_state else None
        self._ledger = ledger
        self._channel = channel_to(target)
        # long enough for whatever begins last to end, short enough that a crash delays nothing for longer
        self._lease = BEGUN + self._channel.longest + SLACK
        self._circuit = Circuit()
        self._jitter = jitter
        self._troubles = troubles
        self._counts = counts or Counts()
        self._taken = 0  # how many items the target has taken so far
        self._threads = ThreadPoolExecutor(self._channel.slots, thread_name_prefix=target.label.replace(" ", "-"))

    def round(self, stop: threading.Event) -> DispatchReport:
        """Sends until nothing is due, `stop` is set, or a whole turn gets nothing through.

        A target that fails as a whole is left alone for a while: see `Circuit`. Never raises a BounceWatcherError.
        Items without a recorded result are sent again when their lease runs out.
        """
        found = Counter[Disposition]()
        with suppress(BounceWatcherError):  # the guard has logged it
            if self._keeps is not None and self._circuit.allows(utcnow()):
                with self._troubles.guard(LEDGER):
                    self._ledger.outbox.supersede_stale(self.target, utcnow(), self._keeps)
            while not stop.is_set() and self._circuit.allows(utcnow()):
                tries = self._turn(stop)
                found.update(attempt.disposition for attempt in _attempts(tries))
                if not any(each.goes_on for each in tries):
                    break
        return DispatchReport(
            self.target, found[Disposition.DELIVERED], found[Disposition.RETRY] + found[Disposition.GONE],
            found[Disposition.DEAD], disabled=Disposition.GONE in found,
        )

    def _turn(self, stop: threading.Event) -> list[_Try]:
        """Sends one lease, with as many calls at a time as are allowed: a single one while the circuit is open."""
        turn = _Turn(stop, utcnow() + BEGUN)
        with self._troubles.guard(LEDGER):
            items = self._ledger.outbox.lease(self.target, utcnow(), self._lease, self._channel.room, self._keeps)
        batches = self._channel.batches(items)
        most = len(batches) if self._circuit.is_closed else 1
        tries = [_Try(batch, ()) for batch in batches[most:]]
        send = partial(self._send, turn)
        with closing(_through(self._threads, send, batches[:most], UNWRITTEN * self._channel.slots)) as groups:
            for group in groups:
                self._write(group)
                tries += group
        if unsent := [item for each in tries if not each.attempts for item in each.items]:
            with self._troubles.guard(LEDGER):
                self._ledger.outbox.give_back(unsent)
        if attempts := _attempts(tries):
            self._circuit = self._judged(attempts)
        return tries

    def _judged(self, attempts: Sequence[Attempt]) -> Circuit:
        """Returns the circuit after these attempts. Obeys a target that asks for a wait, whatever it took before."""
        waits = [attempt.leave_alone for attempt in attempts if attempt.leave_alone is not None]
        asked = max(waits, default=None)
        none_taken = not any(attempt.disposition is Disposition.DELIVERED for attempt in attempts)
        failed = bool(asked) or (bool(waits) and none_taken)
        return self._circuit.after(failed=failed, now=utcnow(), asked=asked, jitter=self._jitter())

    def _send(self, turn: _Turn, items: Sequence[OutboxItem]) -> _Try:
        """Makes one try, or none if the turn is over. Runs in its own thread.

        Does not send items that a newer state has replaced while they waited here.
        """
        if turn.is_over:
            return _Try(items, ())
        try:
            items = self._ledger.outbox.still_wanted(items, self._keeps)
        except BounceWatcherError:
            return _Try(items, ())  # the failure is reported where the other items are written or given back
        if not items:
            return _Try((), ())
        taken = self._taken
        begun = monotonic()
        made = self._channel.send(items, utcnow())
        took = timedelta(seconds=monotonic() - begun)
        attempts = [replace(attempt, took=took) for attempt in made]
        if any(attempt.leave_alone is not None for attempt in attempts):
            turn.failed.set()
        return _Try(items, attempts, taken)

    def _write(self, tries: Sequence[_Try]) -> None:
        """Records results. Logs a failing target once for its answer, not once for each item.

        A failed try raises no trouble if the target has taken something since that try began: the trouble is over.
        """
        outcomes = [outcome for each in tries for outcome in each.outcomes]
        if outcomes:
            with self._troubles.guard(LEDGER):
                self._ledger.outbox.conclude(outcomes, utcnow())
        for each in tries:
            for item, attempt in each.outcomes:
                self._tell(item, attempt, is_old=self._taken != each.taken)

    def _tell(self, item: OutboxItem, attempt: Attempt, *, is_old: bool) -> None:
        self._counts.add(What.TRIES, self.target, attempt.disposition)
        if attempt.disposition is Disposition.DELIVERED:
            self._taken += 1
            self._troubles.cleared(self.about)
        elif attempt.disposition is Disposition.DEAD and self._keeps is not None:
            log.warning(
                "refused for good", action="change_refused", target=str(self.about), id=item.id, answer=attempt.answer
            )
        elif attempt.disposition is not Disposition.AGAIN and not is_old:
            self._troubles.raised(self.about, NotAccepted(attempt.disposition, attempt.answer))
        log.debug(
            "webhook sent", action="webhook_sent", target=self.target, webhook_id=item.id, type=item.type.value,
            outcome=attempt.disposition.value,
        )

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._channel.close()


def _attempts(tries: Sequence[_Try]) -> list[Attempt]:
    return [attempt for each in tries for attempt in each.attempts]


def _through(
    threads: ThreadPoolExecutor, send: Callable[[Sequence[OutboxItem]], _Try], batches: Sequence[Sequence[OutboxItem]],
    at_once: int,
) -> Generator[list[_Try], None, None]:
    """Sends all batches in order and yields finished tries as soon as there are any.

    At most `at_once` batches are sent, wait to be sent, or are not yielded yet. Close it: it waits for running calls.
    """
    waiting, ended = deque(batches), SimpleQueue[Future[_Try]]()
    calls = set[Future[_Try]]()
    try:
        while waiting or calls:
            while waiting and len(calls) < at_once:
                call = threads.submit(send, waiting.popleft())
                calls.add(call)
                call.add_done_callback(ended.put)
            group = [ended.get(), *(ended.get() for _ in range(ended.qsize()))]
            calls.difference_update(group)
            yield [call.result() for call in group]
    finally:
        for call in calls:
            call.cancel()
        wait(calls)


def deliver_all(
    settings: Settings, ledger: Ledger, troubles: Troubles, stop: threading.Event
) -> tuple[DispatchReport, ...]:
    """Makes one round for every target, in parallel: a slow target delays only its own items."""
    with ExitStack() as stack:
        deliverers = [stack.enter_context(closing(Deliverer(ledger, each, troubles))) for each in settings.receivers]
        return in_parallel(lambda each: each.round(stop), deliverers, stop)


def in_parallel(work: Callable[[T], R], values: Sequence[T], stop: threading.Event) -> tuple[R, ...]:
    """Returns what `work` returns for each value, each in its own thread. An interruption (Ctrl-C) sets `stop`."""
    if not values:
        return ()
    with ThreadPoolExecutor(len(values), thread_name_prefix="pass") as threads:
        try:
            return tuple(threads.map(work, values))
        except BaseException:  # leaving the `with` block waits for the threads
            stop.set()
            raise
