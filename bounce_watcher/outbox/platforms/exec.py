"""The operator's own program: it reads changes as lines of JSON and gives their outcome by its exit status.

The statuses are those of sysexits.h (FreeBSD's manual page sysexits(3), November 2026), as mail systems use them.
"""

import json
import os
import select
import signal
import subprocess
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import monotonic  # noqa: TID251  (how long a program has run, not what time it is)
from typing import ClassVar

from bounce_watcher.outbox.change import Change, Fate, Outcome, spelled
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import masked
from bounce_watcher.outbox.platform import CallPacer, LocalPlatform, LocalSession, Misfit

MAX_OUTPUT = 4096
"""How much of the program's output, in bytes, is kept for words to show; the rest is read and dropped."""

GRACE = timedelta(seconds=2)
"""The time between SIGTERM and SIGKILL for a program that ran too long."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ProgramInput(StrEnum):
    """How much one run of the program is given."""

    BATCH = "batch"    # several lines, all of them suppressions or all of them releases
    SINGLE = "single"  # one line


@dataclass(frozen=True, kw_only=True)
class Exec(LocalPlatform):
    """A program. `command` is its absolute path and its arguments; no shell reads them.

    `check` is another such command that the doctor runs, () = the doctor only checks whether the program is there.
    """

    command: tuple[str, ...]
    check: tuple[str, ...] = ()
    input: ProgramInput = ProgramInput.BATCH

    kind: ClassVar[str] = "exec"
    limits: ClassVar[Limits] = Limits(batch=500, release_batch=500, concurrency=1)

    def __post_init__(self) -> None:
        _look_at("command", self.command)
        if self.check:
            _look_at("check", self.check)

    def group_of(self, change: Change) -> Hashable:
        return change.id if self.input is ProgramInput.SINGLE else None

    def connect(self) -> "ExecSession":
        return ExecSession(self)

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        return "\n".join([json.dumps(self.command), "", _lines(changes).decode().rstrip("\n")])


def _look_at(key: str, command: Sequence[str]) -> None:
    if not command:
        raise Misfit(key, 'is an empty list: write the program and its arguments, such as ["/usr/local/bin/unmail"]')
    if not command[0].startswith("/"):
        raise Misfit(key, "must begin with the absolute path of the program: no shell and no PATH finds it")


class ExecSession(LocalSession):
    """A `Session`."""

    def __init__(self, platform: Exec) -> None:
        self._platform = platform
        self._pace = CallPacer(platform.calls_a_second)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self._pace.wait()
        found = run_program(self._platform.command, self._platform.timeout, _lines(changes), len(changes))
        return (found,) * len(changes)

    release = suppress  # the lines say which of the two it is

    def check(self, now: datetime) -> Outcome:
        program = Path(self._platform.command[0])
        if not (program.is_file() and os.access(program, os.X_OK)):
            return Outcome(Fate.LATER, f"{program} is no program that may be run by this user", whole=True)
        if not self._platform.check:
            return Outcome(Fate.DONE, f"{program} may be run; whether it does its work is not known without check")
        return run_program(self._platform.check, self._platform.timeout)


def _lines(changes: Sequence[Change]) -> bytes:
    return b"".join(
        json.dumps(dict(spelled(change)), ensure_ascii=False).encode("utf-8", "replace") + b"\n" for change in changes
    )


# ── one run ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def run_program(command: Sequence[str], timeout: timedelta, content: bytes = b"", size: int = 1) -> Outcome:
    """Runs a program once with `content` on its standard input, in a separate session that does not outlive the run.

    Returns the outcome for each of the `size` changes in `content`, with the last line of output. Never raises because
    of what the program does. Ends at most `GRACE` after `timeout`.
    """
    end = monotonic() + timeout.total_seconds()
    try:
        source = _in_memory(content)
        try:
            process = _start(command, source)
        finally:
            os.close(source)
    except (OSError, ValueError) as error:
        words = masked(getattr(error, "strerror", None) or str(error), set())
        return Outcome(Fate.LATER, f"could not be started: {words}", whole=True)
    assert process.stdout is not None
    exited = os.pidfd_open(process.pid)
    kept = bytearray()
    try:
        in_time = _wait(exited, process.stdout.fileno(), kept, end)
        if not in_time:
            _signal(process, signal.SIGTERM)
            _wait(exited, process.stdout.fileno(), kept, monotonic() + GRACE.total_seconds())
    finally:
        _signal(process, signal.SIGKILL)  # kills what is left in its group, before its process id is free again
        status = process.wait()
        os.close(exited)
        process.stdout.close()
    lines = [line for line in kept.decode("utf-8", "replace").splitlines() if line.strip()]
    told = masked(lines[-1], set()) if lines else ""
    words = f": {told}" if told else ""
    if not in_time:
        return Outcome(Fate.LATER, f"not done within {timeout.total_seconds():g} s, ended{words}", whole=True)
    return _outcome(status, words, size)


def _outcome(status: int, words: str, size: int) -> Outcome:
    """Returns the outcome by the exit status; below 0 it is the signal that ended the program."""
    match status:
        case os.EX_OK:
            return Outcome(Fate.DONE, f"exit status 0{words}")
        case os.EX_DATAERR:
            return Outcome(Fate.SPLIT if size > 1 else Fate.REFUSED, f"exit status 65 (data error){words}")
        case _ if status < 0:
            return Outcome(Fate.LATER, f"ended by signal {-status}{words}", whole=True)
        case _:
            return Outcome(Fate.LATER, f"exit status {status}{words}", whole=True)


def _start(command: Sequence[str], source: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603  (the operator's own command, and no shell)
        list(command), stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0, cwd="/",
        env={"PATH": os.environ.get("PATH", _PATH), "LANG": os.environ.get("LANG", "C.UTF-8")},
        start_new_session=True, umask=0o077,
    )


def _in_memory(content: bytes) -> int:
    """Returns a file in memory. Unlike with a pipe, a program that doesn't read it can't block us."""
    file = os.memfd_create("changes", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(file), "wb") as writer:
        writer.write(content)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _wait(exited: int, output: int, kept: bytearray, end: float) -> bool:
    """Reads `output` until the program exits. Returns False if it hasn't by `end`."""
    poll = select.poll()
    poll.register(exited, select.POLLIN)
    poll.register(output, select.POLLIN)
    while (left := end - monotonic()) > 0:
        ready = {file for file, _ in poll.poll(left * 1000)}
        if output in ready and not _take(output, kept):
            poll.unregister(output)
        if exited in ready:
            # what is in the pipe by now: a child left behind may hold it open, or even write for ever
            os.set_blocking(output, False)
            with suppress(BlockingIOError):
                for _ in range(16):
                    if not _take(output, kept):
                        break
            return True
    return False


def _take(output: int, kept: bytearray) -> bool:
    """Reads some output into `kept`. Returns whether there may be more."""
    data = os.read(output, 65536)
    kept += data
    del kept[:-MAX_OUTPUT]
    return bool(data)


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
