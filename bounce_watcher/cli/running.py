"""Runs the service, one pass over the mailboxes, or an import of files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.files import DEFAULT_MESSAGE_BYTES, CsvFiles, MessageBytes, Paths, messages
from bounce_watcher.cli.framework.opening import config_path, load_settings, stream_for
from bounce_watcher.cli.framework.options import ConfigFile, DryRun, IntoStream, Json, example, flag, option
from bounce_watcher.cli.framework.output import clean, complain, count, json_line, progress, say
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.faults import FilingBlocked
from bounce_watcher.model.ledger import AlertKind
from bounce_watcher.model.sending import DeliveredOutcome, SentOutcome
from bounce_watcher.policy.guards.limits import FloodSettings
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words import grounds as words
from bounce_watcher.words.faults import describe
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.ledger.store import Ledger
    from bounce_watcher.service.delivering import DispatchReport
    from bounce_watcher.service.polling import PassReport
    from bounce_watcher.service.state import ServiceState

app = typer.Typer()


@app.command(epilog=example("run -c /etc/bounce-watcher/config.toml"))
def run(config: ConfigFile = None) -> None:
    """Runs the service in the foreground: watches all mailboxes and sends webhooks until it is stopped.

    SIGTERM and Ctrl-C finish the current page and stop. SIGHUP reloads the configuration, and keeps the old one if the
    new one is invalid. Logs go to stderr.
    """
    from bounce_watcher.service import app as service

    raise typer.Exit(service.run(config_path(config), _listener))


def _listener(
    settings: Settings, ledger: Ledger, stuck: Callable[[], list[str]], state: Callable[[], ServiceState]
) -> AbstractContextManager[None]:
    """Opens the HTTP server, if one is configured."""
    if settings.web is None:
        return nullcontext()
    from bounce_watcher.web.server import serving

    return serving(settings, ledger, stuck, state)


@app.command(epilog=example("poll -c config.toml"))
def poll(
    as_json: Json = False,
    verbose: Annotated[bool, flag("Log every step to stderr.", "--verbose", "-v")] = False,
    config: ConfigFile = None,
) -> None:
    """Makes one pass over all mailboxes and all webhooks that are due, then ends.

    Prints one line per mailbox, webhook and platform. Exit status 1 if a mailbox could not be read completely or its
    mail could not be filed. What a target did not accept stays in the outbox.
    """
    from bounce_watcher.service.polling import poll_once

    settings = load_settings(config)
    logs.configure(settings.log_level if verbose else "error", settings.log_format)
    with progress("polling", shown=not verbose) as advance:
        report = poll_once(settings, lambda totals: advance(totals.messages))
    for each in report.passes:
        say(json_line(_mailbox_row(each)) if as_json else _passed(each))
    targets = {target.name: target.about for target in settings.receivers}
    for delivery in report.deliveries:
        about = targets[delivery.target]
        say(json_line(_target_row(delivery, about)) if as_json else _sent(delivery, about))
    for each in report.passes:
        for trouble in filter(None, (_failure(each), _obstacle(each))):
            complain(trouble)
    if not report.ok:
        raise typer.Exit(1)


def _mailbox_row(each: PassReport) -> Row:
    totals = each.totals
    return {
        "mailbox": each.mailbox, "messages": totals.messages, "events": totals.events, "suppressed": totals.suppressed,
        "released": totals.released, "duplicates": totals.duplicates, "quarantined": totals.quarantined,
        "doubted": totals.doubted, "opt_outs": totals.opt_outs, "failure": _failure(each), "obstacle": _obstacle(each),
    }


def _failure(each: PassReport) -> str | None:
    return describe(each.failure) if each.failure else None


def _obstacle(each: PassReport) -> str | None:
    return describe(FilingBlocked(About(AboutKind.MAILBOX, each.mailbox), each.obstacles)) if each.obstacles else None


def _target_row(each: DispatchReport, about: About) -> Row:
    """Makes the row of a target, with its name under "webhook" or "platform"."""
    return {
        about.kind: each.target, "delivered": each.delivered, "retried": each.retried, "dead": each.dead,
        "disabled": each.disabled,
    }


def _passed(each: PassReport) -> str:
    totals = each.totals
    return (
        f"mailbox {clean(each.mailbox)}: {count(totals.messages, 'message')}, {count(totals.events, 'new event')}, "
        f"{totals.suppressed} suppressed, {totals.released} released, {totals.duplicates} known already, "
        f"{totals.quarantined} quarantined{_also(totals.doubted, totals.opt_outs)}"
        + ("; interrupted" if each.failure else "")
    )


def _also(doubted: int, opt_outs: int) -> str:
    """Says how many reports were in doubt and how many opt-outs came, if there were any."""
    told = f", {doubted} forged or mixed up" if doubted else ""
    return told + (f", {count(opt_outs, 'new opt-out')} (review show opt-outs)" if opt_outs else "")


def _sent(each: DispatchReport, about: About) -> str:
    told = f"{about}: {each.delivered} delivered, {each.retried} to be tried again, {each.dead} dead"
    if not each.disabled:
        return told
    return f"{told}; it answered 410 Gone and gets nothing until: bounce-watcher outbox retry --target {each.target}"


@app.command("import", epilog=example("import --dry-run old-bounces.mbox"))
def import_files(
    paths: Paths, stream: IntoStream = None, dry_run: DryRun = False,
    max_message_bytes: MessageBytes = DEFAULT_MESSAGE_BYTES,
    trusted: Annotated[bool, flag(
        "You trust this mail: nothing is held as a flood of unproven reports.", "--trusted")] = False,
    config: ConfigFile = None,
) -> None:
    """Reads mail from files into the ledger, as a poll would, in the order of the mail's own dates.

    Mail that the ledger already knows changes nothing, so an import can be repeated. The files are not changed.
    """
    from bounce_watcher.service.opening import open_ledger
    from bounce_watcher.service.recording import import_messages

    settings = load_settings(config)
    if trusted:
        settings = replace(settings, policy=replace(settings.policy, flood=FloodSettings(enabled=False)))
    logs.configure("error", settings.log_format)
    into = stream_for(settings, stream)
    found = (replace(raw, stream=into) for raw in messages(paths, max_message_bytes, by_time=True))
    with progress("importing") as advance:
        report = import_messages(settings, found, dry_run=dry_run, progress=advance)
    if dry_run:
        say(f"would import {count(report.messages, 'message')} with {count(report.events, 'event')}; "
            f"{report.quarantined} could not be analysed; nothing was written")
        return
    say(f"{count(report.messages, 'message')}, {count(report.events, 'new event')}, {report.suppressed} suppressed, "
        f"{report.released} released, {report.duplicates} known already, {report.quarantined} not analysed"
        f"{_also(report.doubted, report.opt_outs)}")
    with open_ledger(settings) as ledger:
        floods = [alert for alert in ledger.lists.alerts(under_way=True) if alert.kind is AlertKind.FLOOD]
    for alert in floods:
        held = count(alert.still_held, "suppression")
        say(f"{held} held: {words.because(alert.grounds)}; see alerts held {alert.id}, then alerts confirm {alert.id}")


# ── what the platform knows of its own mail, as CSV ─────────────────────────────────────────────────────────────────

Files = Annotated[
    list[str], typer.Argument(metavar="CSV", show_default=False, help="A CSV file, or - for standard input.")
]
OfStream = Annotated[str | None, option(
    "STREAM", "Stream of rows that name none. Required for them if the mailboxes have several.", "--stream")]

_MAILS = frozenset({"message_id", "recipient"})
_COUNTS = frozenset({"day", "domain", "count"})
_DELIVERIES = frozenset({"recipient"})


@app.command("import-sent", epilog=example("import-sent --dry-run sent.csv"))
def import_sent(files: Files, stream: OfStream = None, dry_run: DryRun = False, config: ConfigFile = None) -> None:
    """Reads sent mail from CSV. It proves that bounces are genuine, and is what rates are calculated from.

    The first line names the columns. Either one mail per line: message_id, recipient, and optionally stream, campaign
    and at (ISO 8601; default now). Or counts: day, domain, count, and optionally stream and campaign. Known lines
    change nothing, so an import can be repeated. A bad line is reported and skipped; the exit status is then 1.
    """
    from bounce_watcher.service.opening import open_ledger
    from bounce_watcher.service.operations.reported import RowOptions, take_sent, usual_stream

    settings = load_settings(config)
    total, csv = SentOutcome(), CsvFiles(files)
    with nullcontext() if dry_run else open_ledger(settings) as ledger, progress("importing") as advance:
        for rows in csv.rows(_MAILS, _COUNTS):
            reading = RowOptions(stream or usual_stream(settings), utcnow())
            total += take_sent(settings, ledger, rows, reading, csv.refuse, advance)
    if dry_run:
        say(f"would import {count(total.new, 'mail')} and {count(total.counts, 'figure')}{csv.left_out}; "
            "nothing was written")
    else:
        proven = f", {count(total.proven, 'bounce')} on record proven by it" if total.proven else ""
        say(f"{count(total.new, 'new mail')}, {total.known} known already, {count(total.counts, 'figure')}"
            f"{proven}{csv.left_out}")
    if csv.bad:
        raise typer.Exit(1)


@app.command("import-delivered", epilog=example("import-delivered delivered.csv"))
def import_delivered(files: Files, stream: OfStream = None, dry_run: DryRun = False, config: ConfigFile = None) -> None:
    """Reads deliveries from CSV. Bounces before a delivery no longer count against its recipient.

    The first line names the columns: recipient, and optionally stream and at (ISO 8601; default now). Unless a bounce
    follows within 12 hours, the recipient's counter is reset and a suppression for soft bounces ends; one for a hard
    reason stays. A bad line is reported and skipped; the exit status is then 1.
    """
    from bounce_watcher.service.opening import open_ledger
    from bounce_watcher.service.operations.reported import RowOptions, take_deliveries, usual_stream

    settings = load_settings(config)
    taken, total, csv = 0, DeliveredOutcome(), CsvFiles(files)
    with nullcontext() if dry_run else open_ledger(settings) as ledger, progress("importing") as advance:
        for rows in csv.rows(_DELIVERIES):
            reading = RowOptions(stream or usual_stream(settings), utcnow())
            more, outcome = take_deliveries(settings, ledger, rows, reading, csv.refuse, advance)
            taken, total = taken + more, total + outcome
    deliveries = "1 delivery" if taken == 1 else f"{taken} deliveries"
    if dry_run:
        say(f"would enter {deliveries}{csv.left_out}; nothing was written")
    else:
        say(f"{deliveries}: {count(total.reset, 'recipient')} with bounces had mail since, {total.released} "
            f"released{csv.left_out}")
    if csv.bad:
        raise typer.Exit(1)
