"""What several commands take: the common options, and texts that become times and addresses."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bounce_watcher.config import Settings, load
from bounce_watcher.config.values import duration
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.process import DEFAULT_STREAM

DEFAULT_CONFIG = Path("/etc/bounce-watcher/config.toml")
CONFIG_VARIABLE = "BOUNCE_WATCHER_CONFIG"


class WrongUsage(BounceWatcherError):
    """A command line that can't be meant: exit status 2."""


@dataclass(slots=True)
class Invocation:
    """One run of the program; the commands' callbacks write it, `main` reads it when something goes wrong."""

    debug: bool = False


def _chosen(ctx: typer.Context, value: Path | None) -> Path | None:
    """A -c behind the command goes before one in front of it."""
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
        help=f"Configuration file. Else ${CONFIG_VARIABLE}, else {DEFAULT_CONFIG}.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug", metavar="", callback=_remember_debug, rich_help_panel=_COMMON, help="Show a traceback on errors."
    ),
]
Json = Annotated[bool, typer.Option("--json", metavar="", help="One JSON object a line, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar="", help="Show what would be done, and do nothing.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most so many rows.", show_default=False)
]
Stream = Annotated[
    str | None, typer.Option("--stream", metavar="STREAM", help="Only this stream.", show_default=False)
]


def config_path(config: Path | None) -> Path:
    """The configuration that is meant: the option's, else the environment's, else the system's."""
    return config or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def load_settings(config: Path | None) -> Settings:
    """Raises ConfigError with everything that is wrong with the file."""
    return load(config_path(config))


def example(line: str) -> str:
    """The epilog of a command's help."""
    return f"Example:  bounce-watcher {line}"


def past(text: str | None) -> datetime | None:
    """A day, a moment, or how long ago: "2026-11-01", "2026-11-01T06:00:00Z", "7d". Without a zone it is UTC."""
    if text is None:
        return None
    try:
        return _moment(text) or utcnow() - duration(text)
    except (ValueError, OverflowError):
        wrong = f"{text!r} is no time: write 2026-11-01, 2026-11-01T06:00:00Z, or 7d for so long ago"
        raise WrongUsage(wrong) from None


def future(text: str | None) -> datetime | None:
    """A day, a moment, or how long from now; one that has passed is refused."""
    if text is None:
        return None
    try:
        moment = _moment(text) or utcnow() + duration(text)
    except (ValueError, OverflowError):
        wrong = f"{text!r} is no time: write 2026-12-31, 2026-12-31T06:00:00Z, or 30d from now"
        raise WrongUsage(wrong) from None
    if moment <= utcnow():
        raise WrongUsage(f"{text!r} has passed: give a time to come")
    return moment


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stream_for(settings: Settings, stream: str | None) -> str:
    """The stream that was named, else the only one that the mailboxes have."""
    if stream is not None:
        return stream
    streams = sorted({mailbox.stream for mailbox in settings.mailboxes}) or [DEFAULT_STREAM]
    if len(streams) > 1:
        raise WrongUsage(f"the mailboxes have several streams: add --stream with one of {', '.join(streams)}")
    return streams[0]


def address(text: str) -> str:
    """An e-mail address as an argument."""
    local, at, domain = text.strip().rpartition("@")
    if not (local and at and domain) or any(character.isspace() for character in text.strip()):
        raise typer.BadParameter(f"{text!r} is no address: write one like user@example.org")
    return f"{local}@{domain.lower()}"


IntoStream = Annotated[
    str | None,
    typer.Option(
        "--stream", metavar="STREAM", help="In this stream. Needed where the mailboxes have several.",
        show_default=False,
    ),
]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", parser=address, help="An address such as user@example.org.")]
