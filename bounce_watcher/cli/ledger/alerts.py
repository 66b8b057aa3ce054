"""`alerts`: outages, floods of unproven reports, and our own troubles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of, ledger_to_look
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, Json, example
from bounce_watcher.cli.framework.tables import listing
from bounce_watcher.cli.ledger.many import list_decided
from bounce_watcher.model.grounds_json import SUBJECT
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import Row, explained

if TYPE_CHECKING:
    from bounce_watcher.ledger.lists.incidents import HeldRecipient

commands = typer.Typer(
    help="Lists alerts: outages and floods, which hold suppressions back, blocks, a silent mailbox.")

_COLUMNS = ("id", "since", "ends_at", "state", "alert", "held", "released", "confirmed", "because")
_HELD_COLUMNS = ("recipient", "stream", "reason", "since", "because")


AlertId = Annotated[str, typer.Argument(metavar="ID", help="Id of an outage or a flood: see alerts list.")]
Because = Annotated[str, typer.Option("--because", metavar="TEXT", help="The reason; kept in the log.")]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="alerts")


@commands.command("list", epilog=example("alerts list --under-way"))
def list_alerts(
    under_way: Annotated[
        bool, typer.Option("--under-way", metavar="", help="Only alerts that are not cleared.")
    ] = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Lists alerts with their figures, newest first."""
    with ledger_to_look(config) as (_, ledger):
        listing(map(alert_row, ledger.lists.alerts(under_way=under_way)), _COLUMNS, as_json=as_json)


@commands.command("held", epilog=example("alerts held 3f2a90c1d4e5b678"))
def list_held(alert: AlertId, as_json: Json = False, config: ConfigFile = None, debug: Debug = False) -> None:
    """Lists the addresses that an outage or a flood currently holds back, sorted by address."""
    with ledger_of(config) as (_, ledger):
        if ledger.lists.alert(alert) is None:
            raise WrongUsage(f"there is no alert {alert!r}: see bounce-watcher alerts list")
        listing(map(_held_row, ledger.browsing.incidents.all_held(alert)), _HELD_COLUMNS, as_json=as_json)


def _held_row(held: HeldRecipient) -> Row:
    return {
        "recipient": held.recipient, "stream": held.stream, "reason": held.reason, "since": held.since,
        **explained(held.grounds),
    }


@commands.command(epilog=example('alerts release 3f2a90c1d4e5b678 --because "they lost their directory" --dry-run'))
def release(
    alert: AlertId, because: Because, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Releases everything that an outage or a flood holds back. Nobody was notified of it, so nobody is notified now.

    Earlier reports about these recipients no longer count. New reports are held again for as long as the alert lasts.
    """
    _rule(alert, "release", because, dry_run=dry_run, as_json=as_json, config=config)


@commands.command(epilog=example('alerts confirm 3f2a90c1d4e5b678 --because "an old list" --dry-run'))
def confirm(
    alert: AlertId, because: Because, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Suppresses everything that an outage or a flood holds back, and notifies the platform.

    This is your decision: neither the end of the outage nor an undo reverses it, only `suppressions release`. For a
    flood it also means that this number is normal, so look through the list first (alerts held ID).
    """
    _rule(alert, "confirm", because, dry_run=dry_run, as_json=as_json, config=config)


def _rule(name: str, ruling: str, because: str, *, dry_run: bool, as_json: bool, config: ConfigFile) -> None:
    from bounce_watcher.policy.rulings import Ruling
    from bounce_watcher.service.operations.bulk import RuleHeld

    with ledger_of(config) as (settings, ledger):
        alert = ledger.lists.alert(name)
        if alert is None:
            raise WrongUsage(f"there is no alert {name!r}: see bounce-watcher alerts list")
        if alert.kind not in _HOLDING:
            raise WrongUsage(f"alert {name} is neither an outage nor a flood, so it holds nobody back")
        operation, by = RuleHeld(settings, ledger, name, Ruling(ruling)), at_the_shell(because)
        list_decided(operation, by, done=_DONE[ruling], dry_run=dry_run, as_json=as_json)


_HOLDING = frozenset({AlertKind.OUTAGE, AlertKind.FLOOD})
_DONE = {"release": "released", "confirm": "suppressed"}


def alert_row(alert: Alert) -> Row:
    """Makes the row of an alert. `ends_at` moves on as long as the state is "raised"; null if no end is in sight."""
    return {
        "id": alert.id,
        "alert": alert.kind,
        "subject": words.subject(alert.subject),
        "about": SUBJECT.to_data(alert.subject),
        "state": "cleared" if alert.cleared else "raised",
        "since": alert.since,
        "raised_at": alert.raised_at,
        "ends_at": alert.ends_at,
        "count": alert.count,
        "alarm_from": alert.alarm_from,
        "usual": alert.usual,
        **explained(alert.grounds),
        "quote": alert.quote,
        "held": alert.held,
        "released": alert.released,
        "confirmed": alert.confirmed,
    }
