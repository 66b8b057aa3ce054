"""Prints lines, lists and progress for people, and JSON lines for programs; the errors that end a command early.

Text from mail is hostile: control characters, which could repaint a terminal, are shown as escapes, and rich never
reads the text as markup.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.neutral import for_json, for_terminal

if TYPE_CHECKING:
    from rich.table import Table

    from bounce_watcher.words.rows import Row


class WrongUsage(BounceWatcherError):
    """A command line that makes no sense: exit status 2."""


class ReaderGoneError(Exception):
    """The reader of our output has stopped, as `| head` does. (Typer would turn the original into exit status 1.)"""


def iso(moment: datetime | None) -> str | None:
    """Formats a time by RFC 3339 in UTC, with Z."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def clean(value: object) -> str:
    """Returns a value on one line that is harmless on a terminal: no control, format or surrogate characters."""
    return for_terminal(plain(value))


def plain(value: object) -> str:
    """Returns a value as text, not yet safe to print."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = iso(value) if isinstance(value, datetime) else value
    return "" if text is None else str(text)


def count(number: int, thing: str) -> str:
    """Returns "1 message", "2 messages"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def say(line: str = "") -> None:
    """Prints one line on stdout. Text from mail goes through `clean` first."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    except BrokenPipeError:
        raise ReaderGoneError from None


def complain(line: str) -> None:
    """Prints one line on stderr."""
    sys.stdout.flush()
    sys.stderr.write(f"bounce-watcher: {clean(line)}\n")


def json_line(row: Row) -> str:
    """Returns JSON in ASCII, so that neither the terminal's encoding nor the mail's characters matter."""
    return for_json(json.dumps(row, default=lambda value: iso(value) if isinstance(value, datetime) else str(value)))


def fields(row: Row, width: int = 0) -> None:
    """Prints a line for each value of a row that is not empty. Names and their colons take at least `width`."""
    for name, value in row.items():
        if value not in (None, ""):
            say(f"{name + ':':{width}} {clean(value)}")


ROWS_AT_ONCE = 500
"""How many rows are drawn at once, so that a list of any length needs bounded memory."""

PROSE: Mapping[str, int] = {
    "answer": 80, "because": 200, "counted": 40, "counts": 200, "diagnostic": 50, "in whose words": 50,
    "last_answer": 50, "text": 80, "wording": 200,
}
"""Columns of prose, which a drawn table wraps, with the most characters that it shows of each.

All other cells are one word, and stay in one piece if there is room. JSON and pipes show everything.
"""

PROSE_WIDTH = 20
"""The least width of a column of prose."""

SPARED = (
    "in whose words", "rule", "diagnostic", "scope", "stream", "target", "status", "bounce_type", "next_attempt_at",
    "attempts", "since", "sequence", "type", "first_at",
)
"""Columns that a narrow terminal hides, in this order. A note under the table names them."""

DAYS = frozenset({"since", "until"})
"""Times shown as a day only in drawn tables."""

BETWEEN = 3  # spaces between two columns


def listing(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool) -> None:
    """Prints a list as its rows arrive: each whole row as JSON, or its `columns` as a table."""
    if as_json:
        for row in rows:
            say(json_line(row))
    else:
        table(columns, ([row.get(name) for name in columns] for row in rows))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Prints a table on a terminal. In a pipe it prints a heading and one line per row, separated by tabs."""
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
    from rich.cells import cell_len
    from rich.table import Column, Table
    from rich.text import Text

    needed: dict[str, int] = {}
    for at, name in enumerate(columns):
        longest = max(cell_len(cell) for cell in (name, *(row[at] for row in rows)))
        needed[name] = min(longest, PROSE_WIDTH) if name in PROSE else longest
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


def _spared(needed: Mapping[str, int], width: int) -> set[str]:
    """Returns the fewest columns to hide so that the others fit."""
    spared: set[str] = set()
    for name in filter(needed.__contains__, SPARED):
        if _total(needed[each] for each in needed if each not in spared) <= width:
            break
        spared.add(name)
    return spared


def _total(widths: Iterable[int]) -> int:
    return sum(width + BETWEEN for width in widths)


def _cell(column: str, value: object) -> str:
    """Shortens a value for a drawn table: a time to the day or minute, prose to its limit."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d" if column in DAYS else "%Y-%m-%d %H:%M")
    text = clean(value)
    room = PROSE.get(column, len(text))
    return text if len(text) <= room else f"{text[: room - 1]}…"


@contextmanager
def progress(
    what: str, things: str = "messages", *, total: Callable[[], int] | None = None, shown: bool = True
) -> Iterator[Callable[[int], None]]:
    """Shows a counter on stderr during the work inside, if stderr is a terminal. Yields a function that adds to it.

    Calls `total` only if the bar is drawn. Pass `shown=False` if the work itself writes to the terminal and so shows
    its progress.
    """
    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn(f"{{task.completed:,}} {things}"),
        TimeElapsedColumn(),
    )
    # otherwise rich sends stdout through the bar's console, which is stderr
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(what, total=total() if total else None)
        yield lambda more: bar.advance(task, more)
