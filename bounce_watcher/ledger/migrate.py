"""The schema, step by step: Alembic's migrations, run from the installed package without an alembic.ini.

To add one: change tables.py, write migrations/versions/rNNNN_what.py by hand after the last one, and run
tests/ledger/test_migrations.py, which holds both ways to a schema against each other.
"""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from bounce_watcher.ledger.engine import reading, write
from bounce_watcher.ledger.failures import UPGRADE, place
from bounce_watcher.model.errors import PermanentFailure

_LOCK = 0x626F756E6365  # "bounce": PostgreSQL's advisory lock under which one process at a time migrates


def upgrade(engine: Engine) -> None:
    """Brings the schema to this version's, in one transaction; two processes at once are no harm.

    Raises TemporaryFailure or PermanentFailure.
    """
    write(engine, lambda connection: _upgrade(connection, engine))


def check(engine: Engine) -> None:
    """Raises PermanentFailure unless the schema is this version's."""
    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    scripts = _scripts()
    head = scripts.get_current_head()
    if found == head:
        return
    if found is None:
        raise PermanentFailure(f"database {place(engine.url)}: no schema yet; {UPGRADE}")
    _refuse_newer(engine, scripts, found)
    raise PermanentFailure(f"database {place(engine.url)}: the schema is {found}, not {head}; {UPGRADE}")


def _upgrade(connection: Connection, engine: Engine) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None:
        _refuse_newer(engine, _scripts(), found)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _refuse_newer(engine: Engine, scripts: ScriptDirectory, found: str) -> None:
    try:
        scripts.get_revision(found)
    except CommandError:
        raise PermanentFailure(
            f"database {place(engine.url)}: its schema {found} is of a newer bounce-watcher; install that version"
        ) from None


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bounce_watcher.ledger:migrations")  # found by importlib.resources
    config.set_main_option("path_separator", "os")
    return config
