"""Runs Alembic and its migrations from the installed package, without an alembic.ini.

Imported only when a migration is pending: Alembic takes longer to import than most commands take to run.
"""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection


def run(connection: Connection) -> None:
    """Runs all pending migrations over this connection and in its transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def scripts() -> ScriptDirectory:
    """Returns the migrations as Alembic sees them."""
    return ScriptDirectory.from_config(_config())


def knows(revision: str) -> bool:
    try:
        return scripts().get_revision(revision) is not None
    except CommandError:
        return False


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bounce_watcher.ledger.db:migrations")  # found by importlib.resources
    config.set_main_option("path_separator", "os")
    return config
