"""A CSV file (RFC 4180): the current list of suppressed recipients, or every change to it.

`neutral.for_csv` escapes values that a spreadsheet would read as a formula, and characters that hide or reorder text.
Reading the file here reverses this.
"""

import csv
import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from io import StringIO
from pathlib import Path
from time import monotonic, sleep  # noqa: TID251  (how long a lock is waited for, not what time it is)
from typing import ClassVar

from bounce_watcher.model.address import address_key
from bounce_watcher.model.neutral import for_csv, from_csv
from bounce_watcher.outbox.change import COLUMNS, Change, Fate, Outcome, spelled
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.platform import CallPacer, LocalPlatform, LocalSession, Misfit

MODE = 0o640
"""The mode of a new file. An existing file keeps its own."""

LIST_COLUMNS = (
    "recipient", "stream", "scope", "bounce_type", "reason", "status", "because", "at", "until", "sequence", "id",
)

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

Row = Mapping[str, str]


class FileContent(StrEnum):
    """What the file is."""

    LIST = "list"        # one row for each recipient suppressed now; replaced as a whole
    CHANGES = "changes"  # one row for each change; only ever appended to


@dataclass(frozen=True, kw_only=True)
class Csv(LocalPlatform):
    """A CSV file. `formula_safe` escapes values that a spreadsheet would calculate."""

    file: Path
    holds: FileContent = FileContent.LIST
    formula_safe: bool = True

    kind: ClassVar[str] = "csv"
    limits: ClassVar[Limits] = Limits(batch=5000, release_batch=5000, concurrency=1)

    def __post_init__(self) -> None:
        if self.file.is_dir():
            raise Misfit("file", "is a folder: name a file in it")

    @property
    def columns(self) -> tuple[str, ...]:
        return LIST_COLUMNS if self.holds is FileContent.LIST else COLUMNS

    def connect(self) -> "CsvSession":
        return CsvSession(self)

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        verb = "put into" if changes[0].suppress else "taken out of"
        if self.holds is FileContent.CHANGES:
            verb = "appended to"
        return f"{verb} {self.file}:\n" + _text(self.columns, map(_row, changes), self.formula_safe)


class NotOurs(Exception):
    """Raised for a file that can't be one of ours. The text says why and what to do."""


class CsvSession(LocalSession):
    """A `Session`. It opens the file for each batch, so the file may be moved away at any time."""

    def __init__(self, platform: Csv) -> None:
        self._platform = platform
        self._pace = CallPacer(platform.calls_a_second)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self._pace.wait()
        return (self._write(changes),) * len(changes)

    release = suppress  # each change says which of the two it is

    def check(self, now: datetime) -> Outcome:
        path = self._platform.file
        try:
            _, columns = _look_at(path, self._platform.columns)
            if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
                raise PermissionError(0, f"this user may not write into {path.resolve().parent}")
            if columns and not os.access(path, os.R_OK | os.W_OK):
                raise PermissionError(0, "this user may not read and write it")
        except (OSError, NotOurs) as error:
            return self._later(error)
        return Outcome(Fate.DONE, f"{path} may be written")

    def _write(self, changes: Sequence[Change]) -> Outcome:
        path = self._platform.file.resolve()  # so a link keeps pointing at the file
        write = _append if self._platform.holds is FileContent.CHANGES else _merge
        try:
            with _locked(path.parent, self._platform.timeout):
                write(path, changes, self._platform.formula_safe)
        except (OSError, NotOurs) as error:
            return self._later(error)
        return Outcome(Fate.DONE, f"written to {path.name}")

    def _later(self, error: Exception) -> Outcome:
        words = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
        return Outcome(Fate.LATER, f"{self._platform.file}: {words}", whole=True)


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _merge(path: Path, changes: Sequence[Change], formula_safe: bool) -> None:
    """Replaces the old file by a new one in a single step: readers see one or the other, even after a crash."""
    status, _ = _look_at(path, LIST_COLUMNS)
    rows = _read(path, formula_safe) if status else {}
    for change in changes:
        row = _row(change)
        if change.suppress:
            rows[address_key(row["recipient"])] = row
        else:
            rows.pop(address_key(row["recipient"]), None)
    _replace(path, _text(LIST_COLUMNS, rows.values(), formula_safe), status)


def _read(path: Path, formula_safe: bool) -> dict[str, Row]:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            rows = [dict(zip(LIST_COLUMNS, map(from_csv if formula_safe else str, row), strict=True))
                    for row in list(csv.reader(file))[1:]]
            return {address_key(row["recipient"]): row for row in rows}
        except (ValueError, csv.Error):
            raise NotOurs("holds rows that are not as they were written: fix them, or move the file away") from None


def _replace(path: Path, text: str, old: os.stat_result | None) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)  # left behind by a crash
    with _opened(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW) as file:
        try:
            if old:
                with suppress(PermissionError):  # only root may change a file's owner
                    os.fchown(file, old.st_uid, old.st_gid)
            os.fchmod(file, stat.S_IMODE(old.st_mode) if old else MODE)
            _write_all(file, text.encode())
            os.fsync(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    draft.rename(path)
    _sync_folder(path.parent)


# ── the changes ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _append(path: Path, changes: Sequence[Change], formula_safe: bool) -> None:
    """Appends all rows or none. Cuts off a partial row that a crash or a full disk left behind."""
    status, columns = _look_at(path, COLUMNS)
    with _opened(path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
        if status is None:
            os.fchmod(file, MODE)
        length = _whole_rows(file)
        os.ftruncate(file, length)
        text = _text(COLUMNS, map(_row, changes), formula_safe)
        try:
            _write_all(file, (text if not columns else text.partition("\n")[2]).encode())
            os.fsync(file)
        except OSError:
            os.ftruncate(file, length)
            raise
    if status is None:
        _sync_folder(path.parent)


def _whole_rows(file: int) -> int:
    """Returns the length, in bytes, up to the end of the last whole row; no value holds a line break."""
    end = os.fstat(file).st_size
    while end:
        begin = max(0, end - 65536)
        found = os.pread(file, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


# ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def _look_at(path: Path, columns: Sequence[str]) -> tuple[os.stat_result | None, bool]:
    """Returns the status of `path`, None if there is no file, and whether the file begins with `columns`.

    Raises NotOurs for a file with other content, which would be lost.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return None, False
    if not stat.S_ISREG(status.st_mode):
        raise NotOurs("is no regular file: name another")
    heading = _text(columns, (), formula_safe=False).encode()
    with path.open("rb") as file:
        beginning = file.read(len(heading))
    if beginning and beginning != heading and not (b"\n" not in beginning and heading.startswith(beginning)):
        raise NotOurs("does not begin with our columns, so it is another's: name another file, or move that one away")
    return status, beginning == heading


@contextmanager
def _locked(folder: Path, timeout: timedelta) -> Iterator[None]:
    """Locks `folder`, so that only one process writes at a time. The file itself may be moved away meanwhile.

    Raises TimeoutError.
    """
    end = monotonic() + timeout.total_seconds()
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as handle:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if monotonic() >= end:
                raise TimeoutError(0, f"another process has locked its folder for {timeout.total_seconds():g} s")
            sleep(0.02)
        yield


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as handle:
        os.fsync(handle)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    handle = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def _row(change: Change) -> Row:
    """Returns a row with each value on one line, so that for every tool a line is a row."""
    return {name: _CONTROLS.sub(" ", "" if value is None else str(value)) for name, value in spelled(change).items()}


def _text(columns: Sequence[str], rows: Iterable[Row], formula_safe: bool) -> str:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([for_csv(row[name]) if formula_safe else row[name] for name in columns])
    return out.getvalue().encode("utf-8", "replace").decode()
