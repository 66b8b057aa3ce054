"""`recipients`: everything that is known of one address, and addresses that no rule may suppress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from bounce_watcher.cli.framework.opening import at_the_shell, ledger_of
from bounce_watcher.cli.framework.options import Address, ConfigFile, Json, Stream, example, option
from bounce_watcher.cli.framework.output import WrongUsage, clean, iso, json_line, listing, say, table
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import RecipientRecord
from bounce_watcher.service.operations import recipients as operations
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import EVENT_COLUMNS, OPT_OUT_COLUMNS, STEP_COLUMNS, Row, recipient_row, with_streams_of

app = typer.Typer()
commands = typer.Typer(help="Shows a recipient's state and history; protects addresses and domains.")
app.add_typer(commands, name="recipients")

_HISTORY = tuple(name for name in EVENT_COLUMNS if name not in {"recipient", "stream"})


@commands.command(epilog=example("recipients show user@example.org"))
def show(address: Address, stream: Stream = None, as_json: Json = False, config: ConfigFile = None) -> None:
    """Shows the state, counts, events and history of an address in each stream, and its opt-outs.

    An opt-out is shown both with the address that was mailed and with the one that sent it; the sender alone proves
    nothing.
    """
    with ledger_of(config) as (settings, ledger):
        it, opt_outs = operations.protector(settings, ledger, address), ledger.review.opt_outs_of(address)
        known = with_streams_of(ledger.lists.recipients(address), opt_outs, ledger.lists.known_as(address))
        records = [each for each in known if stream in (None, each.stream)]
        rows = [
            recipient_row(
                each, ledger.lists.events(EventFilter(address, each.stream)),
                ledger.history.course(address, each.stream), it.row if it else None, opt_outs,
            )
            for each in records
        ]
    if as_json:
        for row in rows:
            say(json_line(row))
        return
    _tell(address, records, rows)
    if it is not None:
        whose = f", as of {it.name}" if it.name.startswith("@") else ""
        since = f" since {iso(it.at)}: {it.because}" if it.at else ""
        say(clean(f"{address} is protected by {it.by}{whose}{since}"))


def _tell(address: str, records: Sequence[RecipientRecord], rows: Sequence[Row]) -> None:
    if not records:
        say(f"no reports about {clean(address)}")
    for record, row in zip(records, rows, strict=True):
        counts = ", ".join(f"{number} {name}" for name, number in sorted(record.counts.items())) or "none"
        say(f"{clean(record.recipient)} in stream {clean(record.stream)}: {record.state}")
        until = record.suppression and (iso(record.suppression.until) or "for good")
        for title, text in (("because", words.text(record.grounds)), ("until", until),
                            ("delivered_at", iso(record.delivered_at)), ("events", counts)):
            if text:
                say(f"  {title}: {clean(text)}")
        for columns, told in (
            (_HISTORY, row["history"]), (STEP_COLUMNS, row["course"]), (OPT_OUT_COLUMNS, row["opt_outs"]),
        ):
            assert isinstance(told, list)
            if told and columns is OPT_OUT_COLUMNS:
                is_open = any(each["done_at"] is None for each in told)
                say(f"  asked for no more mail: {'open, see `review show opt-outs`' if is_open else 'dealt with'}")
            table(columns, ([each[name] for name in columns] for each in told))


# ── protection ──────────────────────────────────────────────────────────────────────────────────────────────────────

Name = Annotated[str, typer.Argument(metavar="NAME", help="An address, or a whole domain: @example.org.")]
Because = Annotated[str, option("TEXT", "The reason; kept with it and in the log.", "--because")]


@commands.command(epilog=example('recipients protect ceo@example.org --because "our founder"'))
def protect(name: Name, because: Because, config: ConfigFile = None) -> None:
    """Protects an address or a domain: from now on no rule suppresses it. An existing suppression stays."""
    whom, by = _known(name), at_the_shell(because)
    with ledger_of(config) as (settings, ledger):
        operation = operations.Protect(settings, ledger, whom, of=None if whom.startswith("@") else whom)
        try:
            operation.carry_out(by)
        except ValueError as error:
            raise PermanentFailure(f"{whom}: {error}") from None
        stands = operation.preview(by).standing
    say(f"{clean(whom)} is protected: no rule suppresses it")
    if stands:
        say(f"It is suppressed now, and stays so until `suppressions remove {clean(whom)}`")


@commands.command(epilog=example('recipients unprotect @example.org --because "sold"'))
def unprotect(name: Name, because: Because, config: ConfigFile = None) -> None:
    """Ends a protection that was made by hand. One in the configuration is removed there."""
    whom = _known(name)
    with ledger_of(config) as (settings, ledger):
        if not operations.Unprotect(settings, ledger, whom).carry_out(at_the_shell(because)):
            raise PermanentFailure(f"{whom} is not protected by hand", "see `recipients protected`")
    say(f"{clean(whom)} is no longer protected by hand")


@commands.command(epilog=example("recipients protected --json"))
def protected(as_json: Json = False, config: ConfigFile = None) -> None:
    """Lists the protected addresses and domains, both those made by hand and those in the configuration."""
    with ledger_of(config, to_look=True) as (settings, ledger):
        policy = settings.policy
        names = (*policy.protected_addresses, *(f"@{domain}" for domain in policy.protected_domains))
        by_hand = ledger.lists.protections()
        rows = [operations.Protector(each.name, each.actor, each.at, each.because) for each in by_hand]
        rows += [operations.Protector(name, operations.CONFIGURATION) for name in sorted(names)]
        listing((each.row for each in rows), ("name", "by", "at", "because"), as_json=as_json)


def _known(text: str) -> str:
    try:
        return operations.name_of(text)
    except ValueError as error:
        raise WrongUsage(str(error)) from None
