"""Analyses mail in worker processes: all cores on a backlog. Isolates a message that hangs or kills its worker."""

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Self

from pydantic import ConfigDict, TypeAdapter

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules
from bounce_watcher.logs import log
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.dkim_keys import key_lookup
from bounce_watcher.service.analysis.fork_server import NEW, NUMBER
from bounce_watcher.service.analysis.questions import DONE, READY, Answers, without_secrets
from bounce_watcher.service.analysis.sandbox import Protections
from bounce_watcher.service.analysis.worker import Analysed, Setup, Work, analyse_all

PAGE_SECONDS = 120.0
"""How long one page may take before its messages are tried one by one. A page of 500 takes some 80 ms."""
MESSAGE_SECONDS = 20.0
"""How long one message may take when it is tried alone."""

START_SECONDS = 60.0
"""How long a new worker may take to start. The first one waits until the rules are read, about half a second."""

MAX_ANSWER = 512 * 1024 * 1024
"""The most bytes that a worker may answer. A page holds 16 MiB, or one mail, and comes back compressed."""

_PROGRAM = """
import sys
sys.path[:] = sys.argv[2:]
from bounce_watcher.service.analysis.fork_server import main
main(int(sys.argv[1]))
"""

_HANDED_OVER = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TZ")
"""The only environment variables that workers get: others may hold passwords (`*_env`) or tell where secrets are."""

_READY: TypeAdapter[Protections] = TypeAdapter(Protections)
_DONE = TypeAdapter(list[Analysed], config=ConfigDict(strict=True, val_json_bytes="base64"))
"""Checks a worker's answers, which are text: a mail may have taken over the worker."""


class BrokenOff(Exception):
    """A worker died, took too long, or answered what no worker of ours answers. The message is a noun phrase."""


class ForkServer:
    """Makes workers. One per process, started when it is first needed, and again if it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control = socket.socket()

    def start(self) -> None:
        """Starts the server early, so that it reads the rules while the caller does something else."""
        with self._lock:
            self._ensure_running()

    def new(self) -> "tuple[int, Connection[bytes, bytes]]":
        """Makes a worker. Returns its process id and the connection to it. Raises OSError."""
        ours, theirs = socket.socketpair()
        with ours, theirs, self._lock:
            self._ensure_running()
            socket.send_fds(self._control, [NUMBER.pack(NEW)], [theirs.fileno()])
            process = self._answer()
            if not process:
                raise OSError("the system makes no more processes")
            return process, Connection(ours.detach())

    def end(self, process: int) -> None:
        """Ends a worker at once. A worker of a server that died ended with it."""
        with self._lock, suppress(OSError):
            self._control.sendall(NUMBER.pack(process))
            self._answer()

    def _answer(self) -> int:
        answer = self._control.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(answer) < NUMBER.size:
            raise ConnectionResetError("the fork server died")
        (number,) = NUMBER.unpack(answer)
        return int(number)

    def _ensure_running(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._control.close()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-I", "-c", _PROGRAM, str(theirs.fileno()), *sys.path],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
                env={name: os.environ[name] for name in _HANDED_OVER if name in os.environ},
            )


_server = ForkServer()


class Worker:
    """One analysing process, for one thread. Raises TemporaryFailure if it can't be started."""

    def __init__(self, setup: Setup, answers: Answers) -> None:
        self._answers = answers
        for attempt in (1, 2):
            try:
                self.process, self._connection = _server.new()
                break
            except OSError as failure:  # the server died: the next attempt starts another
                if attempt == 2:
                    raise TemporaryFailure(f"no process to analyse mail in can be had: {failure}") from failure
        try:
            self.protections = _READY.validate_json(self._told(pickle.dumps(setup), START_SECONDS, READY))
        except (BrokenOff, ValueError) as failure:
            self.end()
            raise TemporaryFailure(f"a process to analyse mail in does not start: {failure}") from failure

    def analyse(self, page: Sequence[RawMessage], seconds: float) -> list[Analysed]:
        """Analyses a page. Raises BrokenOff: the worker is then useless."""
        try:
            found = _DONE.validate_json(self._told(pickle.dumps((page, seconds)), seconds, DONE))
        except ValueError as failure:
            raise BrokenOff("an answer that is none") from failure
        if len(found) != len(page):
            raise BrokenOff("an answer to something else")
        return found

    def _told(self, message: bytes, seconds: float, kind: bytes) -> bytes:
        """Sends a message and returns the worker's final answer. Answers its questions meanwhile."""
        late = threading.Event()

        def time_out() -> None:
            late.set()
            self.end()

        timer = threading.Timer(seconds, time_out)
        timer.start()
        try:
            self._connection.send_bytes(message)
            while (answer := self._connection.recv_bytes(MAX_ANSWER))[:1] != kind:
                self._connection.send_bytes(self._answers(answer))
        except (OSError, EOFError, ValueError) as failure:
            raise BrokenOff("a time-out" if late.is_set() else "the end of its process") from failure
        finally:
            timer.cancel()
        return answer[1:]

    def end(self) -> None:
        """Ends the worker at once: the mailbox still has all its mail. A waiting caller fails. For any thread."""
        _server.end(self.process)

    def close(self) -> None:
        self.end()
        self._connection.close()


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
        self, settings: AttributionSettings, workers: int = 0, *, rules: OwnRules = (), work: Work = analyse_all,
        limits: tuple[float, float] = (PAGE_SECONDS, MESSAGE_SECONDS),
    ) -> None:
        self._setup = Setup(without_secrets(settings), bool(settings.token_keys), rules, work)
        self._answers = Answers(settings, key_lookup(settings))
        self._page_seconds, self._message_seconds = limits
        self.depth = workers or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._closed = False
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._threads = ThreadPoolExecutor(self.depth, thread_name_prefix="analysis")
        _server.start()

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
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        worker = worker or self._new_worker()
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

    def __exit__(self, *_: object) -> None:
        self.close()
