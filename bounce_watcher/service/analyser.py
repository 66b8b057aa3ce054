"""Analysis in worker processes: both cores on a backlog; a message that hangs or kills its worker is singled out."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self

import structlog

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.intake.mailbox import Destination
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import RawMessage, pack
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.process import destination, message_record

log = structlog.get_logger()

PAGE_SECONDS = 120.0
"""How long one page may take before its messages are tried one by one. A page of 250 takes some 40 ms."""
MESSAGE_SECONDS = 20.0
"""How long one message may take when it is tried alone."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What is to be written of one message and where it goes, or the error that our analysis broke with."""

    record: MessageRecord | None
    destination: Destination = Destination.QUARANTINE
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A page under way."""

    page: Sequence[RawMessage]
    future: "Future[list[Analysed]]"


Work = Callable[[Sequence[RawMessage]], list[Analysed]]
"""What a worker process does with a page, in its order. A function of a module: it is pickled."""


class Analyser:
    """A pool of processes that analyse pages. Thread-safe: all mailboxes share one.

    `workers` 0 means one per core. `depth` is how many pages are worth having under way at once. `work` is what a
    worker does with a page; `limits` are the seconds that a page, and a message tried alone, may take.
    """

    def __init__(
        self,
        settings: AttributionSettings,
        workers: int = 0,
        *,
        work: Work | None = None,
        limits: tuple[float, float] = (PAGE_SECONDS, MESSAGE_SECONDS),
    ) -> None:
        self._settings = settings
        self._work = work or _analyse_all
        self._page_seconds, self._message_seconds = limits
        self.depth = workers or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._pool = self._new_pool()

    def submit(self, page: Sequence[RawMessage]) -> Ticket:
        with self._lock:
            try:
                future = self._pool.submit(self._work, page)
            except BrokenProcessPool:
                self._pool = self._new_pool()
                future = self._pool.submit(self._work, page)
        return Ticket(page, future)

    def result(self, ticket: Ticket) -> list[Analysed]:
        """The page's analyses in its order. A page that broke or hung its worker is gone through one by one."""
        pool = self._pool
        try:
            return ticket.future.result(self._page_seconds)
        except (BrokenProcessPool, FutureTimeoutError):
            log.warning("analysis of a page broke off", action="analysis_restarted", messages=len(ticket.page))
            self._replace(pool)
            return [self._alone(raw) for raw in ticket.page]

    def _alone(self, raw: RawMessage) -> Analysed:
        pool = self._pool
        try:
            return self.submit([raw]).future.result(self._message_seconds)[0]
        except (BrokenProcessPool, FutureTimeoutError) as failure:
            self._replace(pool)
            return Analysed(None, error=f"{type(failure).__name__} while analysing it")

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.depth, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(self._settings,)
        )

    def _replace(self, pool: ProcessPoolExecutor) -> None:
        """Ends a pool with a broken or hung worker, unless another thread has done so already."""
        with self._lock:
            if self._pool is not pool:
                return
            self._pool = self._new_pool()
        _end(pool)

    def close(self) -> None:
        _end(self._pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _end(pool: ProcessPoolExecutor) -> None:
    """Stops the workers at once: they hold nothing that is not in the mailbox. Private, but there is no public way."""
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        with contextlib.suppress(OSError, ValueError):
            worker.kill()
    for worker in workers:
        with contextlib.suppress(OSError, ValueError):
            worker.join(5)


_toolkit: Toolkit | None = None
"""Each worker's own, built once when it starts."""


def _start_worker(settings: AttributionSettings) -> None:
    global _toolkit  # noqa: PLW0603 - an executor's initializer has no other way to hand something to its tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C and systemd's SIGTERM are the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _toolkit = Toolkit(load_builtin(), settings)


def _die_with_parent() -> None:
    """A pool's worker outlives a parent that was killed: it waits for work on a pipe that it holds open itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _analyse_all(page: Sequence[RawMessage]) -> list[Analysed]:
    assert _toolkit is not None
    now = utcnow()
    return [analyse_one(_not_after(raw, now), _toolkit) for raw in page]


def _not_after(raw: RawMessage, now: datetime) -> RawMessage:
    """A forged Date or a server's wrong clock must not put a bounce, and its webhook, into the future."""
    return raw if raw.received_at <= now else replace(raw, received_at=now)


def analyse_one(raw: RawMessage, toolkit: Toolkit) -> Analysed:
    """`analyse` shielded: an exception is a bug of ours and must not stop the mail behind it."""
    try:
        analysis = analyse(raw.content, toolkit)
        return Analysed(message_record(raw, analysis, pack(raw.content)), destination(analysis))
    except Exception as bug:
        return Analysed(None, error=f"{type(bug).__name__}: {bug}"[:500])
