"""All commands, put together. The module of a command is imported when the command is called, not when it is listed.

What one command needs (SQLAlchemy, an IMAP server, HTTP) takes longer to import than all the work of another one.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bounce_watcher import logs
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Invocation
from bounce_watcher.cli.framework.output import say

PROGRAM = "bounce-watcher"

_PANELS: Mapping[str, str] = {
    "start": "Start here", "running": "Running it", "mail": "Looking at mail", "ledger": "The ledger",
    "history": "History", "admin": "Administration",
}
"""The heading of each package or module below `cli/` in the list of commands."""

# In the order of the list. A test holds each summary against the help of its command.
_COMMANDS = {name: (module, summary) for name, module, summary in (
    ("demo", "start.demo",
     "Runs a local demo of the whole way from a bounce to a signed webhook, in a few seconds."),
    ("init", "start.init",
     "Writes a first configuration: asks for a mailbox, tries the log-in, keeps secrets in private files."),
    ("check-config", "start.checking",
     "Checks the configuration file alone: lists every mistake with its line or key and how to fix it."),
    ("doctor", "start.checking",
     "Connects to everything in the configuration, and reports each problem with how to fix it."),
    ("run", "running",
     "Runs the service in the foreground: watches all mailboxes and sends webhooks until it is stopped."),
    ("poll", "running",
     "Makes one pass over all mailboxes and all webhooks that are due, then ends."),
    ("import", "running",
     "Reads mail from files into the ledger, as a poll would, in the order of the mail's own dates."),
    ("import-sent", "running",
     "Reads sent mail from CSV. It proves that bounces are genuine, and is what rates are calculated from."),
    ("import-delivered", "running",
     "Reads deliveries from CSV. Bounces before a delivery no longer count against its recipient."),
    ("classify", "mail.classify",
     "Classifies messages: who failed, and why. Needs no configuration and changes nothing."),
    ("explain", "mail.explain",
     "Explains a verdict: who failed, which words and which rule say so, how well it is proven, and what follows."),
    ("classify-reply", "mail.classify",
     "Classifies SMTP replies: the reason, the bounce type, and the rule that decides."),
    ("suppressions", "ledger.suppressions",
     "Lists suppressed recipients and the reasons; suppresses or releases by hand."),
    ("recipients", "ledger.recipients",
     "Shows a recipient's state and history; protects addresses and domains."),
    ("events", "ledger.events",
     "Lists reported bounces and complaints, one event per recipient of a report."),
    ("stats", "ledger.events",
     "Counts failures and complaints, by type by default, in whole days (UTC)."),
    ("top", "ledger.events",
     "Shows the most frequent providers, reasons or streams, with their share and their number in the period before."),
    ("review", "ledger.reviewing",
     "Shows unrecognised mail by wording; drafts a rule and tries it on stored mail."),
    ("alerts", "ledger.alerts",
     "Lists alerts: outages and floods, which hold suppressions back, blocks, a silent mailbox."),
    ("outbox", "ledger.outbox",
     "Shows what is sent to targets; retries or discards it; tests or pauses a target."),
    ("drift", "ledger.drift",
     "Compares a platform's own list with the ledger, and shows who is on only one of them."),
    ("undo", "history",
     "Discards reports from an incident, releases what rested on them, and notifies the platform."),
    ("simulate", "history",
     "Replays the stored history under the policy of another configuration. Changes nothing."),
    ("reclassify", "history",
     "Classifies stored messages and diagnostics by the current rules, and corrects what changed."),
    ("forget", "history",
     "Erases what is stored about an address; a suppression stays in force under a keyed hash."),
    ("token", "admin",
     "Makes and reads signed return paths, which prove that a bounce is genuine."),
    ("sessions", "admin",
     "Lists and ends sessions in the dashboard."),
    ("db", "admin",
     "Creates, upgrades and checks the ledger's tables; copies it; cleans its files."),
)}
"""By name: the module whose Typer `app` has the command, and the first paragraph of the command's own help."""


class LazyGroup(TyperGroup):
    """Lists all commands. The command that is called replaces its entry."""

    def load(self, name: str) -> Any:
        """Imports and returns the command. Raises KeyError for an unknown name."""
        module = import_module(f"bounce_watcher.cli.{_COMMANDS[name][0]}")
        return self._finished(typer.main.get_group(module.app).commands[name])

    def _finished(self, command: Any) -> Any:
        """Adds --debug, and puts the help into whole paragraphs: typer keeps the line breaks of a docstring."""
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n"))
        command.short_help = command.help.partition("\n\n")[0]  # otherwise shells would show only a part of it
        if isinstance(command, TyperGroup):
            for each in command.commands.values():
                self._finished(each)
        else:
            command.params.append(next(each for each in self.params if each.name == "debug"))
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolves the command. The parser and shell completion use it."""
        name, promised, rest = super().resolve_command(ctx, args)
        return name, promised if name is None else self.load(name), rest


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
    from importlib.metadata import PackageNotFoundError, version

    if not value:
        return
    try:
        installed = version(PROGRAM)
    except PackageNotFoundError:  # run from a source tree that is not installed
        installed = "(not installed)"
    say(f"{PROGRAM} {installed}")
    raise typer.Exit


@app.callback()
def options(
    config: ConfigFile = None, debug: Debug = False,
    show_version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before any command; typer shows the help given to `app`."""


def commands() -> LazyGroup:
    """The command line as a whole."""
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)
    for name, (module, summary) in _COMMANDS.items():
        panel = _PANELS[module.partition(".")[0]]
        group.commands[name] = TyperCommand(name, help=summary, short_help=summary, rich_help_panel=panel)
    return group


def run(arguments: Sequence[str], invocation: Invocation) -> int:
    """One command line. Returns the exit status; raises what the command raises, and the library's usage errors."""
    logs.configure("warning", "console")
    status = commands().main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=invocation)
    return status if isinstance(status, int) else 0
