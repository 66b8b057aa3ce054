"""`suppressions export` and `suppressions import`: the list as CSV, for another ledger, a platform, or back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer

from bounce_watcher.cli.framework.configuration import stream_for
from bounce_watcher.cli.framework.csv_rows import Named, named_rows, opened
from bounce_watcher.cli.framework.ledgers import ledger_of, ledger_to_look
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, IntoStream, Stream, address, example
from bounce_watcher.cli.framework.output import clean, complain, count, plain, say
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import COMPLAINT_REASON, Scope, State, Suppression, SuppressionSource
from bounce_watcher.model.neutral import for_csv, from_csv
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import suppression_row

COLUMNS = ("recipient", "stream", "state", "bounce_type", "reason", "since", "until", "because", "source", "scope")

FAILED = 1
_PARTS = frozenset('",;\t\r\n')
_NEEDED = frozenset({"recipient"})
_STATES = (State.SUPPRESSED, State.PENDING)

T = TypeVar("T")


def register(commands: typer.Typer) -> None:
    commands.command("export", epilog=example("suppressions export --stream marketing"))(export)
    commands.command("import", epilog=example("suppressions import --dry-run suppressed.csv"))(import_csv)


def export(stream: Stream = None, config: ConfigFile = None, debug: Debug = False) -> None:
    """Writes the suppression list as CSV, in a form that `suppressions import` reads.

    Text that a spreadsheet would treat as a formula, such as the address =a@example.org, gets a leading apostrophe; an
    unsafe character is written by its number, as \\u{202E}. The import reverses both.
    """
    with ledger_to_look(config) as (_, ledger):
        say(_line(COLUMNS))
        for each in ledger.lists.suppressions(SuppressionFilter(stream=stream)):
            row = suppression_row(each)
            say(_line(for_csv(plain(row[name])) for name in COLUMNS))


def _line(cells: Iterable[str]) -> str:
    """Writes a line by RFC 4180. Also quotes semicolons and tabs: some spreadsheets split at them as at commas."""
    return ",".join('"{}"'.format(cell.replace('"', '""')) if _PARTS & set(cell) else cell for cell in cells)


def import_csv(
    file: Annotated[str, typer.Argument(metavar="CSV", help="A CSV file, or - for standard input.")],
    stream: IntoStream = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Suppresses the recipients in a CSV file and notifies the platform.

    The first line names the columns: recipient, and optionally those of `suppressions export`. Defaults for missing
    values: the stream of --stream, suppressed by import, from now, permanently. An existing suppression is replaced
    only by one that goes further. A bad line is reported and skipped; the exit status is then 1.
    """
    from bounce_watcher.service.announcing import announcer, who_hears

    with ledger_of(config) as (settings, ledger), opened(file) as lines:
        now = utcnow()
        usual = Suppression(
            "", "", State.SUPPRESSED, None, now, ByPerson(f"imported from {clean(file)}"), SuppressionSource.IMPORT
        )
        reading = _Reading(file, usual, lambda: stream_for(settings, stream))
        wanted = reading.read(named_rows(file, lines, (_NEEDED,)))
        changed = sum(1 for _ in wanted) if dry_run else ledger.suppressions.adopt(wanted, now, announcer(settings))
    good, left_out = count(reading.good, "suppression"), f", {count(reading.bad, 'bad line')} skipped"
    left_out = left_out if reading.bad else ""
    if dry_run:
        say(f"would import {good}{left_out}; nothing was written")
    else:
        say(f"{good} read, {changed} of them new or longer{left_out}; {who_hears(settings)}")
    if reading.bad:
        raise typer.Exit(FAILED)


class _Reading:
    """The suppressions of a file, as it is read. `good` and `bad` count its lines. Bad lines are reported."""

    def __init__(self, path: str, usual: Suppression, stream: Callable[[], str]) -> None:
        self.good = self.bad = 0
        self._path = path
        self._usual = usual
        self._stream = stream

    def read(self, rows: Named) -> Iterator[Suppression]:
        for number, row in rows:
            try:
                yield self._taken(row)
            except ValueError as error:
                self.bad += 1
                complain(f"{self._path}:{number}: {error}")

    def _taken(self, row: Mapping[str, object] | ValueError) -> Suppression:
        if isinstance(row, ValueError):
            raise row
        found = _suppression(row, self._usual, self._stream)
        self.good += 1
        return found


def _suppression(row: Mapping[str, object], usual: Suppression, stream: Callable[[], str]) -> Suppression:
    """Reads a row. Raises ValueError with the problem in words."""
    cells = {name: from_csv(str(value).strip()) for name, value in row.items()}

    def cell(name: str, read: Callable[[str], T], default: T) -> T:
        text = cells.get(name, "")
        if not text:
            return default
        try:
            return read(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    return Suppression(
        recipient=_address(cells.get("recipient", "")),
        stream=cells.get("stream") or stream(),
        state=cell("state", _one_of(_STATES), usual.state),
        reason=cell("reason", _reason, None),
        since=cell("since", _moment, usual.since),
        grounds=ByPerson(cells["because"]) if cells.get("because") else usual.grounds,
        source=cell("source", _one_of(tuple(SuppressionSource)), usual.source),
        bounce_type=cell("bounce_type", _one_of(tuple(BounceType)), None),
        until=cell("until", _moment, None),
        scope=cell("scope", _one_of(tuple(Scope)), usual.scope),
    )


def _address(text: str) -> str:
    try:
        return address(text)
    except typer.BadParameter as error:
        raise ValueError(error.message) from None


def _reason(text: str) -> str:
    return _one_of((COMPLAINT_REASON, *(str(reason) for reason in Reason)))(text)


def _one_of(choices: tuple[T, ...]) -> Callable[[str], T]:
    def read(text: str) -> T:
        for choice in choices:
            if choice == text:
                return choice
        raise ValueError(f"{text!r} must be one of {', '.join(map(str, choices))}")

    return read


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time: write 2026-11-24 or 2026-11-24T06:00:00Z") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
