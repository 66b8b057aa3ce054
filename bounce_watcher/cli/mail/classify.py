"""`classify`: what messages say, without configuration or database."""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import typer

from bounce_watcher.cli.framework.options import Debug, Json, RulesOf, example
from bounce_watcher.cli.framework.output import complain
from bounce_watcher.cli.framework.sources import DEFAULT_MESSAGE_BYTES, MessageBytes, Paths, messages
from bounce_watcher.cli.framework.tables import listing, progress
from bounce_watcher.cli.mail.rules import rules_of
from bounce_watcher.words.rows import Row

COLUMNS = ("source", "kind", "recipient", "bounce_type", "reason", "status", "rule", "diagnostic")


def register(app: typer.Typer) -> None:
    app.command(epilog=example("classify --json bounces.mbox | jq ."))(classify)


def classify(
    paths: Paths,
    as_json: Json = False,
    max_message_bytes: MessageBytes = DEFAULT_MESSAGE_BYTES,
    config: RulesOf = None,
    debug: Debug = False,
) -> None:
    """Classifies messages: who failed, and why. Needs no configuration and changes nothing.

    Prints one line per recipient, or with --json one object per message, in the order of the input.
    """
    from bounce_watcher.cli.mail.workers import classified

    problems: list[str] = []
    rules = rules_of(config)
    given = messages(paths, max_message_bytes)
    with progress("classifying", shown=not sys.stdout.isatty()) as advance:
        found = _rows(classified(given, rules), problems, advance)
        listing(found if as_json else chain.from_iterable(map(_lines, found)), COLUMNS, as_json=as_json)
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(1)


def _rows(found: Iterator[Row], problems: list[str], advance: Callable[[int], None]) -> Iterator[Row]:
    for row in found:
        advance(1)
        if "error" in row:
            problems.append(f"{row['source']}: the analysis failed: {row['error']}; please report it")
        yield row


def _lines(row: Row) -> Iterable[Row]:
    """Yields a row per recipient, or one for the message itself if it names none."""
    recipients = row["recipients"]
    assert isinstance(recipients, list)
    return [{**row, **each} for each in recipients or [{}]]
