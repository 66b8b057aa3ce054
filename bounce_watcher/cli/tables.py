"""Lists: tables for people, tab-separated lines for pipes, JSON lines for programs; and the progress of long work."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from bounce_watcher.cli.output import Row, clean, json_line, say

ROWS_AT_ONCE = 500
"""A table of a list of any length is drawn in pieces, so that memory stays bounded."""

CUT = {"diagnostic": 50, "last_answer": 50, "counted": 40}
"""Characters that a drawn table shows of columns that run long; JSON and pipes have all of them."""


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
def progress(what: str, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """A counter on stderr while the work inside goes on, if stderr is a terminal. Gives what is told how many more.

    Not `shown` where the work writes to the terminal as it goes, and so shows its progress itself.
    """
    if not shown or not sys.stderr.isatty():
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
