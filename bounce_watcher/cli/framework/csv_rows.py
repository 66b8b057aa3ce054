"""Reads CSV files named on the command line row by row: any length in bounded memory."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bounce_watcher.model.errors import PermanentFailure

STDIN = "-"
LONGEST_LINE = 65536
"""The most characters that are read as one line. A longer line is cut, and so reported as bad."""
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
    names = [_name(each) for each in next(csv.reader([heading], delimiter=delimiter), [])]
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


def _name(text: str) -> str:
    """Normalises a column name: "Message-ID" and "message_id" are the same."""
    return text.strip().lower().replace("-", "_").replace(" ", "_")
