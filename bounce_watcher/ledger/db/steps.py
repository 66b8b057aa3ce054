"""Runs Alembic and its migrations from the installed package, without an alembic.ini.

Imported only when a migration is pending: Alembic takes longer to import than most commands take to run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

VERSIONS = ["bounce_watcher.ledger.db:migrations/versions"]
"""The folders of the migrations, found by importlib.resources."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration from the schema `before` (None: no tables) to `revision`.

    `move_rows` moves a bounded batch of rows and returns how many; 0 if none is left. It comes before the migration.
    """

    before: str | None
    revision: str
    move_rows: Callable[[Connection], int]

    def run(self, connection: Connection) -> None:
        """Runs the migration over this connection and in its transaction."""
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, self.revision)


def after(revision: str | None) -> list[Migration]:
    """Returns the migrations that follow `revision`, in order; all if it is None."""
    scripts = reversed(list(_scripts().iterate_revisions("head", revision or "base")))
    return [_read(script) for script in scripts]


def _read(script: Script) -> Migration:
    before = cast("str | None", script.down_revision)
    return Migration(before, script.revision, getattr(script.module, "move_rows", _no_rows))


def knows(revision: str) -> bool:
    try:
        return _scripts().get_revision(revision) is not None
    except CommandError:
        return False


def _no_rows(_: Connection) -> int:
    return 0


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bounce_watcher.ledger.db:migrations")
    config.set_main_option("version_locations", ";".join(VERSIONS))
    config.set_main_option("path_separator", ";")
    return config
