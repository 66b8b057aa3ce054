"""Lists: tables for people, tab-separated lines for pipes, JSON lines for programs; and the progress of long work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.output import clean, json_line, say
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from rich.table import Table

ROWS_AT_ONCE = 500
"""A table of a list of any length is drawn in pieces, so that memory stays bounded."""

PROSE: Mapping[str, int] = {
    "answer": 80, "because": 200, "counted": 40, "counts": 200, "diagnostic": 50, "in whose words": 50,
    "last_answer": 50, "text": 80,
    "wording": 200,
}
"""Columns of words, which a drawn table wraps, and how many characters of them it shows at most. All else is one word
a cell, and stays in one piece where there is room for it. JSON and pipes have all of everything."""

PROSE_WIDTH = 20
"""Least width of a column of prose."""

SPARED = (
    "in whose words", "rule", "diagnostic", "scope", "stream", "target", "status", "bounce_type", "next_attempt_at",
    "attempts", "since", "sequence", "type", "first_at",
)
"""Columns that a narrow terminal hides, in this order. A note under the table names them."""

DAYS = frozenset({"since", "until"})
"""Times shown as a day only in drawn tables."""

BETWEEN = 3  # columns of nothing between two columns


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


# ── on a terminal ───────────────────────────────────────────────────────────────────────────────────────────────────

def _drawn(columns: Sequence[str], rows: Iterator[Sequence[object]], title: str | None) -> None:
    from rich.console import Console

    console = Console()
    while True:
        part = [list(map(_cell, columns, row)) for row in islice(rows, ROWS_AT_ONCE)]
        console.print(_table(columns, part, title, console.width))
        if len(part) < ROWS_AT_ONCE:
            return
        title = None


def _table(columns: Sequence[str], rows: list[list[str]], title: str | None, width: int) -> Table:
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    needed = {name: _needed(name, [row[at] for row in rows]) for at, name in enumerate(columns)}
    spared = _spared(needed, width)
    shown = [name for name in columns if name not in spared]
    fits = _total(needed[name] for name in shown) <= width
    headings = (Column(name, overflow="fold", no_wrap=fits and name not in PROSE) for name in shown)
    note = f"hidden (terminal too narrow): {', '.join(name for name in columns if name in spared)}" if spared else None
    drawn = Table(*headings, title=title, title_justify="left", caption=note, caption_justify="left",
                  box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        drawn.add_row(*(Text(cell) for name, cell in zip(columns, row, strict=True) if name not in spared))
    return drawn


def _needed(name: str, cells: Iterable[str]) -> int:
    from rich.cells import cell_len

    longest = max(map(cell_len, [name, *cells]))
    return min(longest, PROSE_WIDTH) if name in PROSE else longest


def _spared(needed: Mapping[str, int], width: int) -> set[str]:
    """The fewest columns to hide so that the others fit."""
    spared: set[str] = set()
    for name in filter(needed.__contains__, SPARED):
        if _total(needed[each] for each in needed if each not in spared) <= width:
            break
        spared.add(name)
    return spared


def _total(widths: Iterable[int]) -> int:
    return sum(width + BETWEEN for width in widths)


def _cell(column: str, value: object) -> str:
    """In fewer characters than elsewhere: a time to the day or minute, prose as far as it may go."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d" if column in DAYS else "%Y-%m-%d %H:%M")
    text = clean(value)
    room = PROSE.get(column, len(text))
    return text if len(text) <= room else f"{text[: room - 1]}…"


@contextmanager
def progress(
    what: str, things: str = "messages", *, total: Callable[[], int] | None = None, shown: bool = True
) -> Iterator[Callable[[int], None]]:
    """A counter on stderr while the work inside goes on, if stderr is a terminal. Gives what is told how many more.

    `total` is asked only if the bar is drawn. Not `shown` where the work writes to the terminal as it goes, and so
    shows its progress itself.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn(f"{{task.completed:,}} {things}"),
        TimeElapsedColumn(),
    )
    # rich would send stdout through the bar's console, which is stderr.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(what, total=total() if total else None)
        yield lambda more: bar.advance(task, more)
