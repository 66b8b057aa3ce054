"""`db`: the ledger's schema."""

import typer

from bounce_watcher.cli.configuration import load_settings
from bounce_watcher.cli.options import ConfigFile, Debug, example
from bounce_watcher.cli.output import say
from bounce_watcher.ledger.store import Ledger

commands = typer.Typer(help="Make, upgrade and check the ledger's tables.")


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


def _connect(config: ConfigFile) -> Ledger:
    return Ledger.connect(load_settings(config).database_url.get_secret_value())
