"""The jobs of a running service, one small object each: watching a mailbox, housekeeping; and their progress."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.connection import reconnect_delay
from bounce_watcher.intake.imap.idle import wait_for_mail
from bounce_watcher.ledger.db.files import Files
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.logs import log
from bounce_watcher.model.about import LEDGER
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.policy.guards import flood
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.polling import PassReport, Poller
from bounce_watcher.service.recording import PassTotals, Recorder
from bounce_watcher.service.state import Troubles

RunAt = Callable[[str, datetime], None]
"""Asks the scheduler to run the named job at that time, or at once if the time is past."""


class Progress:
    """When each part last made progress. Thread-safe. Uses the monotonic clock: setting the clock raises no alarm."""

    def __init__(self) -> None:
        self._patience: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def expect(self, name: str, patience: timedelta) -> None:
        """Requires that `name` makes progress at least once in `patience` from now on."""
        with self._lock:
            self._patience[name] = patience.total_seconds()
            self._last[name] = time.monotonic()

    def made(self, name: str) -> None:
        with self._lock:
            self._last[name] = time.monotonic()

    def ages(self) -> dict[str, float]:
        """Returns for how many seconds each part has made no progress."""
        now = time.monotonic()
        with self._lock:
            return {name: now - last for name, last in self._last.items()}

    def stuck(self) -> list[str]:
        """Returns the parts that have made no progress for longer than they may."""
        now = time.monotonic()
        with self._lock:
            return [name for name, last in self._last.items() if now - last > self._patience[name]]


class MailboxJob:
    """Polls one mailbox. Repeats a failed pass with back-off, and an unfinished or hinted one at once."""

    def __init__(
        self, account: ImapAccount, poller: Poller, progress: Progress, run_at: RunAt,
        wake_webhooks: Callable[[], None],
    ) -> None:
        self.account = account
        self.name = str(account.about)
        self._poller = poller
        self._progress = progress
        self._run_at = run_at
        self._wake_webhooks = wake_webhooks
        self._hinted = threading.Event()
        self._failures = 0
        # a healthy mailbox shows progress after the wait and a pass up to its deadline, with some slack
        longest_wait = max(account.poll_every, timedelta(seconds=reconnect_delay(99, 1.0)))
        progress.expect(self.name, longest_wait + account.pass_deadline + 4 * account.timeout + timedelta(minutes=2))

    def __call__(self) -> None:
        self._hinted.clear()
        self._progress.made(self.name)
        report = self._poller.run(self.account, self._page_done)
        self._progress.made(self.name)
        self._plan_next(report)

    def _page_done(self, totals: PassTotals) -> None:
        self._progress.made(self.name)
        if totals.notices:
            self._wake_webhooks()

    def _plan_next(self, report: PassReport) -> None:
        if report.failure is not None:
            self._failures = 1 if report.totals.messages else self._failures + 1
            wait = reconnect_delay(self._failures, random.random())  # noqa: S311 - jitter, no secret
            self._run_at(self.name, utcnow() + timedelta(seconds=wait))
            return
        self._failures = 0
        if (report.unfinished or self._hinted.is_set()) and not self._poller.stop.is_set():
            self._run_at(self.name, utcnow())

    def hint(self) -> None:
        """Notes that there is new mail: polls now, or right after the current pass."""
        self._hinted.set()
        self._run_at(self.name, utcnow())

    def listen(self) -> None:
        """Waits with IDLE until the service stops. This only gives hints: polling goes on whatever fails here."""
        failures = 0
        while not self._poller.stop.is_set():
            try:
                if not wait_for_mail(
                    self.account, self._poller.stop, self.hint, now=utcnow, tokens=self._poller.tokens
                ):
                    return  # the server has no IDLE
                failures = 0
            except BounceWatcherError as failure:
                failures += 1
                log.debug("IDLE broke off", action="idle_failed", mailbox=self.account.name, trouble=str(failure))
            self._poller.stop.wait(reconnect_delay(failures, random.random()))  # noqa: S311


def warn_of_files(left: Files | None) -> None:
    """Logs a warning if the database files may still hold erased data."""
    if left in (None, Files.CLEAN):
        return
    log.warning(
        "erased from all rows, but the files of the database may still hold it; run: bounce-watcher db vacuum",
        action="erasure_unfinished", files=left.value,
    )


class Housekeeping:
    """Ends what has expired each minute. Drops what is past its retention each hour."""

    def __init__(
        self, settings: Settings, ledger: Ledger, recorder: Recorder, poller: Poller, troubles: Troubles
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._recorder = recorder
        self._poller = poller
        self._troubles = troubles
        self._left: Files | None = None

    def expire(self) -> None:
        with suppress(BounceWatcherError):  # logged by the guard; the next minute tries again
            now = utcnow()
            if released := self._recorder.expire(now, self._poller.read_until(self._settings.mailboxes, now)):
                log.info("suppressions expired", action="suppressions_expired", released=released)

    def finish_forgetting(self) -> None:
        """Finishes what `forget` left open: notices that were still due, and files that were in use."""
        with suppress(BounceWatcherError), self._troubles.guard(LEDGER):
            left = self._ledger.privacy.finish_forgetting()
            if left is not self._left:
                warn_of_files(left)
            self._left = left

    def purge(self) -> None:
        settings, history = self._settings, self._ledger.history
        self._drop("raw mail", settings.raw_retention, history.purge_raw)
        self._trim()
        self._drop("sent mail", settings.sent_retention, history.purge_sent)
        self._drop("events", settings.event_retention, history.purge_events)
        self._drop("bodies of notices", settings.outbox_retention, history.purge_bodies)
        counted = max(settings.policy.guard.baseline, flood.REACH) + timedelta(days=2)
        self._drop("counts", counted, history.purge_counts)
        self._drop("sessions", timedelta(0), self._ledger.sessions.sweep)

    def _trim(self) -> None:
        """Drops the oldest raw mail beyond the quota. Warns, as that mail goes before its time."""
        quota = self._settings.raw_quota
        if quota is None:
            return
        with suppress(BounceWatcherError), self._troubles.guard(LEDGER):
            if dropped := self._ledger.history.trim_raw(quota):
                log.warning("more mail came than raw_quota has room for: the oldest is kept no longer",
                            action="raw_quota_reached", messages=dropped, quota=quota)

    def _drop(self, what: str, retention: timedelta | None, purge: Callable[[datetime], int]) -> None:
        if retention is None:
            return
        with suppress(BounceWatcherError), self._troubles.guard(LEDGER):
            log.debug(f"{what} purged", action="purged", messages=purge(utcnow() - retention))
