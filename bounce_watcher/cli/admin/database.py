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

commands = typer.Typer(help="Creates, upgrades and checks the ledger's tables; cleans its files.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="db")


@commands.command(epilog=example("db upgrade -c config.toml"))
def upgrade(config: ConfigFile = None, debug: Debug = False) -> None:
    """Creates the tables, or upgrades those of an older version. Does nothing if they are current.

    Every command that writes does this by itself; use this to choose the time.
    """
    ledger = _connect(config)
    try:
        ledger.upgrade()
    finally:
        ledger.close()
    say("the ledger's tables are up to date")


@commands.command(epilog=example("db check"))
def check(config: ConfigFile = None, debug: Debug = False) -> None:
    """Checks whether the tables are those of this version. Exit status 1 if not."""
    ledger = _connect(config)
    try:
        ledger.check()
    finally:
        ledger.close()
    say("the ledger's tables are up to date")


@commands.command(epilog=example("db vacuum -c config.toml"))
def vacuum(config: ConfigFile = None, debug: Debug = False) -> None:
    """Rewrites the whole database, so that its files hold nothing that was erased.

    SQLite: VACUUM, which needs room for two copies of the file, then truncates the WAL. PostgreSQL: VACUUM FULL, table
    by table. Other users of the ledger wait meanwhile, or fail and retry: for a ledger of gigabytes choose a quiet
    time. Exit status 1 if it was not possible.
    """
    ledger = _connect(config)
    try:
        ledger.check()
        left = ledger.privacy.vacuum()
    finally:
        ledger.close()
    if left.value != "clean":
        raise TemporaryFailure(_NOT_DONE[left.value])
    say("the database was rewritten: its files hold nothing that was erased")
    say("backups, replicas and the WAL of a PostgreSQL server keep their copies until they are deleted")


_NOT_DONE = {
    "busy": "another connection was using the database: stop the service, and run this again",
    "no_room": "no room for a copy of the database, on its own disk or in the temporary folder (SQLITE_TMPDIR): free "
               "some space, and run this again",
}


def _connect(config: ConfigFile) -> Ledger:
    from bounce_watcher.ledger.store import Ledger

    return Ledger.connect(load_settings(config).database_url.get_secret_value())
