"""All commands, put together."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.lazy import CommandEntry, LazyGroup, lazy_group
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Invocation
from bounce_watcher.cli.framework.output import say

__all__ = ["Invocation", "commands", "run"]

PROGRAM = "bounce-watcher"

_PANELS: Mapping[str, str] = {
    "start": "Start here", "running": "Running it", "mail": "Looking at mail", "ledger": "The ledger",
    "history": "History", "admin": "Administration",
}
"""The heading of each package in the list of commands."""

# In the order of the list. A test holds each summary against the help of its command.
_ENTRIES = tuple(CommandEntry(
    name, f"bounce_watcher.cli.{module}", _PANELS[module.partition(".")[0]], summary
) for name, module, summary in (
    ("demo", "start.demo",
     "Runs a local demo of the whole way from a bounce to a signed webhook, in a few seconds."),
    ("init", "start.init",
     "Writes a first configuration: asks for a mailbox, tries the log-in, keeps secrets in private files."),
    ("check-config", "start.checking",
     "Checks the configuration file alone: lists every mistake with its line or key and how to fix it."),
    ("doctor", "start.doctor",
     "Connects to everything in the configuration, and reports each problem with how to fix it."),
    ("run", "running.run",
     "Runs the service in the foreground: watches all mailboxes and sends webhooks until it is stopped."),
    ("poll", "running.polling",
     "Makes one pass over all mailboxes and all webhooks that are due, then ends."),
    ("import", "running.importing",
     "Reads mail from files into the ledger, as a poll would, in the order of the mail's own dates."),
    ("import-sent", "running.reported",
     "Reads sent mail from CSV. It proves that bounces are genuine, and is what rates are calculated from."),
    ("import-delivered", "running.reported",
     "Reads deliveries from CSV. Bounces before a delivery no longer count against its recipient."),
    ("classify", "mail.classify",
     "Classifies messages: who failed, and why. Needs no configuration and changes nothing."),
    ("explain", "mail.explain",
     "Explains a verdict: who failed, which words and which rule say so, how well it is proven, and what follows."),
    ("classify-reply", "mail.replies",
     "Classifies SMTP replies: the reason, the bounce type, and the rule that decides."),
    ("suppressions", "ledger.suppressions",
     "Lists suppressed recipients and the reasons; suppresses or releases by hand."),
    ("recipients", "ledger.recipients",
     "Shows a recipient's state and history; protects addresses and domains."),
    ("events", "ledger.events",
     "Lists reported bounces and complaints, one event per recipient of a report."),
    ("stats", "ledger.counting",
     "Counts failures and complaints, by type by default, in whole days (UTC)."),
    ("top", "ledger.counting",
     "Shows the most frequent providers, reasons or streams, with their share and their number in the period before."),
    ("review", "ledger.reviewing",
     "Shows unrecognised mail by wording; drafts a rule and tries it on stored mail."),
    ("alerts", "ledger.alerts",
     "Lists alerts: outages and floods, which hold suppressions back, blocks, a silent mailbox."),
    ("outbox", "ledger.outbox",
     "Shows what is sent to targets; retries or discards it; tests or pauses a target."),
    ("drift", "ledger.drift",
     "Compares a platform's own list with the ledger, and shows who is on only one of them."),
    ("undo", "history.undoing",
     "Discards reports from an incident, releases what rested on them, and notifies the platform."),
    ("simulate", "history.simulating",
     "Replays the stored history under the policy of another configuration. Changes nothing."),
    ("reclassify", "history.reclassifying",
     "Classifies stored messages and diagnostics by the current rules, and corrects what changed."),
    ("forget", "history.forgetting",
     "Erases what is stored about an address; a suppression stays in force under a keyed hash."),
    ("token", "admin.token",
     "Makes and reads signed return paths, which prove that a bounce is genuine."),
    ("sessions", "admin.sessions",
     "Lists and ends sessions in the dashboard."),
    ("db", "admin.database",
     "Creates, upgrades and checks the ledger's tables; cleans its files."),
))

app = typer.Typer(
    name=PROGRAM,
    cls=LazyGroup,
    help="Watches bounce mailboxes over IMAP, finds out which recipients failed and why, and tells your sending "
         "platform which addresses to stop mailing.\n\nNew here? `bounce-watcher demo` runs a local demo; "
         "`bounce-watcher COMMAND --help` explains a command.",
    epilog="Exit status: 0 done, 1 the work failed, 2 wrong usage or configuration.",
    rich_markup_mode="rich",
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        say(f"{PROGRAM} {_version()}")
        raise typer.Exit


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bounce-watcher")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "(not installed)"


@app.callback()
def options(
    config: ConfigFile = None,
    debug: Debug = False,
    show_version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before any command; typer shows the help given to `app`."""


def commands() -> LazyGroup:
    """The command line as a whole."""
    return lazy_group(app, _ENTRIES)


def run(arguments: Sequence[str], invocation: Invocation) -> int:
    """One command line. Returns the exit status; raises what the command raises, and the library's usage errors."""
    logs.configure("warning", "console")
    status = commands().main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=invocation)
    return status if isinstance(status, int) else 0
