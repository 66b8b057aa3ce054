"""`undo`: releases what an incident suppressed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, Json, example, known_as_reason
from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.cli.framework.tables import listing, progress
from bounce_watcher.cli.framework.times import past
from bounce_watcher.model.ledger import AlertKind
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import Row, explained

if TYPE_CHECKING:
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.ledger.suppressions.undo import UndoOutcome
    from bounce_watcher.policy.guards.incident import Incident

_NOTHING = {
    AlertKind.FORGED: "doubtful reports, which count against nobody",
    AlertKind.ENDPOINT: "a webhook, not reports",
    AlertKind.MAILBOX: "a mailbox, not reports",
    AlertKind.QUIET: "a mailbox, not reports",
    AlertKind.TARGET: "notifications, not reports",
}
COLUMNS = ("recipient", "stream", "events", "released", "state", "because")


def register(app: typer.Typer) -> None:
    app.command(epilog=example("undo --from 2026-11-14T20:00Z --to 2026-11-15T04:00Z --domain example.org --dry-run"))(
        undo
    )


def undo(  # noqa: PLR0913, PLR0917 - one parameter an option
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Start of the incident.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="End of the incident.", show_default=False)
    ] = None,
    alert: Annotated[
        str | None, typer.Option(metavar="ID", help="Instead: what this alert is about, in its period. See alerts "
                                                    "list.",
                                 show_default=False)
    ] = None,
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Only recipients of this domain.", show_default=False)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(metavar="PROVIDER", help="Only mail that this provider handles, for any domain, such "
                                                          "as google.com.", show_default=False)
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
    """Discards reports from an incident, releases what rested on them, and notifies the platform.

    Discarded reports never count again, neither alone nor as confirmation. Recipients suppressed for other reasons or
    by hand stay suppressed. Reports that arrive or are imported later need another undo. An outage alert covers the
    hard bounces that it counts, one about blocks covers everything the provider reported, and a flood covers all
    unproven reports, from the beginning of its first day.
    """
    from bounce_watcher.service.operations.bulk import UndoIncident

    narrowed = _narrowed(since, until, alert, provider)
    known_reason = known_as_reason(reason)
    released = struck = recipients = 0

    def row(undone: UndoOutcome) -> Row:
        nonlocal released, struck, recipients
        recipients += 1
        released += undone.released
        struck += undone.events
        advance(1)
        return {
            "recipient": undone.recipient, "stream": undone.stream, "events": undone.events,
            "released": undone.released, "state": undone.state, **explained(undone.grounds),
        }

    drawn = progress("undoing", "recipients", shown=not sys.stdout.isatty())
    with ledger_of(config) as (settings, ledger), drawn as advance:
        incident = replace(narrowed or _of_alert(ledger, alert or ""), domain=domain, reason=known_reason)
        operation, by = UndoIncident(settings, ledger, alert or words.scene(incident.scene), incident), at_the_shell()
        outcomes = operation.rehearse(by) if dry_run else operation.carry_out(by)
        listing(map(row, outcomes), COLUMNS, as_json=as_json)
    if as_json:
        return
    say(
        f"{'would release' if dry_run else 'released'} {released} of {count(recipients, 'recipient')}; "
        f"{count(struck, 'event')} {'would no longer count' if dry_run else 'no longer count'}"
    )


def _narrowed(since: str | None, until: str | None, alert: str | None, provider: str | None) -> Incident | None:
    """Returns the incident as far as the command line describes it; None if an alert does."""
    from bounce_watcher.policy.guards.incident import Incident

    if alert is not None:
        if (since, until, provider) != (None, None, None):
            raise WrongUsage("--alert sets the period and the provider: omit --from, --to and --provider")
        return None
    begin, end = past(since), past(until)
    if begin is None or end is None:
        raise WrongUsage("no period: name --from and --to, or an --alert (bounce-watcher alerts list)")
    if end < begin:
        raise WrongUsage("--to is before --from")
    return Incident(begin, end, provider=provider and provider_of(provider, provider))


def _of_alert(ledger: Ledger, name: str) -> Incident:
    from bounce_watcher.policy.guards.incident import Incident

    alert = ledger.lists.alert(name)
    if alert is None:
        raise WrongUsage(f"there is no alert {name!r}: see bounce-watcher alerts list")
    incident = Incident.of(alert)
    if incident is None:
        raise WrongUsage(f"alert {name} is about {_NOTHING[alert.kind]}: there is nothing to undo")
    return incident

