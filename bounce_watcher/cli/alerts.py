"""`alerts`: outages of receivers, and trouble of our own."""

from typing import Annotated

import typer

from bounce_watcher.cli.ledgers import ledger_of
from bounce_watcher.cli.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.tables import listing
from bounce_watcher.model.ledger import Alert
from bounce_watcher.model.rows import Row

commands = typer.Typer(help="Outages of receivers, whose bounces are held back, and blocks that are your own trouble.")

_COLUMNS = ("id", "since", "ends_at", "state", "alert", "held", "released", "confirmed", "because")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="alerts")


@commands.command("list", epilog=example("alerts list --under-way"))
def list_alerts(
    under_way: Annotated[
        bool, typer.Option("--under-way", metavar="", help="Only those that are not cleared.")
    ] = False,
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Lists alerts with their figures, the newest first."""
    with ledger_of(config) as (_, ledger):
        listing(map(alert_row, ledger.alerts(under_way=under_way)), _COLUMNS, as_json=as_json)


def alert_row(alert: Alert) -> Row:
    """`ends_at` moves on as long as the state is "raised"; null where no end is in sight."""
    return {
        "id": alert.id,
        "alert": alert.kind,
        "subject": alert.subject,
        "state": "cleared" if alert.cleared else "raised",
        "since": alert.since,
        "raised_at": alert.raised_at,
        "ends_at": alert.ends_at,
        "count": alert.count,
        "alarm_from": alert.alarm_from,
        "usual": alert.usual,
        "because": alert.because,
        "quote": alert.quote,
        "held": alert.held,
        "released": alert.released,
        "confirmed": alert.confirmed,
    }
