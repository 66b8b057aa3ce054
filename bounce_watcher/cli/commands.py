"""All commands, put together."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.framework.lazy import Entry, LazyGroup, lazy_group
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Invocation
from bounce_watcher.cli.framework.output import say

__all__ = ["Invocation", "commands", "run"]

PROGRAM = "bounce-watcher"

_PANELS: Mapping[str, str] = {
    "start": "Start here", "running": "Running it", "mail": "Looking at mail", "ledger": "The ledger",
    "history": "History", "admin": "Administration",
}
"""What the list of commands calls each package."""

# In the order of the list. A test holds each summary against the help of its command.
_ENTRIES = tuple(Entry(
    name, f"bounce_watcher.cli.{module}", _PANELS[module.partition(".")[0]], summary
) for name, module, summary in (
    ("demo", "start.demo",
     "Shows the main job on this machine, with nothing installed but this program, in some seconds."),
    ("init", "start.init",
     "Asks for a mailbox, tries the log-in, and writes a commented configuration with its secrets in private files."),
    ("check-config", "start.checking",
     "Reads the configuration file alone: every mistake at once, each with its line or key and the mend."),
    ("doctor", "start.doctor",
     "Connects to everything that the configuration names and reports on each, with the mend."),
    ("run", "running.run",
     "The service, in the foreground: watches all mailboxes and sends webhooks until it is stopped."),
    ("poll", "running.polling",
     "One pass over all mailboxes and over the webhooks that are due, then ends."),
    ("import", "running.importing",
     "Reads mail from files into the ledger, as if polled, in the order of its own dates."),
    ("import-sent", "running.reported",
     "Reads from CSV what the platform has sent: the proof that a bounce is ours, and what rates are shares of."),
    ("import-delivered", "running.reported",
     "Reads from CSV what was delivered: bounces before a delivery count no longer against its recipient."),
    ("classify", "mail.classify",
     "Says what messages are, who failed and why. Needs no configuration, changes nothing."),
    ("explain", "mail.explain",
     "Explains messages: who failed, in whose words, by which rule, how far it is proven, what would follow."),
    ("classify-reply", "mail.replies",
     "Says what an SMTP reply means: the reason, the bounce type, and the rule that says so."),
    ("suppressions", "ledger.suppressions",
     "Whom not to mail, and why; suppress or release by hand."),
    ("recipients", "ledger.recipients",
     "Where a recipient stands, and everything that led there."),
    ("events", "ledger.events",
     "What was reported, one event a recipient a report."),
    ("stats", "ledger.counting",
     "Counts the failures and complaints that arrived, by type unless told, in whole days of UTC."),
    ("top", "ledger.counting",
     "What most reports are of, each with its share and with how many there were in as many days before."),
    ("review", "ledger.reviewing",
     "What was not recognised, by its wording; a rule for it, tried on all that is stored."),
    ("alerts", "ledger.alerts",
     "Outages and floods, whose suppressions are held back, and trouble of your own: blocks, a silent mailbox."),
    ("outbox", "ledger.outbox",
     "What targets are told: due, delivered or dead; send it again, give it up, or try a target."),
    ("drift", "ledger.drift",
     "Reads the list that a platform keeps and shows who stands there and not here, or here and not there."),
    ("undo", "history.undoing",
     "Strikes out what was reported during an incident, releases what rested on it and tells the platform."),
    ("simulate", "history.simulating",
     "Replays the stored history under the policy of another configuration. Changes nothing."),
    ("reclassify", "history.reclassifying",
     "Reads stored messages and diagnostics by today's rules and corrects what reads otherwise."),
    ("forget", "history.forgetting",
     "Erases what is stored on an address; where it is suppressed, it stays so under a keyed hash."),
    ("token", "admin.token",
     "Signed return paths, which prove what a bounce is about."),
    ("sessions", "admin.sessions",
     "Browsers that are signed in to the dashboard: list them, and end them one by one or all at once."),
    ("db", "admin.database",
     "Make, upgrade and check the ledger's tables; clean its files."),
))

app = typer.Typer(
    name=PROGRAM,
    cls=LazyGroup,
    help="Watches bounce mailboxes over IMAP, says which recipient failed and why, keeps the score, and tells your "
    "sending platform whom to stop mailing.\n\nNew here? `bounce-watcher demo` shows it all on this machine; "
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
    """Taken in front of any command; typer shows the help given to `app`."""


def commands() -> LazyGroup:
    """The command line as a whole."""
    return lazy_group(app, _ENTRIES)


def run(arguments: Sequence[str], invocation: Invocation) -> int:
    """One command line. Returns the exit status; raises what the command raises, and the library's usage errors."""
    logs.configure("warning", "console")
    status = commands().main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=invocation)
    return status if isinstance(status, int) else 0
