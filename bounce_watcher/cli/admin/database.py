"""`db`: the ledger's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bounce_watcher.cli.framework.configuration import load_settings
from bounce_watcher.cli.framework.options import ConfigFile, Debug, example
from bounce_watcher.cli.framework.output import say
from bounce_watcher.model.errors import TemporaryFailure

if TYPE_CHECKING:
    from bounce_watcher.ledger.store import Ledger

commands = typer.Typer(help="Make, upgrade and check the ledger's tables; clean its files.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="db")


@commands.command(epilog=example("db upgrade -c config.toml"))
def upgrade(config: ConfigFile = None, debug: Debug = False) -> None:
    """Makes the tables, or brings those of an older version up to date. Does nothing where they are current.

    Every command that writes does so by itself; this is for doing it at a time of your choice.
    """
    ledger = _connect(config)
    try:
        ledger.upgrade()
    finally:
        ledger.close()
    say("the ledger's tables are up to date")


@commands.command(epilog=example("db check"))
def check(config: ConfigFile = None, debug: Debug = False) -> None:
    """Tells whether the tables are those of this version. Exit status 1 if not."""
    ledger = _connect(config)
    try:
        ledger.check()
    finally:
        ledger.close()
    say("the ledger's tables are up to date")


@commands.command(epilog=example("db vacuum -c config.toml"))
def vacuum(config: ConfigFile = None, debug: Debug = False) -> None:
    """Writes the whole database anew, so that its files hold nothing of what was erased.

    SQLite: VACUUM, which needs room for two copies of the file; then the WAL is cut to nothing. PostgreSQL: VACUUM
    FULL, table by table. Whatever else uses the ledger waits meanwhile, or fails for a while and tries again: for a
    ledger of gigabytes choose a quiet time. Exit status 1 where it could not be done.
    """
    ledger = _connect(config)
    try:
        ledger.check()
        left = ledger.vacuum()
    finally:
        ledger.close()
    if left.value != "clean":
        raise TemporaryFailure(_NOT_DONE[left.value])
    say("the database was written anew: its files hold nothing of what was erased")
    say("backups, replicas and the WAL of a PostgreSQL server keep what they have until they are gone")


_NOT_DONE = {
    "busy": "another connection used the database all the time: stop the service, and run it again",
    "no_room": "no room for a copy of the database, on its own disk or in the temporary folder (SQLITE_TMPDIR): "
               "make room, and run it again",
}


def _connect(config: ConfigFile) -> Ledger:
    from bounce_watcher.ledger.store import Ledger

    return Ledger.connect(load_settings(config).database_url.get_secret_value())
