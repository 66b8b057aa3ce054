"""All commands, put together."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bounce_watcher import logs
from bounce_watcher.cli.lazy import Entry, LazyGroup, lazy_group
from bounce_watcher.cli.options import ConfigFile, Debug, Invocation
from bounce_watcher.cli.output import say

__all__ = ["Invocation", "commands", "run"]

PROGRAM = "bounce-watcher"

_START, _RUN, _LOOK, _LEDGER, _HISTORY, _ADMIN = (
    "Start here", "Running it", "Looking at mail", "The ledger", "History", "Administration",
)

# In the order of the list. A test holds each summary against the help of its command.
_ENTRIES = tuple(Entry(name, f"bounce_watcher.cli.{module}", panel, summary) for name, module, panel, summary in (
    ("demo", "demo", _START,
     "Shows the main job on this machine, with nothing installed but this program, in some seconds."),
    ("init", "init", _START, "Asks for a mailbox, tries the log-in, and writes a commented configuration with its "
     "secrets in private files."),
    ("check-config", "checking", _START,
     "Reads the configuration file alone: every mistake at once, each with its line or key and the mend."),
    ("doctor", "doctor", _START,
     "Connects to everything that the configuration names and reports on each, with the mend."),
    ("run", "running", _RUN,
     "The service, in the foreground: watches all mailboxes and sends webhooks until it is stopped."),
    ("poll", "polling", _RUN, "One pass over all mailboxes and over the webhooks that are due, then ends."),
    ("import", "importing", _RUN,
     "Reads mail from files into the ledger, as if polled, in the order of its own dates."),
    ("import-sent", "reported", _RUN,
     "Reads from CSV what the platform has sent: the proof that a bounce is ours, and what rates are shares of."),
    ("import-delivered", "reported", _RUN,
     "Reads from CSV what was delivered: bounces before a delivery count no longer against its recipient."),
    ("classify", "classify", _LOOK,
     "Says what messages are, who failed and why. Needs no configuration, changes nothing."),
    ("explain", "explain", _LOOK,
     "Explains messages: who failed, in whose words, by which rule, how far it is proven, what would follow."),
    ("classify-reply", "replies", _LOOK,
     "Says what an SMTP reply means: the reason, the bounce type, and the rule that says so."),
    ("suppressions", "suppressions", _LEDGER, "Whom not to mail, and why; suppress or release by hand."),
    ("recipients", "recipients", _LEDGER, "Where a recipient stands, and everything that led there."),
    ("events", "events", _LEDGER, "What was reported, one event a recipient a report."),
    ("stats", "counting", _LEDGER,
     "Counts the failures and complaints that arrived, by type unless told, in whole days of UTC."),
    ("top", "counting", _LEDGER,
     "What most reports are of, each with its share and with how many there were in as many days before."),
    ("review", "reviewing", _LEDGER,
     "What was not recognised, by its wording; a rule for it, tried on all that is stored."),
    ("alerts", "alerts", _LEDGER,
     "Outages and floods, whose suppressions are held back, and trouble of your own: blocks, a silent mailbox."),
    ("outbox", "outbox", _LEDGER,
     "What targets are told: due, delivered or dead; send it again, give it up, or try a target."),
    ("drift", "drift", _LEDGER,
     "Reads the list that a platform keeps and shows who stands there and not here, or here and not there."),
    ("undo", "undoing", _HISTORY,
     "Strikes out what was reported during an incident, releases what rested on it and tells the platform."),
    ("simulate", "simulating", _HISTORY,
     "Replays the stored history under the policy of another configuration. Changes nothing."),
    ("reclassify", "reclassifying", _HISTORY,
     "Reads stored messages and diagnostics by today's rules and corrects what reads otherwise."),
    ("forget", "forgetting", _HISTORY,
     "Erases what is stored on an address; where it is suppressed, it stays so under a keyed hash."),
    ("token", "token", _ADMIN, "Signed return paths, which prove what a bounce is about."),
    ("sessions", "sessions", _ADMIN,
     "Browsers that are signed in to the dashboard: list them, and end them one by one or all at once."),
    ("db", "database", _ADMIN, "Make, upgrade and check the ledger's tables; clean its files."),
))  # fmt: skip

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
