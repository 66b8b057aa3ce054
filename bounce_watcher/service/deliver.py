"""The outbox to its receivers: lease, send, write down what came of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxItem
from bounce_watcher.outbox.sender import Sender
from bounce_watcher.outbox.target import WebhookTarget
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.trouble import Troubles

log = structlog.get_logger()

CONCURRENCY = 8
"""Requests to one receiver at once, and items leased at once: so none waits leased when the service stops."""
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

    def __init__(self, ledger: Ledger, target: WebhookTarget, troubles: Troubles) -> None:
        """Raises PermanentFailure where the target can't be used at all."""
        self.target = target.name
        self._lease = target.timeout + SLACK  # just longer than a try: after a crash they come back no later than this
        self._ledger = ledger
        self._sender = Sender(target)
        self._troubles = troubles
        self._taken = 0  # what the receiver took so far; without a lock, for only a change matters
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix=f"webhook-{target.name}")

    def round(self, stop: threading.Event) -> DeliveryReport:
        """Sends until nothing is due, `stop` is set, or a whole batch met a receiver that takes nothing.

        Never raises a BounceWatcherError; what is not concluded is sent again when its lease runs out.
        """
        report = DeliveryReport(self.target)
        try:
            while not stop.is_set():
                batch = self._batch()
                report = _sum(report, batch)
                if batch.delivered == 0:
                    break
        except BounceWatcherError:
            pass  # the guard has logged it
        return report

    def _batch(self) -> DeliveryReport:
        with self._troubles.guard("ledger", by_kind=True):
            items = self._ledger.lease(self.target, utcnow(), self._lease, CONCURRENCY)
        return _report(self.target, list(self._threads.map(self._send, items)))

    def _send(self, item: OutboxItem) -> Attempt:
        """One try. A failing receiver is logged once, by its answer, not once an item.

        A try that fails after another that began no earlier was taken tells of a trouble that is over.
        """
        taken = self._taken
        attempt = self._sender.send([item], utcnow())[0]
        with self._troubles.guard("ledger", by_kind=True):
            self._ledger.conclude(item, attempt, utcnow())
        if attempt.disposition is Disposition.DELIVERED:
            self._taken += 1
            self._troubles.cleared(f"webhook {self.target}")
        elif self._taken == taken:
            self._troubles.raised(f"webhook {self.target}", attempt.answer, alike=attempt.disposition)
        log.debug(
            "webhook sent", action="webhook_sent", target=self.target, webhook_id=item.id, type=item.type.value,
            outcome=attempt.disposition.value,
        )
        return attempt

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._sender.close()


def deliver_all(
    settings: Settings, ledger: Ledger, troubles: Troubles, stop: threading.Event
) -> tuple[DeliveryReport, ...]:
    """One round for every webhook, side by side: a slow receiver holds up only its own."""
    if not settings.webhooks:
        return ()
    with ExitStack() as stack, ThreadPoolExecutor(len(settings.webhooks)) as threads:
        deliverers = [Deliverer(ledger, target, troubles) for target in settings.webhooks]
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
