"""`sessions`: who is signed in to the dashboard, and the end of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bounce_watcher.cli.framework.errors import WrongUsage
from bounce_watcher.cli.framework.ledgers import ledger_of
from bounce_watcher.cli.framework.logged import at_the_shell
from bounce_watcher.cli.framework.options import ConfigFile, Debug, Json, example
from bounce_watcher.cli.framework.output import clean, count, say
from bounce_watcher.cli.framework.tables import listing
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.service.clock import utcnow
from bounce_watcher.words.rows import Row

if TYPE_CHECKING:
    from bounce_watcher.ledger.sessions import WebSession

commands = typer.Typer(
    help="Lists and ends sessions in the dashboard."
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of sessions.", show_default=False)]

_COLUMNS = ("id", "role", "peer", "created_at", "seen_at", "ends_at", "agent")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="sessions")


@commands.command("list", epilog=example("sessions list --json"))
def list_sessions(as_json: Json = False, config: ConfigFile = None, debug: Debug = False) -> None:
    """Lists open sessions, the last used first.

    A session ends after 12 hours, after 2 hours without use, or with the token that opened it.
    """
    with ledger_of(config) as (_, ledger):
        listing(map(session_row, ledger.sessions.all(utcnow())), _COLUMNS, as_json=as_json)


@commands.command(epilog=example("sessions end 3f2a90c1d4e5"))
def end(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="All sessions.")] = False,
    config: ConfigFile = None,
    debug: Debug = False,
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


def session_row(it: WebSession) -> Row:
    """`ends_at`: when the session ends without further requests."""
    times: dict[str, datetime] = {"created_at": it.created_at, "seen_at": it.seen_at, "ends_at": it.ends_at}
    return {"id": it.id, "role": it.role, "peer": it.peer, **times, "agent": it.agent}
