"""Processes that analyse mail, as the service sees them: how one is had, given a page, and ended."""

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from pydantic import ConfigDict, TypeAdapter

from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.fork_server import NEW, NUMBER
from bounce_watcher.service.analysis.questions import DONE, READY, Answers
from bounce_watcher.service.analysis.sandbox import Protections
from bounce_watcher.service.analysis.worker import Analysed, Setup

START_SECONDS = 60.0
"""How long a new worker may take: the first one of all waits until the rules are read, some half a second."""

MAX_ANSWER = 512 * 1024 * 1024
"""Bytes of what a worker says at once. A page holds 16 MiB, or one mail, and comes back compressed."""

_PROGRAM = """
import sys
sys.path[:] = sys.argv[2:]
from bounce_watcher.service.analysis.fork_server import main
main(int(sys.argv[1]))
"""

_HANDED_OVER = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TZ")
"""All that workers are given of the environment: it may hold passwords (`*_env`) and where secrets lie."""

_READY: TypeAdapter[Protections] = TypeAdapter(Protections)
_DONE = TypeAdapter(list[Analysed], config=ConfigDict(strict=True, val_json_bytes="base64"))
"""What workers say is text, and checked: who speaks may be a mail that has taken over its worker."""


class BrokenOff(Exception):
    """A worker died, took too long, or said what no worker of ours says. `why` is a noun phrase."""


class ForkServer:
    """Makes workers. One for all of a process, started when it is first needed, and anew if it should die."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control = socket.socket()

    def start(self) -> None:
        """So that it reads the rules while its caller does something else."""
        with self._lock:
            self._ensure_running()

    def new(self) -> "tuple[int, Connection[bytes, bytes]]":
        """A worker's process id, and the connection to it. Raises OSError."""
        ours, theirs = socket.socketpair()
        with ours, theirs, self._lock:
            self._ensure_running()
            socket.send_fds(self._control, [NUMBER.pack(NEW)], [theirs.fileno()])
            process = self._answer()
            if not process:
                raise OSError("the system makes no more processes")
            return process, Connection(ours.detach())

    def end(self, process: int) -> None:
        """Ends a worker at once. One of a server that died ended with it."""
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


def start_server() -> None:
    _server.start()


class Worker:
    """One process, for one thread. Raises TemporaryFailure where it can't be had."""

    def __init__(self, setup: Setup, answers: Answers) -> None:
        self._answers = answers
        for attempt in (1, 2):
            try:
                self.process, self._connection = _server.new()
                break
            except OSError as failure:  # the server died, and another takes its place
                if attempt == 2:
                    raise TemporaryFailure(f"no process to analyse mail in can be had: {failure}") from failure
        try:
            self.protections = _READY.validate_json(self._told(pickle.dumps(setup), START_SECONDS, READY))
        except (BrokenOff, ValueError) as failure:
            self.end()
            raise TemporaryFailure(f"a process to analyse mail in does not start: {failure}") from failure

    def analyse(self, page: Sequence[RawMessage], seconds: float) -> list[Analysed]:
        """Raises BrokenOff: the worker is of no more use then."""
        try:
            found = _DONE.validate_json(self._told(pickle.dumps((page, seconds)), seconds, DONE))
        except ValueError as failure:
            raise BrokenOff("an answer that is none") from failure
        if len(found) != len(page):
            raise BrokenOff("an answer to something else")
        return found

    def _told(self, message: bytes, seconds: float, kind: bytes) -> bytes:
        """What the worker says to it in the end. Its questions are answered meanwhile."""
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
        """At once: it holds nothing that is not in the mailbox. Whoever waits for it hears of it. For any thread."""
        _server.end(self.process)

    def close(self) -> None:
        self.end()
        self._connection.close()
