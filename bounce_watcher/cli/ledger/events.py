"""`events`: every recipient of every report."""

from functools import partial
from typing import Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_to_look
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, Limit, Stream, example
from bounce_watcher.cli.framework.tables import listing
from bounce_watcher.cli.framework.times import past
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.words.rows import EVENT_COLUMNS, event_row

commands = typer.Typer(help="Lists reported bounces and complaints, one event per recipient of a report.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="events")


@commands.command("list", epilog=example("events list --reason mailbox_full --since 7d"))
def list_events(  # noqa: PLR0913, PLR0917 - one parameter an option
    recipient: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Only this address.")] = None,
    stream: Stream = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.", show_choices=False, metavar="KIND")] = None,
    bounce_type: Annotated[BounceType | None, typer.Option(help="Only this type.")] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="Only this reason, such as mailbox_full.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From this time: 2026-11-01, or 7d for 7 days ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", metavar="", help="Newest first.")] = False,
    limit: Limit = None,
    hashed: Annotated[
        bool, typer.Option("--hashed", metavar="", help="For statistics: pseudonyms instead of addresses, no words of "
                                                        "mail.")
    ] = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Lists events in order of time.

    With --hashed each address is replaced by a pseudonym that is the same in every list, with its domain, and the words
    of mail are left out. JSON output is always like this if the configuration sets hashed_exports.
    """
    from bounce_watcher.ledger.naming.pseudonym import hidden

    wanted = EventFilter(
        recipient=recipient, stream=stream, kind=kind, bounce_type=bounce_type,
        reason=None if reason is None else _reason(reason),
        since=past(since), until=past(until), limit=limit, newest_first=newest_first,
    )
    with ledger_to_look(config) as (settings, ledger):
        events = ledger.lists.events(wanted)
        if hashed or (as_json and settings.hashed_exports):
            events = map(partial(hidden, name=ledger.lists.pseudonyms()), events)
        listing(map(event_row, events), EVENT_COLUMNS, as_json=as_json)


def _reason(text: str) -> Reason:
    reason = next((each for each in Reason if each == text), None)
    if reason is None:
        raise WrongUsage(f"{text!r} is not a reason", f"use one of: {', '.join(Reason)}")
    return reason
