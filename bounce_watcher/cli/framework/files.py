"""Reads files named on the command line: messages, and CSV row by row in bounded memory."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from bounce_watcher.cli.framework.options import option
from bounce_watcher.cli.framework.output import WrongUsage, complain, count
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.message import RawMessage

STDIN = "-"
DEFAULT_MESSAGE_BYTES = 1024 * 1024

Paths = Annotated[list[str], typer.Argument(
    metavar="PATH", show_default=False,
    help="A message (.eml), a folder (every file below it), a Maildir, an mbox, or - for standard input.",
)]
MessageBytes = Annotated[int, option("N", "Read at most N bytes of a message.", "--max-message-bytes", min=1024)]


def each_once(paths: Sequence[str]) -> Sequence[str]:
    """Returns the paths. Raises WrongUsage if several of them are standard input."""
    if paths.count(STDIN) > 1:
        raise WrongUsage("- is given twice: standard input can be read only once")
    return paths


def messages(paths: Sequence[str], max_message_bytes: int, *, by_time: bool = False) -> Iterator[RawMessage]:
    """Yields messages in the given order, or `by_time`: in the order of their Received headers or dates.

    Raises PermanentFailure for a path that can't be read.
    """
    from bounce_watcher.intake.files import messages_by_time, read_messages

    read = messages_by_time if by_time else read_messages
    return read(each_once(paths), max_message_bytes=max_message_bytes, stdin=sys.stdin.buffer)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

LONGEST_LINE = 65536
"""The most characters that are read as one line. A longer line is cut, and so reported as bad."""
MOST_REFUSED = 100
"""The most bad lines that `CsvFiles` reports per file; the rest are counted."""
_DELIMITERS = ",;\t"

Named = Iterator[tuple[int, dict[str, object] | ValueError]]
"""Rows as mappings from column names, each with its line number. A ValueError replaces a row that can't be read."""


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """Opens a file, or standard input for `-`. Raises OSError."""
    if path == STDIN:
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="surrogateescape", newline="")  # type: ignore[union-attr]
        yield sys.stdin
        return
    with Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield file


class _Lines:
    """The lines of a file, and the number of the last one."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._is_cut = False
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += not self._is_cut
        self._is_cut = not line.endswith("\n")
        return line


def named_rows(path: str, file: TextIO, one_of: Sequence[frozenset[str]]) -> Named:
    """Yields the rows below the heading, without empty ones. Commas, semicolons or tabs may separate the columns.

    Raises PermanentFailure if the heading does not have all the columns of one of the sets.
    """
    lines = _Lines(file)
    heading = next(lines, "")
    delimiter = max(_DELIMITERS, key=heading.count)
    heads = next(csv.reader([heading], delimiter=delimiter), [])
    names = [each.strip().lower().replace("-", "_").replace(" ", "_") for each in heads]  # Message-ID is message_id
    if not any(wanted <= set(names) for wanted in one_of):
        choice = ", or ".join(", ".join(sorted(wanted)) for wanted in one_of)
        raise PermanentFailure(f"{path}:1: the first line must name the columns: at least {choice}")
    return _rows(csv.reader(lines, delimiter=delimiter), lines, names)


def _rows(read: Iterator[list[str]], lines: _Lines, names: Sequence[str]) -> Named:
    while True:
        try:
            cells = next(read, None)
        except csv.Error as error:
            yield lines.number, ValueError(f"is not CSV: {error}")
            continue
        if cells is None:
            return
        if len(cells) > len(names):
            yield lines.number, ValueError("has more columns than the first line names; quote what holds commas")
        elif cells:
            yield lines.number, dict(zip(names, cells, strict=False))


class CsvFiles:
    """Reads files, and reports the first bad lines of each with their places, and how many more there were."""

    def __init__(self, files: list[str]) -> None:
        self.bad = 0
        self._files = files
        self._path, self._bad_here = "", 0

    def rows(self, *one_of: frozenset[str]) -> Iterator[Named]:
        """Yields the rows of each file. Its heading must have all the columns of one of the sets."""
        for path in each_once(self._files):
            self._path, self._bad_here = path, 0
            with opened(path) as file:
                yield named_rows(path, file, one_of)
            if self._bad_here > MOST_REFUSED:
                complain(f"{path}: {count(self._bad_here - MOST_REFUSED, 'more bad line')} not shown")

    def refuse(self, line: int, problem: str) -> None:
        self.bad += 1
        self._bad_here += 1
        if self._bad_here <= MOST_REFUSED:
            complain(f"{self._path}:{line}: {problem}")

    @property
    def left_out(self) -> str:
        return f", {count(self.bad, 'bad line')} skipped" if self.bad else ""
