"""Administration: tokens, sign-ins and the database."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.attribution import return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.cli.framework.opening import at_the_shell, config_path, ledger_of, load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Json, example, flag, option
from bounce_watcher.cli.framework.output import WrongUsage, clean, complain, count, json_line, listing, say
from bounce_watcher.model.errors import ConfigError, PermanentFailure, TemporaryFailure
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words import differences
from bounce_watcher.words.grounds import TOKEN_FAULTS
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.ledger.store import Ledger

app = typer.Typer()
tokens = typer.Typer(help="Makes and reads signed return paths, which prove that a bounce is genuine.")
app.add_typer(tokens, name="token")


@tokens.command(epilog=example("token make --recipient user@example.org --stream marketing"))
def make(
    recipient: Annotated[str | None, option("ADDRESS", "Recipient of the mail.")] = None,
    stream: Annotated[str | None, option("STREAM", "Stream of the mail.")] = None,
    sending: Annotated[str | None, option("ID", "Campaign of the mail.")] = None,
    header: Annotated[
        bool, typer.Option("--header", help="Print the value of the mail's token header instead of the return path.")
    ] = False,
    jsonl: Annotated[bool, typer.Option(
        "--jsonl", metavar="",
        help='Many at once: reads {"recipient", "stream", "sending"} lines from standard input, writes '
             '{"recipient", "return_path", "header_token"}.',
    )] = False,
    config: ConfigFile = None,
) -> None:
    """Prints the return path (envelope sender) for a mail, signed with the configured key and dated today."""
    if jsonl == (recipient is not None):
        raise WrongUsage("give either --recipient ADDRESS or --jsonl")
    settings = load_settings(config).attribution
    try:
        return_path.make_return_path(settings, "a@b.example")
    except ValueError as error:  # no key is configured
        raise ConfigError(str(config_path(config)), (str(error),)) from None
    if recipient is None:
        if not _make_many(settings):
            raise typer.Exit(1)
        return
    make_token = return_path.make_header_token if header else return_path.make_return_path
    try:
        say(make_token(settings, recipient, stream, sending, day=utcnow().date()))
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _make_many(settings: AttributionSettings) -> bool:
    """Returns whether every line was good. A bad line is reported on stderr and skipped."""
    good = True
    for number, line in enumerate((line for line in sys.stdin.buffer if line.strip()), start=1):
        try:
            recipient, stream, sending = _parsed(line)
            today = utcnow().date()
            path = return_path.make_return_path(settings, recipient, stream, sending, day=today)
            token = return_path.make_header_token(settings, recipient, stream, sending, day=today)
        except (ValueError, RecursionError) as error:
            complain(f"-: line {number}: {error}")
            good = False
        else:
            say(json_line({"recipient": recipient, "return_path": path, "header_token": token}))
    return good


def _parsed(line: bytes) -> tuple[str, str | None, str | None]:
    try:
        data = json.loads(line)
    except ValueError:
        raise ValueError('is no JSON: write {"recipient": "user@example.org"}') from None
    recipient, stream, sending = (
        data.get(name) if isinstance(data, dict) else None for name in ("recipient", "stream", "sending")
    )
    if not isinstance(recipient, str) or any(not isinstance(each, str | None) for each in (stream, sending)):
        raise ValueError('needs a "recipient", and "stream" and "sending" as texts where given')
    return recipient, stream, sending


@tokens.command(epilog=example("token read returns+r6f3kq2m7xw4ydqo=news==user=example.org@bounces.example.com"))
def read(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A return path, or the token of a header.")],
    as_json: Json = False, config: ConfigFile = None,
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
    in_header = "@" not in text
    token = return_path.read_header_token(text, settings.token_keys) if in_header else (
        return_path.read_return_path(text, settings)
    )
    problem = None
    if token is None:
        problem = "it contains no token of ours" if settings.return_path else "no attribution.return_path is set"
        token = return_path.Token(None, None, None, is_ours=False)
    elif token.problem:
        problem = TOKEN_FAULTS[token.problem]
    elif token.has_run_out(utcnow(), settings.token_max_age):
        problem = "it has expired: a report that arrives today goes to review"
    last_day = token.last_day(settings.token_max_age)
    return {"address": text, "is_ours": token.is_ours, "recipient": token.recipient, "stream": token.stream,
            "sending": token.sending, "day": token.day and token.day.isoformat(),
            "until": last_day and last_day.isoformat(), "problem": problem}


sessions = typer.Typer(help="Lists and ends sessions in the dashboard.")
app.add_typer(sessions, name="sessions")


@sessions.command("list", epilog=example("sessions list --json"))
def list_sessions(as_json: Json = False, config: ConfigFile = None) -> None:
    """Lists open sessions, the last used first.

    A session ends after 12 hours, after 2 hours without use, or with the token that opened it.
    """
    with ledger_of(config) as (_, ledger):
        columns = ("id", "role", "peer", "created_at", "seen_at", "ends_at", "agent")
        rows = ({name: getattr(each, name) for name in columns} for each in ledger.sessions.all(utcnow()))
        listing(rows, columns, as_json=as_json)


@sessions.command(epilog=example("sessions end 3f2a90c1d4e5"))
def end(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of sessions.")] = None,
    everything: Annotated[bool, flag("All sessions.", "--all")] = False,
    config: ConfigFile = None,
) -> None:
    """Ends sessions at once: their browsers must sign in again. API tokens are not affected."""
    if bool(ids) == everything:
        raise WrongUsage("name the ids of sessions, or use --all")
    wanted = set(ids or ())
    with ledger_of(config) as (_, ledger):
        ended = ledger.sessions.end(None if everything else wanted, at_the_shell())
    say(f"{count(len(ended), 'session')} ended")
    if missing := sorted(wanted - set(ended)):
        raise PermanentFailure(f"no such session, or already ended: {', '.join(map(clean, missing))}")


database = typer.Typer(help="Creates, upgrades and checks the ledger's tables; copies it; cleans its files.")
app.add_typer(database, name="db")


@database.command(epilog=example("db upgrade -c config.toml"))
def upgrade(config: ConfigFile = None) -> None:
    """Creates the tables, or upgrades those of an older version. Does nothing if they are current.

    Every command that writes does this by itself; use this to choose the time. It can be interrupted at any moment and
    run again. Exit status 1 if the tables are not those that the ledger claims to have: nothing is changed then.
    """
    with _connected(config) as ledger:
        ledger.upgrade()
    say("the ledger's tables are up to date")


@database.command(epilog=example("db check"))
def check(config: ConfigFile = None) -> None:
    """Checks whether the tables are those of this version. Exit status 1 if not.

    Names each table, column, index and constraint that is missing, surplus or different, and the repair. Your own
    tables and indexes are only named.
    """
    with _connected(config) as ledger:
        additions = ledger.check()
    for each in additions:
        say(clean(differences.addition(each)))
    say("the ledger's tables are up to date")


@database.command(epilog=example("db backup /var/backups/ledger-today.db"))
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    replace: Annotated[bool, flag(
        "Replace FILE if it exists, once the new copy is complete.", "--replace")] = False,
    as_json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Copies the ledger to FILE while the service runs.

    SQLite: FILE is complete and checked, or not there; only its owner may read it. PostgreSQL: prints the pg_dump
    command that does it, makes nothing itself, and exits with status 1.
    """
    with _connected(config) as ledger:
        if command := ledger.dump_command(file):
            say(shlex.join(command))
            raise PermanentFailure("no backup was made: PostgreSQL has its own program for it", "run the line above")
        ledger.check()
        made = ledger.back_up(file, replace=replace)
    if as_json:
        say(json_line({"file": str(made.path), "size": made.size, "revision": made.revision, "newest": made.newest}))
        return
    newest = f"newest event {made.newest:%Y-%m-%d %H:%M:%S} UTC" if made.newest else "no event"
    say(f"{clean(str(made.path))}: {made.size} bytes, schema {made.revision}, {newest}")


@database.command(epilog=example("db vacuum -c config.toml"))
def vacuum(config: ConfigFile = None) -> None:
    """Rewrites the whole database, so that its files hold nothing that was erased.

    SQLite: VACUUM, which needs room for two copies of the file, then truncates the WAL. PostgreSQL: VACUUM FULL, table
    by table. Other users of the ledger wait meanwhile, or fail and retry: for a ledger of gigabytes choose a quiet
    time. Exit status 1 if it was not possible.
    """
    with _connected(config) as ledger:
        ledger.check()
        left = ledger.privacy.vacuum()
    if left.value != "clean":
        raise TemporaryFailure(_NOT_DONE[left.value])
    say("the database was rewritten: its files hold nothing that was erased")
    say("backups, replicas and the WAL of a PostgreSQL server keep their copies until they are deleted")


_NOT_DONE = {
    "busy": "another connection was using the database: stop the service, and run this again",
    "no_room": "no room for a copy of the database, on its own disk or in the temporary folder (SQLITE_TMPDIR): free "
               "some space, and run this again",
}


def _connected(config: ConfigFile) -> Ledger:
    from bounce_watcher.ledger.store import Ledger

    return Ledger.connect(load_settings(config).database_url.get_secret_value())
