"""`poll`: one pass of what the service does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.configuration import load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.framework.output import clean, complain, count, json_line, say
from bounce_watcher.cli.framework.tables import progress
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.service.delivering import DispatchReport
from bounce_watcher.service.polling import PassReport, PollReport, poll_once
from bounce_watcher.words.obstacles import told
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.service.delivering import DispatchReport
    from bounce_watcher.service.polling import PassReport, PollReport


def register(app: typer.Typer) -> None:
    app.command(epilog=example("poll -c config.toml"))(poll)


def poll(
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", metavar="", help="Log every step to stderr.")] = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Makes one pass over all mailboxes and all webhooks that are due, then ends.

    Prints one line per mailbox, webhook and platform. Exit status 1 if a mailbox could not be read completely or its
    mail could not be filed. What a target did not accept stays in the outbox.
    """

    settings = load_settings(config)
    logs.configure(settings.log_level if verbose else "error", settings.log_format)
    with progress("polling", shown=not verbose) as advance:
        report = poll_once(settings, lambda totals: advance(totals.messages))
    _tell(report, {target.name: target.about for target in settings.receivers}, as_json)
    for each in report.passes:
        for trouble in filter(None, (each.failure, _obstacle(each))):
            complain(trouble)
    if not report.ok:
        raise typer.Exit(1)


def _tell(report: PollReport, targets: Mapping[str, About], as_json: bool) -> None:
    for each in report.passes:
        say(json_line(_mailbox_row(each)) if as_json else _told(each))
    for delivery in report.deliveries:
        about = targets[delivery.target]
        say(json_line(_target_row(delivery, about)) if as_json else _sent(delivery, about))


def _mailbox_row(each: PassReport) -> Row:
    totals = each.totals
    return {
        "mailbox": each.mailbox, "messages": totals.messages, "events": totals.events, "suppressed": totals.suppressed,
        "released": totals.released, "duplicates": totals.duplicates, "quarantined": totals.quarantined,
        "doubted": totals.doubted, "opt_outs": totals.opt_outs, "failure": each.failure,
        "obstacle": _obstacle(each),
    }


def _obstacle(each: PassReport) -> str | None:
    return told(About(AboutKind.MAILBOX, each.mailbox), each.obstacles) if each.obstacles else None


def _target_row(each: DispatchReport, about: About) -> Row:
    """Makes the row of a target, with its name under "webhook" or "platform"."""
    return {
        about.kind: each.target, "delivered": each.delivered, "retried": each.retried, "dead": each.dead,
        "disabled": each.disabled,
    }


def _told(each: PassReport) -> str:
    totals = each.totals
    doubted = f", {totals.doubted} forged or mixed up" if totals.doubted else ""
    doubted += f", {count(totals.opt_outs, 'new opt-out')} (review show opt-outs)" if totals.opt_outs else ""
    left = "; interrupted" if each.failure else ""
    return (
        f"mailbox {clean(each.mailbox)}: {count(totals.messages, 'message')}, {count(totals.events, 'new event')}, "
        f"{totals.suppressed} suppressed, {totals.released} released, {totals.duplicates} known already, "
        f"{totals.quarantined} quarantined{doubted}{left}"
    )


def _sent(each: DispatchReport, about: About) -> str:
    told = f"{about}: {each.delivered} delivered, {each.retried} to be tried again, {each.dead} dead"
    if not each.disabled:
        return told
    return f"{told}; it answered 410 Gone and gets nothing until: bounce-watcher outbox retry --target {each.target}"
