"""The service: scheduler, signals, watchdog. What the jobs do is in watching.py.

Its state is reported to systemd: sd_notify(3), sd_watchdog_enabled(3).
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, Self

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from bounce_watcher import logs
from bounce_watcher.config import Settings, load
from bounce_watcher.intake.imap.connection import reconnect_delay
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.logs import log
from bounce_watcher.model.about import LEDGER
from bounce_watcher.model.errors import ConfigError, TemporaryFailure
from bounce_watcher.model.faults import ErrorRaised
from bounce_watcher.service.alarms import Alarms
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.delivering import Deliverer
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.polling import Poller
from bounce_watcher.service.recording import Recorder
from bounce_watcher.service.state import Counts, ServiceState, Troubles, expect
from bounce_watcher.service.watching import Housekeeping, MailboxJob, Progress
from bounce_watcher.words import risk
from bounce_watcher.words.faults import describe

DELIVER_EVERY = timedelta(seconds=5)
EXPIRE_EVERY = timedelta(minutes=1)
PURGE_EVERY = timedelta(hours=1)
HEARTBEAT = timedelta(seconds=15)
"""How often the main thread checks for work if no watchdog asks for another interval."""

Beside = Callable[[Settings, Ledger, Callable[[], list[str]], Callable[[], ServiceState]], AbstractContextManager[None]]
"""Something that lives as long as a service. Its last arguments return the stuck mailboxes and the service's state."""

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Signals that every thread blocks and the main one waits for: no handler ever runs between two instructions."""


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


class _Threads(BasePoolExecutor):  # type: ignore[misc]  # APScheduler 3 carries no types
    """Runs jobs on our own pool: waiting for APScheduler's own pool takes its locks."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)


class Service:
    """Everything that runs under one configuration, from `with` to the end of its block."""

    def __init__(self, settings: Settings, ledger: Ledger, counts: Counts | None = None) -> None:
        """`counts` continues from an earlier service in the same process."""
        self._started_at = utcnow()
        self._settings = settings
        self._ledger = ledger
        self._troubles = Troubles()
        self._counts = counts or Counts()
        expect(self._counts, settings)
        self._progress = Progress()
        self._stop = threading.Event()
        self._analyser = Analyser(settings.attribution, settings.workers, rules=settings.rules)
        recorder = Recorder(settings, ledger, self._analyser, self._troubles, self._counts)
        self._poller = poller = Poller(recorder, ledger.recording.unfiled, self._troubles, self._stop, self._counts)
        self._deliverers = [
            Deliverer(ledger, target, self._troubles, counts=self._counts) for target in settings.receivers
        ]
        self._paces = {notifier.about: Cooldown(notifier.every) for notifier in settings.notifiers}
        self._alarms = Alarms(settings, ledger, self.state, self._troubles, announcer(settings))
        self._mailboxes = [
            MailboxJob(account, poller, self._progress, self._run_at, self._wake_targets)
            for account in settings.mailboxes
        ]
        self._housekeeping = Housekeeping(settings, ledger, recorder, poller, self._troubles)
        self._listeners = [
            threading.Thread(target=job.listen, name=f"idle {job.account.name}", daemon=True)
            for job in self._mailboxes
            if job.account.idle
        ]
        jobs = len(self._mailboxes) + len(self._deliverers) + 4
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="job")  # one each: no job waits for another
        self._scheduler: Any = BackgroundScheduler(
            executors={"default": _Threads(self._threads)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
            timezone="UTC",
        )

    def __enter__(self) -> Self:
        for job in self._mailboxes:
            self._add(job.name, job, job.account.poll_every)
        for deliverer in self._deliverers:
            self._add(_target_job(deliverer), self._round(deliverer), DELIVER_EVERY)
        self._add("expire", self._housekeeping.expire, EXPIRE_EVERY)
        self._add("alarms", self._alarms.look, EXPIRE_EVERY)
        self._add("purge", self._housekeeping.purge, PURGE_EVERY)
        self._add("forget", self._housekeeping.finish_forgetting, EXPIRE_EVERY)
        self._scheduler.start()
        for listener in self._listeners:
            listener.start()
        log.info(
            "service started", action="service_started", mailboxes=len(self._mailboxes),
            webhooks=len(self._settings.webhooks), platforms=len(self._settings.platforms),
            notifiers=len(self._settings.notifiers), mode=self._settings.policy.mode.value,
        )
        return self

    def _add(self, name: str, job: Callable[[], None], every: timedelta) -> None:
        self._scheduler.add_job(job, "interval", seconds=every.total_seconds(), id=name, next_run_time=utcnow())

    def _round(self, deliverer: Deliverer) -> Callable[[], None]:
        pace = self._paces.get(deliverer.about, Cooldown(timedelta(0)))

        def run() -> None:
            if pace.allows and deliverer.round(self._stop).delivered:
                pace.succeeded()

        return run

    def _run_at(self, job: str, at: datetime) -> None:
        """Moves a job's next run. Ignores a job that is gone: the service is stopping."""
        with suppress(JobLookupError):
            self._scheduler.modify_job(job, next_run_time=at)

    def _wake_targets(self) -> None:
        for deliverer in self._deliverers:
            self._run_at(_target_job(deliverer), utcnow())

    def stuck(self) -> list[str]:
        """Returns mailboxes without progress for too long. The watchdog must not be fed while there are any."""
        return self._progress.stuck()

    def state(self) -> ServiceState:
        """Returns the current state of everything. May be called from any thread."""
        troubles, ages, stuck = self._troubles.open(), self._progress.ages(), set(self.stuck())
        mailboxes = tuple(replace(
            self._poller.states.of(job.account), moved_at=utcnow() - timedelta(seconds=ages[job.name]),
            stopped=job.name in stuck, trouble=troubles.get(job.account.about),
        ) for job in self._mailboxes)
        return ServiceState(self._started_at, self._settings.policy.mode, mailboxes, troubles, self._counts.counted())

    def status(self) -> str:
        """One line for `systemctl status`."""
        watched = f"watching {len(self._mailboxes)} mailboxes"
        found = sorted(self._troubles.open().items())
        troubles = "; ".join(f"{about}: {describe(trouble.fault)}" for about, trouble in found)
        return f"{watched}; {troubles}"[:400] if troubles else watched

    def __exit__(self, *_: object) -> None:
        """Finishes the current pages and requests, then stops."""
        self._stop.set()
        self._scheduler.shutdown(wait=False)
        self._threads.shutdown(wait=True)
        for deliverer in self._deliverers:
            deliverer.close()
        self._analyser.close()
        self._ledger.close()
        log.info("service stopped", action="service_stopped")


def _target_job(deliverer: Deliverer) -> str:
    return str(deliverer.about)


def run(config_path: Path, beside: Beside) -> int:
    """Runs the service in the foreground until SIGTERM or SIGINT, and `beside` with it. Returns the exit status.

    SIGHUP reads the configuration again and keeps the old one if the new one is bad. Raises ConfigError for a bad
    configuration at start, PermanentFailure for a ledger that a person must fix.
    """
    resource_tracker.ensure_running()  # it unblocks SIGTERM and SIGINT in the thread that starts it
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    settings: Settings | None = load(config_path)
    counts = Counts()
    while settings is not None:
        _introduce(settings)
        ledger = _open_patiently(settings)
        if ledger is None:
            break
        with Service(settings, ledger, counts) as service, beside(settings, ledger, service.stuck, service.state):
            notify("READY=1", f"STATUS={service.status()}")
            settings = _serve(service, config_path)
    return 0


def _introduce(settings: Settings) -> None:
    logs.configure(settings.log_level, settings.log_format)
    for warning in settings.warnings:
        log.warning(str(warning), action="config_warning")
    has_key = bool(settings.attribution.token_keys)
    if told := risk.risk(settings.policy, has_key=has_key):
        log.warning(f"{told}. {risk.remedy(has_key=has_key)}.", action="reports_unproven")


def _open_patiently(settings: Settings) -> Ledger | None:
    """Opens the ledger, however long its server takes to come up. Returns None if a signal to stop came first."""
    troubles, failures = Troubles(), 0
    while True:
        try:
            ledger = open_ledger(settings)
            ledger.load()
            return ledger
        except TemporaryFailure as failure:
            failures += 1
            troubles.raised(LEDGER, ErrorRaised.of(failure))
        wait = min(reconnect_delay(failures, 0.5), HEARTBEAT.total_seconds())
        notify("STATUS=waiting for the database", "WATCHDOG=1", f"EXTEND_TIMEOUT_USEC={int((wait + 30) * 1e6)}")
        if _next_signal(timedelta(seconds=wait)) in {signal.SIGTERM, signal.SIGINT}:
            notify("STOPPING=1")
            return None


def _serve(service: Service, config_path: Path) -> Settings | None:
    """Feeds the watchdog until a signal comes. Returns the settings to continue with, or None to stop."""
    rhythm = watchdog_interval() or HEARTBEAT
    while True:
        received = _next_signal(rhythm)
        if received == signal.SIGHUP:
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            settings = _reloaded(config_path)
            if settings is not None:
                return settings
            notify("READY=1")
        elif received is not None:
            notify("STOPPING=1")
            return None
        if stuck := service.stuck():
            log.error("no progress: the watchdog is not fed", action="watchdog_starved", stuck=stuck)
        else:
            notify("WATCHDOG=1", f"STATUS={service.status()}")


def _reloaded(config_path: Path) -> Settings | None:
    try:
        settings = load(config_path)
    except ConfigError as error:
        for problem in error.problems:
            log.error("new configuration refused, the old one stays", action="reload_refused", problem=problem)
        return None
    log.info("configuration reloaded", action="reloaded")
    return settings


def _next_signal(wait: timedelta) -> int | None:
    """Returns the next of SIGNALS within `wait`, or None."""
    received = signal.sigtimedwait(SIGNALS, wait.total_seconds())
    return received.si_signo if received else None


def notify(*lines: str) -> None:
    """Sends the lines ("READY=1", "STATUS=…") to the service manager. Does nothing if there is none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(lines).encode(), address)
        except OSError:  # a manager that is gone is no reason to stop watching
            return


def watchdog_interval() -> timedelta | None:
    """Returns how often to send WATCHDOG=1: half of what the manager allows. None if it does not watch this process."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    owner = os.environ.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or int(limit) == 0 or (owner and owner != str(os.getpid())):
        return None
    return timedelta(microseconds=int(limit) / 2)
