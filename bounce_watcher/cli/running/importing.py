"""`import`: mail from files into the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.configuration import load_settings, stream_for
from bounce_watcher.cli.framework.options import ConfigFile, Debug, DryRun, IntoStream, example
from bounce_watcher.cli.framework.output import count, say
from bounce_watcher.cli.framework.sources import DEFAULT_MESSAGE_BYTES, MessageBytes, Paths, messages_in_order_of_time
from bounce_watcher.cli.framework.tables import progress
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.words import grounds as words

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.service.recording import PassTotals


def register(app: typer.Typer) -> None:
    app.command("import", epilog=example("import --dry-run old-bounces.mbox"))(
        import_files
    )


def import_files(
    paths: Paths,
    stream: IntoStream = None,
    dry_run: DryRun = False,
    max_message_bytes: MessageBytes = DEFAULT_MESSAGE_BYTES,
    trusted: Annotated[bool, typer.Option(
        "--trusted", metavar="", help="You trust this mail: nothing is held as a flood of unproven reports.",
    )] = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Reads mail from files into the ledger, as a poll would, in the order of the mail's own dates.

    Mail that the ledger already knows changes nothing, so an import can be repeated. The files are not changed.
    """
    from bounce_watcher.service.recording import import_messages

    settings = load_settings(config)
    if trusted:
        settings = replace(settings, policy=replace(settings.policy, flood=FloodSettings(enabled=False)))
    logs.configure("error", settings.log_format)
    into = stream_for(settings, stream)
    found = (replace(raw, stream=into) for raw in messages_in_order_of_time(paths, max_message_bytes))
    with progress("importing") as advance:
        report = import_messages(settings, found, dry_run=dry_run, progress=advance)
    say(_rehearsed(report) if dry_run else _told(report))
    for alert in () if dry_run else _floods(settings):
        held = count(alert.still_held, "suppression")
        say(f"{held} held: {words.because(alert.grounds)}; see alerts held {alert.id}, then alerts confirm {alert.id}")


def _floods(settings: Settings) -> list[Alert]:
    """Returns floods that currently hold recipients."""
    from bounce_watcher.service.opening import open_ledger

    with open_ledger(settings) as ledger:
        return [alert for alert in ledger.lists.alerts(under_way=True) if alert.kind is AlertKind.FLOOD]


def _rehearsed(report: PassTotals) -> str:
    return (
        f"would import {count(report.messages, 'message')} with {count(report.events, 'event')}; "
        f"{report.quarantined} could not be analysed; nothing was written"
    )


def _told(report: PassTotals) -> str:
    return (
        f"{count(report.messages, 'message')}, {count(report.events, 'new event')}, {report.suppressed} suppressed, "
        f"{report.released} released, {report.duplicates} known already, {report.quarantined} not analysed"
        + (f", {report.doubted} forged or mixed up" if report.doubted else "")
        + (f", {count(report.opt_outs, 'new opt-out')} (review show opt-outs)" if report.opt_outs else "")
    )
