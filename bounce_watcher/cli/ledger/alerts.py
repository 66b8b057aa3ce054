"""`alerts`: outages, floods of unproven reports, and our own troubles; decisions on many recipients."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.opening import alert_named, at_the_shell, ledger_of
from bounce_watcher.cli.framework.options import ConfigFile, DryRun, Json, example, flag, option
from bounce_watcher.cli.framework.output import WrongUsage, count, listing, progress, say
from bounce_watcher.model.grounds_json import SUBJECT
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.policy.rulings import Ruling, SkipReason
from bounce_watcher.words import grounds as words
from bounce_watcher.words.rows import Row, explained

if TYPE_CHECKING:
    from bounce_watcher.ledger.suppressions.rulings import Ruled
    from bounce_watcher.model.ledger import Actor
    from bounce_watcher.service.operations.bulk import RulingOperation

app = typer.Typer()
commands = typer.Typer(help="Lists alerts: outages and floods, which hold suppressions back, blocks, a silent mailbox.")
app.add_typer(commands, name="alerts")

_COLUMNS = ("id", "since", "ends_at", "state", "alert", "held", "released", "confirmed", "because")
_HELD = ("recipient", "stream", "reason", "since", "because")
_DECIDED = ("recipient", "stream", "reason", "was", "state", "left", "because")

AlertId = Annotated[str, typer.Argument(metavar="ID", help="Id of an outage or a flood: see alerts list.")]
Because = Annotated[str, option("TEXT", "The reason; kept in the log.", "--because")]


@commands.command("list", epilog=example("alerts list --under-way"))
def list_alerts(
    under_way: Annotated[bool, flag("Only alerts that are not cleared.", "--under-way")] = False,
    as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Lists alerts with their figures, newest first."""
    with ledger_of(config, to_look=True) as (_, ledger):
        listing(map(_row, ledger.lists.alerts(under_way=under_way)), _COLUMNS, as_json=as_json)


@commands.command("held", epilog=example("alerts held 3f2a90c1d4e5b678"))
def list_held(alert: AlertId, as_json: Json = False, config: ConfigFile = None) -> None:
    """Lists the addresses that an outage or a flood currently holds back, sorted by address."""
    with ledger_of(config) as (_, ledger):
        rows = ({
            "recipient": each.recipient, "stream": each.stream, "reason": each.reason, "since": each.since,
            **explained(each.grounds),
        } for each in ledger.browsing.incidents.all_held(alert_named(ledger, alert).id))
        listing(rows, _HELD, as_json=as_json)


@commands.command(epilog=example('alerts release 3f2a90c1d4e5b678 --because "they lost their directory" --dry-run'))
def release(
    alert: AlertId, because: Because, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Releases everything that an outage or a flood holds back. Nobody was notified of it, so nobody is notified now.

    Earlier reports about these recipients no longer count. New reports are held again for as long as the alert lasts.
    """
    _rule(alert, Ruling.RELEASE, because, dry_run=dry_run, as_json=as_json, config=config)


@commands.command(epilog=example('alerts confirm 3f2a90c1d4e5b678 --because "an old list" --dry-run'))
def confirm(
    alert: AlertId, because: Because, dry_run: DryRun = False, as_json: Json = False, config: ConfigFile = None,
) -> None:
    """Suppresses everything that an outage or a flood holds back, and notifies the platform.

    This is your decision: neither the end of the outage nor an undo reverses it, only `suppressions release`. For a
    flood it also means that this number is normal, so look through the list first (alerts held ID).
    """
    _rule(alert, Ruling.CONFIRM, because, dry_run=dry_run, as_json=as_json, config=config)


def _rule(name: str, ruling: Ruling, because: str, *, dry_run: bool, as_json: bool, config: ConfigFile) -> None:
    from bounce_watcher.service.operations.bulk import RuleHeld

    with ledger_of(config) as (settings, ledger):
        if alert_named(ledger, name).kind not in (AlertKind.OUTAGE, AlertKind.FLOOD):
            raise WrongUsage(f"alert {name} is neither an outage nor a flood, so it holds nobody back")
        done = "released" if ruling is Ruling.RELEASE else "suppressed"
        operation, by = RuleHeld(settings, ledger, name, ruling), at_the_shell(because)
        list_decided(operation, by, done=done, dry_run=dry_run, as_json=as_json)


def _row(alert: Alert) -> Row:
    """Makes the row of an alert. `ends_at` moves on as long as the state is "raised"; null if no end is in sight."""
    return {
        "id": alert.id, "alert": alert.kind, "subject": words.subject(alert.subject),
        "about": SUBJECT.to_data(alert.subject), "state": "cleared" if alert.cleared else "raised",
        "since": alert.since, "raised_at": alert.raised_at, "ends_at": alert.ends_at,
        "count": alert.count, "alarm_from": alert.alarm_from, "usual": alert.usual,
        **explained(alert.grounds), "quote": alert.quote,
        "held": alert.held, "released": alert.released, "confirmed": alert.confirmed,
    }


def list_decided(operation: RulingOperation, by: Actor, *, done: str, dry_run: bool, as_json: bool) -> None:
    """Lists the result for each recipient as it is done, and sums up. `done` is the participle of the action."""
    outcomes = operation.rehearse(by) if dry_run else operation.carry_out(by)
    changed, left = 0, Counter[SkipReason]()

    def row(each: Ruled) -> Row:
        nonlocal changed
        changed += each.left is None
        if each.left:
            left[each.left] += 1
        advance(1)
        return {
            "recipient": each.recipient, "stream": each.stream, "reason": each.reason, "was": each.was,
            "state": each.state, "left": each.left, **explained(each.grounds),
        }

    with progress("deciding", "recipients", shown=not sys.stdout.isatty()) as advance:
        listing(map(row, outcomes), _DECIDED, as_json=as_json)
    if as_json:
        return
    told = ", ".join(f"{number} skipped: {why.value}" for why, number in left.items())
    say(f"{f'would be {done}' if dry_run else done}: {count(changed, 'suppression')}" + (f"; {told}" if told else ""))
