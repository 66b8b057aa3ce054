"""`undo`: what an incident suppressed, released."""

import sys
from typing import Annotated

import typer

from bounce_watcher.cli.errors import WrongUsage
from bounce_watcher.cli.ledgers import ledger_of
from bounce_watcher.cli.options import ConfigFile, Debug, DryRun, Json, example
from bounce_watcher.cli.output import Row, count, say
from bounce_watcher.cli.tables import listing, progress
from bounce_watcher.cli.times import past
from bounce_watcher.ledger.undo import Incident, Undone
from bounce_watcher.model.ledger import COMPLAINT_REASON
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.words import day
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.deciding import decider

COLUMNS = ("recipient", "stream", "events", "released", "state", "because")


def register(app: typer.Typer) -> None:
    app.command(epilog=example("undo --from 2026-11-14T20:00Z --to 2026-11-15T04:00Z --domain example.org --dry-run"))(
        undo
    )


def undo(
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="When the incident began.")],
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="When it was over.")],
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Only recipients in this domain.", show_default=False)
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="REASON", help="Only this reason, such as invalid_recipient.",
                                 show_default=False)
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Strikes out what was reported during an incident, releases what rested on it and tells the platform.

    What was reported then never counts again, neither alone nor as a confirmation. Who is suppressed on other grounds
    stays so, and so does who was suppressed by hand. What comes late, or is imported later, needs another undo.
    """
    incident = _incident(since, until, domain, reason)
    released = struck = recipients = 0

    def row(undone: Undone) -> Row:
        nonlocal released, struck, recipients
        recipients += 1
        released += undone.released
        struck += undone.events
        advance(1)
        return {name: getattr(undone, name) for name in COLUMNS}

    drawn = progress("undoing", "recipients", shown=not sys.stdout.isatty())
    with ledger_of(config) as (settings, ledger), drawn as advance:
        outcomes = ledger.undo(
            incident, decider(settings), announcer(settings), because=_because(incident), now=utcnow(), dry_run=dry_run
        )
        listing(map(row, outcomes), COLUMNS, as_json=as_json)
    if as_json:
        return
    say(
        f"{'would release' if dry_run else 'released'} {released} of {count(recipients, 'recipient')}; "
        f"{count(struck, 'event')} {'would count' if dry_run else 'count'} no more"
    )


def _incident(since: str, until: str, domain: str | None, reason: str | None) -> Incident:
    begin, end = past(since), past(until)
    assert begin is not None
    assert end is not None
    if end < begin:
        raise WrongUsage("--to lies before --from")
    if reason is not None and reason not in {*Reason, COMPLAINT_REASON}:
        raise WrongUsage(f"{reason!r} is no reason; they are: {', '.join([*Reason, COMPLAINT_REASON])}")
    return Incident(begin, end, domain, reason)


def _because(incident: Incident) -> str:
    """`incident of 14 December 2020 to 15 December 2020 at example.org (invalid_recipient)`."""
    first, last = day(incident.since), day(incident.until)
    when = first if first == last else f"{first} to {last}"
    where = f" at {incident.domain}" if incident.domain else ""
    return f"incident of {when}{where}" + (f" ({incident.reason})" if incident.reason else "")
