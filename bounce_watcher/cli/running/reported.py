"""`import-sent` and `import-delivered`: read what the platform knows of its own mail, as CSV, into the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.configuration import load_settings
from bounce_watcher.cli.framework.csv_rows import STDIN, named_rows, opened
from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, example
from bounce_watcher.cli.framework.output import complain, count, say
from bounce_watcher.cli.framework.tables import progress
from bounce_watcher.model.sending import DeliveredOutcome, SentOutcome
from bounce_watcher.service.clock import utcnow

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.service.operations.reported import RowOptions

FAILED = 1
MOST_TOLD = 100
"""The most bad lines that are reported per file; the rest are counted."""

Files = Annotated[
    list[str], typer.Argument(metavar="CSV", show_default=False, help="A CSV file, or - for standard input.")
]
OfStream = Annotated[
    str | None,
    typer.Option(
        "--stream", metavar="STREAM", show_default=False,
        help="Stream of rows that name none. Required for them if the mailboxes have several.",
    ),
]

_MAILS = frozenset({"message_id", "recipient"})
_COUNTS = frozenset({"day", "domain", "count"})
_DELIVERIES = frozenset({"recipient"})


def register(app: typer.Typer) -> None:
    app.command("import-sent", epilog=example("import-sent --dry-run sent.csv"))(import_sent)
    app.command("import-delivered", epilog=example("import-delivered delivered.csv"))(import_delivered)


def import_sent(
    files: Files, stream: OfStream = None, dry_run: DryRun = False, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Reads sent mail from CSV. It proves that bounces are genuine, and is what rates are calculated from.

    The first line names the columns. Either one mail per line: message_id, recipient, and optionally stream, campaign
    and at (ISO 8601; default now). Or counts: day, domain, count, and optionally stream and campaign. Known lines
    change nothing, so an import can be repeated. A bad line is reported and skipped; the exit status is then 1.
    """
    from bounce_watcher.service.operations.reported import take_sent

    settings = load_settings(config)
    total, bad = SentOutcome(), 0
    with _ledger(settings, dry_run) as ledger, progress("importing") as advance:
        for path in _each_once(files):
            refuse = _Refuse(path)
            with opened(path) as file:
                rows = named_rows(path, file, (_MAILS, _COUNTS))
                total += take_sent(settings, ledger, rows, _reading(settings, stream), refuse, advance)
            bad += refuse.close()
    if dry_run:
        say(f"would import {count(total.new, 'mail')} and {count(total.counts, 'figure')}{_left_out(bad)}; "
            "nothing was written")
    else:
        say(f"{count(total.new, 'new mail')}, {total.known} known already, {count(total.counts, 'figure')}"
            f"{_proven(total.proven)}{_left_out(bad)}")
    _end(bad)


def import_delivered(
    files: Files, stream: OfStream = None, dry_run: DryRun = False, config: ConfigFile = None, debug: Debug = False
) -> None:
    """Reads deliveries from CSV. Bounces before a delivery no longer count against its recipient.

    The first line names the columns: recipient, and optionally stream and at (ISO 8601; default now). Unless a bounce
    follows within 12 hours, the recipient's counter is reset and a suppression for soft bounces ends; one for a hard
    reason stays. A bad line is reported and skipped; the exit status is then 1.
    """
    from bounce_watcher.service.operations.reported import take_deliveries

    settings = load_settings(config)
    taken, total, bad = 0, DeliveredOutcome(), 0
    with _ledger(settings, dry_run) as ledger, progress("importing") as advance:
        for path in _each_once(files):
            refuse = _Refuse(path)
            with opened(path) as file:
                rows = named_rows(path, file, (_DELIVERIES,))
                more, outcome = take_deliveries(settings, ledger, rows, _reading(settings, stream), refuse, advance)
            taken, total, bad = taken + more, total + outcome, bad + refuse.close()
    if dry_run:
        say(f"would enter {_deliveries(taken)}{_left_out(bad)}; nothing was written")
    else:
        say(f"{_deliveries(taken)}: {count(total.reset, 'recipient')} with bounces had mail since, {total.released} "
            f"released{_left_out(bad)}")
    _end(bad)


class _Refuse:
    """Reports the first bad lines of a file with their places, and how many more there were."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._bad = 0

    def __call__(self, line: int, problem: str) -> None:
        self._bad += 1
        if self._bad <= MOST_TOLD:
            complain(f"{self._path}:{line}: {problem}")

    def close(self) -> int:
        if self._bad > MOST_TOLD:
            complain(f"{self._path}: {count(self._bad - MOST_TOLD, 'more bad line')} not shown")
        return self._bad


@contextmanager
def _ledger(settings: Settings, dry_run: bool) -> Iterator[Ledger | None]:
    from bounce_watcher.service.opening import open_ledger

    if dry_run:
        yield None
        return
    with open_ledger(settings) as ledger:
        yield ledger


def _reading(settings: Settings, stream: str | None) -> RowOptions:
    from bounce_watcher.service.operations.reported import RowOptions, usual_stream

    return RowOptions(stream or usual_stream(settings), utcnow())


def _each_once(files: list[str]) -> list[str]:
    if files.count(STDIN) > 1:
        raise WrongUsage("- is given twice: standard input can be read only once")
    return files


def _deliveries(number: int) -> str:
    return "1 delivery" if number == 1 else f"{number} deliveries"


def _left_out(bad: int) -> str:
    return f", {count(bad, 'bad line')} skipped" if bad else ""


def _proven(bounces: int) -> str:
    return f", {count(bounces, 'bounce')} on record proven by it" if bounces else ""


def _end(bad: int) -> None:
    if bad:
        raise typer.Exit(FAILED)
