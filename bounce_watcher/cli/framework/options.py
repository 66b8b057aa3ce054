"""Options and arguments that several commands share, and times as a person writes them."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bounce_watcher.cli.framework.output import WrongUsage
from bounce_watcher.model.address import MailAddress, parse_entry
from bounce_watcher.model.ledger import COMPLAINT_REASON
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.clock import utcnow

DEFAULT_CONFIG = Path("/etc/bounce-watcher/config.toml")
DEFAULT_UNITS = Path("/etc/systemd/system")
DEFAULT_LISTEN = "127.0.0.1:8025"
CONFIG_VARIABLE = "BOUNCE_WATCHER_CONFIG"


@dataclass(slots=True)
class Invocation:
    """One run of the program. The callback of --debug writes it, `main` reads it if something goes wrong."""

    debug: bool = False


def _chosen(ctx: typer.Context, value: Path | None) -> Path | None:
    """Prefers a -c after the command to one before it."""
    before: Path | None = ctx.find_root().params.get("config")
    return value or before


def _remember_debug(ctx: typer.Context, value: bool) -> bool:
    if value and isinstance(ctx.obj, Invocation):
        ctx.obj.debug = True
    return value


def option(metavar: str | None, explanation: str, *names: str, **more: Any) -> Any:
    """Declares an option. Without `names` it is called like its parameter. `metavar` is None for a pair of switches."""
    return typer.Option(*names, metavar=metavar, help=explanation, **more)


def flag(explanation: str, *names: str, **more: Any) -> Any:
    """Declares an option without a value."""
    return option("", explanation, *names, **more)


_COMMON = "Common options"

_config = partial(option, "FILE", callback=_chosen, rich_help_panel=_COMMON)
ConfigFile = Annotated[Path | None, _config(
    f"Configuration file. Default: ${CONFIG_VARIABLE}, else {DEFAULT_CONFIG}.", "--config", "-c")]
RulesOf = Annotated[Path | None, _config(
    "Also use the rules in this configuration's rules_dir. Without it no configuration is read.", "--config", "-c")]
Debug = Annotated[bool, flag(
    "Show a traceback on errors.", "--debug", callback=_remember_debug, expose_value=False, rich_help_panel=_COMMON)]
"""Declared before all commands, and added to each as it is loaded."""
Json = Annotated[bool, flag("Print one JSON object per line, for programs.", "--json")]
DryRun = Annotated[bool, flag("Show what would be done, but change nothing.", "--dry-run")]
Limit = Annotated[int | None, option("N", "Print at most N rows.", "--limit", min=1)]
Stream = Annotated[str | None, option("STREAM", "Only this stream.", "--stream")]
IntoStream = Annotated[str | None, option(
    "STREAM", "In this stream. Required if the mailboxes have several.", "--stream")]


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


OnlyReason = Annotated[str | None, option(
    "REASON", "Only this reason, such as invalid_recipient.", "--reason", callback=known_as_reason)]
_ADDRESS_HELP = "An address such as user@example.org."
Address = Annotated[str, typer.Argument(metavar="ADDRESS", parser=known_address, help=_ADDRESS_HELP)]
NewAddress = Annotated[str, typer.Argument(metavar="ADDRESS", parser=address, help=_ADDRESS_HELP)]


def past(text: str | None) -> datetime | None:
    """Parses a day, a moment, or how long ago: "2026-11-01", "2026-11-01T06:00:00Z", "7d". Without a zone it is UTC."""
    return None if text is None else _time(text, -1, "2026-11-01, 2026-11-01T06:00:00Z, or 7d for 7 days ago")


def future(text: str | None) -> datetime | None:
    """Parses a day, a moment, or how long from now. Refuses a time that has passed."""
    if text is None:
        return None
    found = _time(text, 1, "2026-12-31, 2026-12-31T06:00:00Z, or 30d for 30 days from now")
    if found <= utcnow():
        raise WrongUsage(f"{text!r} is in the past: give a time in the future")
    return found


def _time(text: str, direction: int, such_as: str) -> datetime:
    from bounce_watcher.config.values import duration

    try:
        with suppress(ValueError):
            return moment(text)
        return utcnow() + direction * duration(text)
    except (ValueError, OverflowError):
        raise WrongUsage(f"{text!r} is not a time: write {such_as}") from None


def moment(text: str) -> datetime:
    """Parses a day or a moment. Without a zone it is UTC. Raises ValueError for anything else."""
    found = datetime.fromisoformat(text)
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} is not within the years 1 to 9999 in UTC") from None
