"""All commands, put together."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from bounce_watcher.cli import (
    checking,
    classify,
    database,
    demo,
    events,
    explain,
    importing,
    outbox,
    recipients,
    replies,
    running,
    suppressions,
    token,
)
from bounce_watcher.cli.options import ConfigFile, Debug, Invocation
from bounce_watcher.cli.output import say
from bounce_watcher.service import logs

__all__ = ["Invocation", "app", "run"]

PROGRAM = "bounce-watcher"

app = typer.Typer(
    name=PROGRAM,
    help="Watches bounce mailboxes over IMAP, says which recipient failed and why, keeps the score, and tells your "
    "sending platform whom to stop mailing.\n\nNew here? `bounce-watcher demo` shows it all on this machine; "
    "`bounce-watcher COMMAND --help` explains a command.",
    epilog="Exit status: 0 done, 1 the work failed, 2 wrong usage or configuration.",
    rich_markup_mode="rich",
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    demo, checking, running, importing, classify, explain, replies, suppressions, recipients, events, outbox, token,
    database,
):
    group.register(app)


def _print_version(value: bool) -> None:
    if value:
        say(f"{PROGRAM} {_version()}")
        raise typer.Exit


def _version() -> str:
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


def run(arguments: Sequence[str], invocation: Invocation) -> int:
    """One command line. Returns the exit status; raises what the command raises, and the library's usage errors."""
    logs.configure("warning", "console")
    command = typer.main.get_command(app)
    status = command.main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=invocation)
    return status if isinstance(status, int) else 0
