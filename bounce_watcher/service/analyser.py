"""Analysis in worker processes: both cores on a backlog; a message that hangs or kills its worker is singled out."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from types import TracebackType
from typing import Self

import structlog

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.worker import Analysed, analyse_all, start

__all__ = ["Analysed", "Analyser", "Ticket"]

log = structlog.get_logger()

PAGE_SECONDS = 120.0
"""How long one page may take before its messages are tried one by one. A page of 500 takes some 80 ms."""
MESSAGE_SECONDS = 20.0
"""How long one message may take when it is tried alone."""


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
        self._work = work or analyse_all
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
            self.depth, _processes(), initializer=start, initargs=(self._settings,)
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
