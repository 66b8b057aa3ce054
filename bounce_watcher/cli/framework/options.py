"""Options and arguments that several commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.model.address import MailAddress, parse_entry
from bounce_watcher.model.ledger import COMPLAINT_REASON
from bounce_watcher.model.verdict import Reason

DEFAULT_CONFIG = Path("/etc/bounce-watcher/config.toml")
CONFIG_VARIABLE = "BOUNCE_WATCHER_CONFIG"


@dataclass(slots=True)
class Invocation:
    """One run of the program. The commands' callbacks write it, `main` reads it if something goes wrong."""

    debug: bool = False


def _chosen(ctx: typer.Context, value: Path | None) -> Path | None:
    """Prefers a -c after the command to one before it."""
    before: Path | None = ctx.find_root().params.get("config")
    return value or before


def _remember_debug(ctx: typer.Context, value: bool) -> bool:
    if value and isinstance(ctx.obj, Invocation):
        ctx.obj.debug = True
    return value


_COMMON = "Common options"

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", callback=_chosen, rich_help_panel=_COMMON, show_default=False,
        help=f"Configuration file. Default: ${CONFIG_VARIABLE}, else {DEFAULT_CONFIG}.",
    ),
]
RulesOf = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", callback=_chosen, rich_help_panel=_COMMON, show_default=False,
        help="Also use the rules in this configuration's rules_dir. Without it no configuration is read.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug", metavar="", callback=_remember_debug, rich_help_panel=_COMMON, help="Show a traceback on errors."
    ),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object per line, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar="", help="Show what would be done, but change nothing.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="Print at most N rows.", show_default=False)
]
Stream = Annotated[
    str | None, typer.Option("--stream", metavar="STREAM", help="Only this stream.", show_default=False)
]


def example(line: str) -> str:
    """Returns the epilog of a command's help."""
    return f"Example:  bounce-watcher {line}"


def address(text: str) -> MailAddress:
    """Parses an address that gets a decision."""
    mailbox = parse_entry(text)
    if mailbox is None:
        raise typer.BadParameter(f"{text!r} is not an address: write one like user@example.org")
    return mailbox


def known_address(text: str) -> str:
    """Parses an address to look up. It may be invalid by RFC 5321: prose reports can leave such ones in the ledger."""
    local, at, domain = text.strip().rpartition("@")
    if not (local and at and domain):
        raise typer.BadParameter(f"{text!r} is not an address: write one like user@example.org")
    return f"{local}@{domain.lower()}"


def known_as_reason(text: str | None) -> str | None:
    """Checks a reason. Raises WrongUsage for an unknown one."""
    if text is not None and text not in {*Reason, COMPLAINT_REASON}:
        raise WrongUsage(f"{text!r} is not a reason; use one of: {', '.join([*Reason, COMPLAINT_REASON])}")
    return text


IntoStream = Annotated[
    str | None,
    typer.Option(
        "--stream", metavar="STREAM", help="In this stream. Required if the mailboxes have several.",
        show_default=False,
    ),
]
_ADDRESS_HELP = "An address such as user@example.org."
Address = Annotated[str, typer.Argument(metavar="ADDRESS", parser=known_address, help=_ADDRESS_HELP)]
NewAddress = Annotated[str, typer.Argument(metavar="ADDRESS", parser=address, help=_ADDRESS_HELP)]
