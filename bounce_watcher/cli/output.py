"""Printing: tables for people, tab-separated lines for pipes, JSON lines for programs.

Whatever stood in a mail is hostile: control characters, which could repaint a terminal, are shown as escapes, and rich
never reads it as markup.
"""

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

ROWS_AT_ONCE = 500
"""A table of a list of any length is drawn in pieces, so that memory stays bounded."""

CUT = {"diagnostic": 50, "last_answer": 50, "counted": 40}
"""Characters that a drawn table shows of columns that run long; JSON and pipes have all of them."""

Row = Mapping[str, object]


class ReaderGoneError(Exception):
    """Whoever read our output has stopped: `| head` has enough. (Typer would make exit status 1 of the original.)"""


def iso(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, with Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")


def clean(value: object) -> str:
    """A value on one line, harmless on a terminal: no control, format or surrogate characters."""
    text = "" if value is None else _plain(value)
    return "".join(map(_shown, " ".join(text.split())))


def _plain(value: object) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    return (iso(value) or "") if isinstance(value, datetime) else str(value)


def _shown(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else f"\\x{ord(character):02x}"
    # Cc controls, Cf bidirectional and invisible ones, Cs surrogates.
    unsafe = unicodedata.category(character) in {"Cc", "Cf", "Cs"}
    return f"\\u{ord(character):04x}" if unsafe else character


def count(number: int, thing: str) -> str:
    """"1 message", "2 messages"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def say(line: str = "") -> None:
    """One line on stdout. What came out of a mail goes through `clean` first."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    except BrokenPipeError:
        raise ReaderGoneError from None


def complain(line: str) -> None:
    """One line on stderr."""
    sys.stdout.flush()
    sys.stderr.write(f"bounce-watcher: {clean(line)}\n")


def json_line(row: Row) -> str:
    """ASCII, so that neither the terminal's encoding nor what stands in the mail matters."""
    return json.dumps(row, default=_json_value)


def _json_value(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else str(value)


def listing(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool) -> None:
    """A list, as it comes: all of each row as JSON, or `columns` of it as a table."""
    if as_json:
        for row in rows:
            say(json_line(row))
    else:
        table(columns, ([row.get(name) for name in columns] for row in rows))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """On a terminal a table; in a pipe a heading and a line a row, parted by tabs."""
    if sys.stdout.isatty():
        _drawn(columns, iter(rows), title)
    else:
        if title:
            say(clean(title))
        say("\t".join(columns))
        for row in rows:
            say("\t".join(map(clean, row)))


def _drawn(columns: Sequence[str], rows: Iterator[Sequence[object]], title: str | None) -> None:
    console = Console()
    while True:
        part = list(islice(rows, ROWS_AT_ONCE))
        headings = (Column(name, overflow="fold") for name in columns)
        drawn = Table(*headings, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for row in part:
            drawn.add_row(*(Text(_cell(name, value)) for name, value in zip(columns, row, strict=True)))
        console.print(drawn)
        if len(part) < ROWS_AT_ONCE:
            return
        title = None


def _cell(column: str, value: object) -> str:
    text = clean(value)
    room = CUT.get(column, len(text))
    return text if len(text) <= room else f"{text[: room - 1]}…"


@contextmanager
def progress(what: str, *, prints: bool = False) -> Iterator[Callable[[int], None]]:
    """A counter on stderr while the work inside goes on, if stderr is a terminal. Gives what is told how many more.

    `prints`: the work prints as it goes, so on a terminal it shows its progress itself.
    """
    if not sys.stderr.isatty() or (prints and sys.stdout.isatty()):
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} messages"),
        TimeElapsedColumn(),
    )
    # rich would send stdout through the bar's console, which is stderr.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda more: bar.advance(task, more)
