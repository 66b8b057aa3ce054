"""`import`: mail from files into the ledger."""

from dataclasses import replace

import typer

from bounce_watcher.cli.configuration import load_settings, stream_for
from bounce_watcher.cli.options import ConfigFile, Debug, DryRun, IntoStream, example
from bounce_watcher.cli.output import count, say
from bounce_watcher.cli.sources import DEFAULT_MESSAGE_BYTES, MessageBytes, Paths, messages_in_order_of_time
from bounce_watcher.cli.tables import progress
from bounce_watcher.service import logs
from bounce_watcher.service.importing import ImportReport, import_messages


def register(app: typer.Typer) -> None:
    app.command("import", epilog=example("import --dry-run old-bounces.mbox"))(
        import_files
    )


def import_files(
    paths: Paths,
    stream: IntoStream = None,
    dry_run: DryRun = False,
    max_message_bytes: MessageBytes = DEFAULT_MESSAGE_BYTES,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Reads mail from files into the ledger, as if polled, in the order of its own dates.

    What the ledger knows already changes nothing, so an import may be repeated. The files stay as they are.
    """
    settings = load_settings(config)
    logs.configure("error", settings.log_format)
    into = stream_for(settings, stream)
    found = (replace(raw, stream=into) for raw in messages_in_order_of_time(paths, max_message_bytes))
    with progress("importing") as advance:
        report = import_messages(settings, found, dry_run=dry_run, progress=advance)
    say(_rehearsed(report) if dry_run else _told(report))


def _rehearsed(report: ImportReport) -> str:
    return (
        f"would import {count(report.messages, 'message')} with {count(report.events, 'event')}; "
        f"{report.quarantined} could not be analysed; nothing was written"
    )


def _told(report: ImportReport) -> str:
    return (
        f"{count(report.messages, 'message')}, {count(report.events, 'new event')}, {report.suppressed} suppressed, "
        f"{report.released} released, {report.duplicates} known already, {report.quarantined} not analysed"
        + (f", {report.doubted} forged or mixed up" if report.doubted else "")
        + (f", {count(report.opt_outs, 'new opt-out')} (review show opt-outs)" if report.opt_outs else "")
    )
