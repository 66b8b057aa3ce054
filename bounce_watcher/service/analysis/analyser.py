"""Analyses mail in worker processes: all cores on a backlog. Isolates a message that hangs or kills its worker."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules
from bounce_watcher.logs import log
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.dkim_keys import key_lookup
from bounce_watcher.service.analysis.questions import Answers, without_secrets
from bounce_watcher.service.analysis.sandbox import Protections
from bounce_watcher.service.analysis.worker import Analysed, Setup, Work, analyse_all
from bounce_watcher.service.analysis.workers import BrokenOff, Worker, start_server

__all__ = ["Analysed", "Analyser", "Ticket"]

PAGE_SECONDS = 120.0
"""How long one page may take before its messages are tried one by one. A page of 500 takes some 80 ms."""
MESSAGE_SECONDS = 20.0
"""How long one message may take when it is tried alone."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A page that is being analysed."""

    page: Sequence[RawMessage]
    future: "Future[list[Analysed]]"


class Analyser:
    """Processes that analyse pages. Thread-safe: all mailboxes share one.

    `rules` are the operator's own rules. `workers` 0 means one per core. `depth` is how many pages are worth analysing
    at once. `work` is what a worker does with a page. `limits` are the seconds that a page, and a message tried alone,
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
        self._setup = Setup(without_secrets(settings), bool(settings.token_keys), rules, work or analyse_all)
        self._answers = Answers(settings, key_lookup(settings))
        self._page_seconds, self._message_seconds = limits
        self.depth = workers or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._closed = False
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._threads = ThreadPoolExecutor(self.depth, thread_name_prefix="analysis")
        start_server()

    def submit(self, page: Sequence[RawMessage]) -> Ticket:
        return Ticket(page, self._threads.submit(self._analyse, page))

    def result(self, ticket: Ticket) -> list[Analysed]:
        """Returns the page's analyses in order. If the page breaks or hangs its worker, each message is tried alone.

        Raises TemporaryFailure if the system gives no process to analyse in.
        """
        return ticket.future.result()

    def protections(self) -> Protections:
        """Returns what an analysing process can't do here. Raises TemporaryFailure."""
        worker = self._new_worker()
        self._give_back(worker)
        return worker.protections

    def _analyse(self, page: Sequence[RawMessage]) -> list[Analysed]:
        worker = self._idle_worker() or self._new_worker()
        try:
            found = worker.analyse(page, self._page_seconds)
        except BrokenOff:
            self._drop(worker)
            log.warning("analysis of a page broke off", action="analysis_restarted", messages=len(page))
            return self._one_by_one(page)
        self._give_back(worker)
        return found

    def _one_by_one(self, page: Sequence[RawMessage]) -> list[Analysed]:
        """Analyses each message alone, after a failure in a fresh process: so only the message can be to blame."""
        found: list[Analysed] = []
        worker: Worker | None = None
        for raw in page:
            worker = worker or self._new_worker()
            try:
                found += worker.analyse([raw], self._message_seconds)
            except BrokenOff as failure:
                found.append(Analysed(None, error=f"{failure} while analysing it"))
                self._drop(worker)
                worker = None
        if worker:
            self._give_back(worker)
        return found

    def _idle_worker(self) -> Worker | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new_worker(self) -> Worker:
        worker = Worker(self._setup, self._answers)
        with self._lock:
            self._all.add(worker)
        return worker

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if len(self._idle) < self.depth:
                self._idle.append(worker)
                return
        self._drop(worker)

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.close()
        if self._closed:
            raise TemporaryFailure("the analysis was stopped")

    def close(self) -> None:
        """Stops at once. Analyses under way give no result."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left = list(self._all)
        for worker in left:
            worker.end()
        self._threads.shutdown(wait=True)
        for worker in self._all:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
