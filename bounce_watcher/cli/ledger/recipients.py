"""`recipients`: everything that is known of one address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.options import Address, ConfigFile, Debug, Json, Stream, example
from bounce_watcher.cli.framework.output import clean, iso, json_line, say
from bounce_watcher.cli.framework.tables import table
from bounce_watcher.cli.ledger import protecting
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.model.ledger import RecipientRecord
from bounce_watcher.service.operations.recipients import Protector, protector
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import (
    EVENT_COLUMNS,
    OPT_OUT_COLUMNS,
    STEP_COLUMNS,
    Row,
    recipient_row,
    with_streams_of,
)

if TYPE_CHECKING:
    from bounce_watcher.service.operations.recipients import Protector

commands = typer.Typer(help="Shows a recipient's state and history; protects addresses and domains.")

_HISTORY = tuple(name for name in EVENT_COLUMNS if name not in {"recipient", "stream"})


def register(app: typer.Typer) -> None:
    protecting.register(commands)
    app.add_typer(commands, name="recipients")


@commands.command(epilog=example("recipients show user@example.org"))
def show(
    address: Address,
    stream: Stream = None,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Shows the state, counts, events and history of an address in each stream, and its opt-outs.

    An opt-out is shown both with the address that was mailed and with the one that sent it; the sender alone proves
    nothing.
    """

    with ledger_of(config) as (settings, ledger):
        it, opt_outs = protector(settings, ledger, address), ledger.review.opt_outs_of(address)
        known = with_streams_of(ledger.lists.recipients(address), opt_outs, ledger.lists.known_as(address))
        records = [each for each in known if stream in (None, each.stream)]
        rows = [
            recipient_row(
                each, ledger.lists.events(EventFilter(address, each.stream)),
                ledger.history.course(address, each.stream),
                it.row if it else None, opt_outs,
            )
            for each in records
        ]
    if as_json:
        for row in rows:
            say(json_line(row))
    else:
        _tell(address, records, rows)
        _tell_protector(address, it)


def _tell(address: str, records: Sequence[RecipientRecord], rows: Sequence[Row]) -> None:
    if not records:
        say(f"no reports about {clean(address)}")
    for record, row in zip(records, rows, strict=True):
        counts = ", ".join(f"{number} {name}" for name, number in sorted(record.counts.items())) or "none"
        say(f"{clean(record.recipient)} in stream {clean(record.stream)}: {record.state}")
        for title, text in (("because", words.text(record.grounds)), ("until", _until(record)),
                            ("delivered_at", iso(record.delivered_at)), ("events", counts)):
            if text:
                say(f"  {title}: {clean(text)}")
        for columns, told in (
            (_HISTORY, row["history"]), (STEP_COLUMNS, row["course"]), (OPT_OUT_COLUMNS, row["opt_outs"]),
        ):
            assert isinstance(told, list)
            if told and columns is OPT_OUT_COLUMNS:
                say(f"  asked for no more mail: {_opt_outs(told)}")
            table(columns, ([each[name] for name in columns] for each in told))


def _opt_outs(rows: Sequence[Row]) -> str:
    waiting = [row for row in rows if row["done_at"] is None]
    return "open, see `review show opt-outs`" if waiting else "dealt with"


def _tell_protector(address: str, it: Protector | None) -> None:
    if it is None:
        return
    whose = "" if not it.name.startswith("@") else f", as of {it.name}"
    since = f" since {iso(it.at)}: {it.because}" if it.at else ""
    say(clean(f"{address} is protected by {it.by}{whose}{since}"))


def _until(record: RecipientRecord) -> str | None:
    if record.suppression is None:
        return None
    return iso(record.suppression.until) or "for good"
