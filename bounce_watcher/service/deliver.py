"""The outbox to its receivers: lease, send, write down what came of it."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxItem
from bounce_watcher.outbox.circuit import Circuit
from bounce_watcher.outbox.opening import channel_to
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.target import WebhookTarget
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.counts import Counts, What
from bounce_watcher.service.trouble import Troubles

log = structlog.get_logger()

SLACK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One round for one target: items by what their try came to; `retried` are due again.

    `disabled`: the receiver said 410 and is left alone from now on, until `outbox retry --target` or a new URL.
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
    """Sends what is due for one target. One round at a time; close it at the end."""

    def __init__(
        self, ledger: Ledger, target: WebhookTarget | Platform, troubles: Troubles,
        jitter: Callable[[], float] = random.random, counts: Counts | None = None,
    ) -> None:
        """Raises PermanentFailure where the target can't be used at all."""
        self.target = target.name
        self.label = target.label
        self._keeps = target.streams if target.keeps_state else None
        self._ledger = ledger
        self._channel = channel_to(target)
        # just longer than a batch: after a crash its items come back no later than this
        self._lease = self._channel.longest + SLACK
        self._circuit = Circuit()
        self._jitter = jitter
        self._troubles = troubles
        self._counts = counts or Counts()
        self._taken = 0  # what the receiver took so far; without a lock, for only a change matters
        self._threads = ThreadPoolExecutor(self._channel.slots, thread_name_prefix=target.label.replace(" ", "-"))

    def round(self, stop: threading.Event) -> DeliveryReport:
        """Sends until nothing is due, `stop` is set, or a whole turn met a receiver that takes nothing.

        A receiver that fails as a whole is left alone for a while: see `Circuit`. Never raises a BounceWatcherError;
        what is not concluded is sent again when its lease runs out.
        """
        report = DeliveryReport(self.target)
        try:
            self._thin()
            while not stop.is_set() and self._circuit.allows(utcnow()):
                attempts = self._turn()
                report = _sum(report, _report(self.target, attempts))
                if all(attempt.disposition in _STOPPING for attempt in attempts):
                    break
        except BounceWatcherError:
            pass  # the guard has logged it
        return report

    def _thin(self) -> None:
        if self._keeps is not None and self._circuit.allows(utcnow()):
            with self._troubles.guard("ledger", by_kind=True):
                self._ledger.thin(self.target, utcnow(), self._keeps)

    def _turn(self) -> list[Attempt]:
        """As many batches as may be under way at once, a single one while the circuit is open."""
        with self._troubles.guard("ledger", by_kind=True):
            items = self._ledger.lease(self.target, utcnow(), self._lease, self._channel.room, self._keeps)
        batches = self._channel.batches(items)
        slots = self._channel.slots if self._circuit.is_closed else 1
        self._give_back([item for batch in batches[slots:] for item in batch])
        attempts = [attempt for sent in self._threads.map(self._send, batches[:slots]) for attempt in sent]
        if attempts:
            self._circuit = self._judged(attempts)
        return attempts

    def _give_back(self, items: Sequence[OutboxItem]) -> None:
        if items:
            with self._troubles.guard("ledger", by_kind=True):
                self._ledger.give_back(items)

    def _judged(self, attempts: Sequence[Attempt]) -> Circuit:
        waits = [attempt.leave_alone for attempt in attempts if attempt.leave_alone is not None]
        failed = bool(waits) and not any(attempt.disposition is Disposition.DELIVERED for attempt in attempts)
        asked = max(waits, default=None)
        return self._circuit.after(failed=failed, now=utcnow(), asked=asked, jitter=self._jitter())

    def _send(self, items: Sequence[OutboxItem]) -> list[Attempt]:
        """One try. A failing receiver is logged once, by its answer, not once an item.

        A try that fails after another that began no earlier was taken tells of a trouble that is over.
        """
        taken = self._taken
        attempts = self._channel.send(items, utcnow())
        with self._troubles.guard("ledger", by_kind=True):
            self._ledger.conclude(list(zip(items, attempts, strict=True)), utcnow())
        for item, attempt in zip(items, attempts, strict=True):
            self._tell(item, attempt, is_old=self._taken != taken)
        return attempts

    def _tell(self, item: OutboxItem, attempt: Attempt, *, is_old: bool) -> None:
        self._counts.add(What.TRIES, self.target, attempt.disposition)
        if attempt.disposition is Disposition.DELIVERED:
            self._taken += 1
            self._troubles.cleared(self.label)
        elif attempt.disposition is Disposition.DEAD and self._keeps is not None:
            log.warning(
                "refused for good", action="change_refused", target=self.label, id=item.id, answer=attempt.answer
            )
        elif attempt.disposition is not Disposition.AGAIN and not is_old:
            self._troubles.raised(self.label, attempt.answer, alike=attempt.disposition)
        log.debug(
            "webhook sent", action="webhook_sent", target=self.target, webhook_id=item.id, type=item.type.value,
            outcome=attempt.disposition.value,
        )

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._channel.close()


_STOPPING = frozenset({Disposition.RETRY, Disposition.GONE})
"""After a turn of nothing else there is no use in another one now."""


def deliver_all(
    settings: Settings, ledger: Ledger, troubles: Troubles, stop: threading.Event
) -> tuple[DeliveryReport, ...]:
    """One round for every target, side by side: a slow one holds up only its own."""
    if not settings.targets:
        return ()
    with ExitStack() as stack, ThreadPoolExecutor(len(settings.targets)) as threads:
        deliverers = [Deliverer(ledger, target, troubles) for target in settings.targets]
        for each in deliverers:
            stack.callback(each.close)
        try:
            return tuple(threads.map(lambda each: each.round(stop), deliverers))
        except BaseException:  # Ctrl-C: the requests in hand, no more
            stop.set()
            raise


def _report(target: str, attempts: list[Attempt]) -> DeliveryReport:
    found = [attempt.disposition for attempt in attempts]
    return DeliveryReport(
        target,
        delivered=found.count(Disposition.DELIVERED),
        retried=found.count(Disposition.RETRY) + found.count(Disposition.GONE),
        dead=found.count(Disposition.DEAD),
        disabled=Disposition.GONE in found,
    )


def _sum(one: DeliveryReport, other: DeliveryReport) -> DeliveryReport:
    return DeliveryReport(
        one.target, one.delivered + other.delivered, one.retried + other.retried, one.dead + other.dead,
        one.disabled or other.disabled,
    )
