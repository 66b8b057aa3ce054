"""`run` and `poll`: the service, and one pass of it."""

from typing import Annotated

import typer

from bounce_watcher.cli.options import ConfigFile, Debug, config_path, example, load_settings
from bounce_watcher.cli.output import complain, count, say
from bounce_watcher.service import app as service
from bounce_watcher.service import logs
from bounce_watcher.service.deliver import DeliveryReport
from bounce_watcher.service.poll import PassReport, poll_once

PANEL = "Running it"


def register(app: typer.Typer) -> None:
    app.command(epilog=example("run -c /etc/bounce-watcher/config.toml"), rich_help_panel=PANEL)(run)
    app.command(epilog=example("poll -c config.toml"), rich_help_panel=PANEL)(poll)


def run(config: ConfigFile = None, debug: Debug = False) -> None:
    """The service, in the foreground: watches all mailboxes and sends webhooks until it is stopped.

    SIGTERM and Ctrl-C finish the page in hand and stop. SIGHUP reads the configuration again and keeps the old one if
    the new one is bad. Logs go to stderr.
    """
    raise typer.Exit(service.run(config_path(config)))


def poll(
    config: ConfigFile = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", metavar="", help="Log every step to stderr.")] = False,
    debug: Debug = False,
) -> None:
    """One pass over all mailboxes and over the webhooks that are due, then ends.

    Exit status 1 if a mailbox could not be read to its end. A webhook that was not taken stays in the outbox.
    """
    settings = load_settings(config)
    logs.configure(settings.log_level if verbose else "error", settings.log_format)
    report = poll_once(settings)
    for each in report.passes:
        say(_told(each))
    for delivery in report.deliveries:
        say(_sent(delivery))
    for each in report.passes:
        if each.failure is not None:
            complain(each.failure)
    if not report.ok:
        raise typer.Exit(1)


def _told(each: PassReport) -> str:
    tally = each.tally
    left = "; broken off" if each.failure else ""
    return (
        f"mailbox {each.mailbox}: {count(tally.messages, 'message')}, {count(tally.events, 'new event')}, "
        f"{tally.suppressed} suppressed, {tally.released} released, {tally.duplicates} known already, "
        f"{tally.quarantined} quarantined{left}"
    )


def _sent(each: DeliveryReport) -> str:
    return f"webhook {each.target}: {each.delivered} delivered, {each.retried} to be tried again, {each.dead} dead"
