"""Analysis in worker processes: both cores on a backlog; a message that hangs or kills its worker is singled out."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from types import TracebackType
from typing import Self

import structlog

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.worker import Analysed, analyse_all, start

__all__ = ["Analysed", "Analyser", "Ticket"]

log = structlog.get_logger()

PAGE_SECONDS = 120.0
"""How long one page may take before its messages are tried one by one. A page of 500 takes some 80 ms."""
MESSAGE_SECONDS = 20.0
"""How long one message may take when it is tried alone."""


_BROKEN_OFF = (BrokenProcessPool, FutureTimeoutError, CancelledError)
"""A worker died, a worker hangs, or the pool was ended for another page's sake."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A page under way."""

    page: Sequence[RawMessage]
    future: "Future[list[Analysed]]"
    pool: ProcessPoolExecutor


Work = Callable[[Sequence[RawMessage]], list[Analysed]]
"""What a worker process does with a page, in its order. A function of a module: it is pickled."""


class Analyser:
    """A pool of processes that analyse pages. Thread-safe: all mailboxes share one.

    `rules` are an operator's own. `workers` 0 means one per core. `depth` is how many pages are worth having under way
    at once. `work` is what a worker does with a page; `limits` are the seconds that a page, and a message tried alone,
    may take.
    """

    def __init__(
        self,
        settings: AttributionSettings,
        workers: int = 0,
        *,
        rules: OwnRules = (),
        work: Work | None = None,
        limits: tuple[float, float] = (PAGE_SECONDS, MESSAGE_SECONDS),
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._work = work or analyse_all
        self._page_seconds, self._message_seconds = limits
        self.depth = workers or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._pool = self._new_pool(self.depth)

    def submit(self, page: Sequence[RawMessage]) -> Ticket:
        with self._lock:
            try:
                return self._ticket(page)
            except BrokenProcessPool:
                self._pool = self._new_pool(self.depth)
                return self._ticket(page)

    def _ticket(self, page: Sequence[RawMessage]) -> Ticket:
        return Ticket(page, self._pool.submit(self._work, page), self._pool)

    def result(self, ticket: Ticket) -> list[Analysed]:
        """The page's analyses in its order. A page that broke or hung its worker is gone through one by one."""
        try:
            return ticket.future.result(self._page_seconds)
        except _BROKEN_OFF:
            log.warning("analysis of a page broke off", action="analysis_restarted", messages=len(ticket.page))
            self._replace(ticket.pool)
            return self._one_by_one(ticket.page)

    def _one_by_one(self, page: Sequence[RawMessage]) -> list[Analysed]:
        """In a process of the page's own: what breaks it is in this page, and breaks no other's."""
        found: list[Analysed] = []
        pool = self._new_pool(1)
        for raw in page:
            try:
                found += pool.submit(self._work, [raw]).result(self._message_seconds)
            except _BROKEN_OFF as failure:
                found.append(Analysed(None, error=f"{type(failure).__name__} while analysing it"))
                _end(pool)
                pool = self._new_pool(1)
        _end(pool)
        return found

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, _processes(), initializer=start, initargs=(self._settings, self._rules))

    def _replace(self, pool: ProcessPoolExecutor) -> None:
        """Ends a pool with a broken or hung worker, unless another thread has done so already."""
        with self._lock:
            if self._pool is not pool:
                return
            self._pool = self._new_pool(self.depth)
        _end(pool)

    def close(self) -> None:
        _end(self._pool)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _processes() -> ForkServerContext:
    """Workers are copies of one process that has read the rules and never had a thread or a connection of ours."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bounce_watcher.service.preloaded"])
    return context


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
