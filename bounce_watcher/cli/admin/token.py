"""`token`: makes and reads signed return paths."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.cli.framework.configuration import config_path, load_settings
from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.framework.output import clean, complain, json_line, say
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.grounds import TOKEN_FAULTS
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.attribution.return_path import Token

commands = typer.Typer(help="Makes and reads signed return paths, which prove that a bounce is genuine.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="token")


@commands.command(epilog=example("token make --recipient user@example.org --stream marketing"))
def make(
    recipient: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Recipient of the mail.", show_default=False)
    ] = None,
    stream: Annotated[str | None, typer.Option(metavar="STREAM", help="Stream of the mail.")] = None,
    sending: Annotated[str | None, typer.Option(metavar="ID", help="Campaign of the mail.")] = None,
    header: Annotated[
        bool, typer.Option("--header", help="Print the value of the mail's token header instead of the return path.")
    ] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl", metavar="",
            help='Many at once: reads {"recipient", "stream", "sending"} lines from standard input, writes '
            '{"recipient", "return_path", "header_token"}.',
        ),
    ] = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Prints the return path (envelope sender) for a mail, signed with the configured key and dated today."""
    if jsonl == (recipient is not None):
        raise WrongUsage("give either --recipient ADDRESS or --jsonl")
    settings = _settings(config)
    if recipient is not None:
        say(_made(settings, recipient, stream, sending, header=header))
    elif not _make_many(settings):
        raise typer.Exit(1)


def _settings(config: ConfigFile) -> AttributionSettings:
    """Reads the settings. Raises ConfigError if no key is configured."""
    from bounce_watcher.attribution.return_path import make_return_path

    settings = load_settings(config).attribution
    try:
        make_return_path(settings, "a@b.example")
    except ValueError as error:
        raise ConfigError(str(config_path(config)), (str(error),)) from None
    return settings


def _made(
    settings: AttributionSettings, recipient: str, stream: str | None, sending: str | None, *, header: bool
) -> str:
    from bounce_watcher.attribution.return_path import make_header_token, make_return_path

    make_token = make_header_token if header else make_return_path
    try:
        return make_token(settings, recipient, stream, sending, day=utcnow().date())
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _make_many(settings: AttributionSettings) -> bool:
    """Returns whether every line was good. A bad line is reported on stderr and skipped."""
    from bounce_watcher.attribution.return_path import make_header_token, make_return_path

    good = True
    for number, line in enumerate(_lines(), start=1):
        try:
            recipient, stream, sending = _parsed(line)
            today = utcnow().date()
            path = make_return_path(settings, recipient, stream, sending, day=today)
            token = make_header_token(settings, recipient, stream, sending, day=today)
        except (ValueError, RecursionError) as error:
            complain(f"-: line {number}: {error}")
            good = False
        else:
            say(json_line({"recipient": recipient, "return_path": path, "header_token": token}))
    return good


def _lines() -> Iterator[bytes]:
    return (line for line in sys.stdin.buffer if line.strip())


def _parsed(line: bytes) -> tuple[str, str | None, str | None]:
    try:
        data = json.loads(line)
    except ValueError:
        raise ValueError('is no JSON: write {"recipient": "user@example.org"}') from None
    values = [data.get(name) if isinstance(data, dict) else None for name in ("recipient", "stream", "sending")]
    recipient, stream, sending = values
    if not isinstance(recipient, str) or any(not isinstance(each, str | None) for each in (stream, sending)):
        raise ValueError('needs a "recipient", and "stream" and "sending" as texts where given')
    return recipient, stream, sending


@commands.command(epilog=example("token read returns+r6f3kq2m7xw4ydqo=news==user=example.org@bounces.example.com"))
def read(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A return path, or the token of a header.")],
    as_json: Json = False,
    config: ConfigFile = None,
    debug: Debug = False,
) -> None:
    """Shows what a return path or a header token holds, whether we signed it, and until when it is valid."""
    row = _held(address, load_settings(config).attribution)
    if as_json:
        say(json_line(row))
        return
    for name, value in row.items():
        if value is not None:
            say(f"{name}: {clean(value)}")


def _held(text: str, settings: AttributionSettings) -> Row:
    from bounce_watcher.attribution.return_path import Token, read_header_token, read_return_path

    token = read_return_path(text, settings) if "@" in text else read_header_token(text, settings.token_keys)
    problem = None
    if token is None:
        problem = "it contains no token of ours" if settings.return_path else "no attribution.return_path is set"
        token = Token(None, None, None, is_ours=False)
    elif token.problem:
        problem = TOKEN_FAULTS[token.problem]
    last_day = token.last_day(settings.token_max_age)
    return {"address": text, "is_ours": token.is_ours, "recipient": token.recipient, "stream": token.stream,
            "sending": token.sending, "day": _written(token.day), "until": _written(last_day),
            "problem": problem or _ran_out(token, settings)}


def _written(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _ran_out(token: Token, settings: AttributionSettings) -> str | None:
    has_run_out = token.has_run_out(utcnow(), settings.token_max_age)
    return "it has expired: a report that arrives today goes to review" if has_run_out else None
