"""The schema, step by step.

To add a step: change tables.py, write migrations/versions/rNNNN_what.py by hand after the last one, raise HEAD, and run
tests/ledger/test_migrations.py, which compares the schemas of tables.py and of the migrations, and HEAD with Alembic.
"""

from sqlalchemy import Connection, Engine, inspect, text

from bounce_watcher.ledger.db.engine import UPGRADE, place, reading, write
from bounce_watcher.model.errors import PermanentFailure

HEAD = "0001"
"""The revision of this version's schema. A ledger that already has it, as nearly always, is left alone."""

_LOCK = 0x626F756E6365  # "bounce": PostgreSQL's advisory lock under which one process at a time migrates


class NewerSchema(PermanentFailure):
    """The schema is of a later version than this one."""


def upgrade(engine: Engine) -> None:
    """Upgrades the schema to this version's, in one transaction. Two processes may do so at once.

    Raises TemporaryFailure or PermanentFailure.
    """
    with reading(engine) as connection:
        found = _revision(connection)
    if found != HEAD:
        write(engine, lambda connection: _upgrade(connection, engine))


def check(engine: Engine) -> None:
    """Raises PermanentFailure unless the schema is this version's."""
    with reading(engine) as connection:
        found = _revision(connection)
    if found == HEAD:
        return
    if found is None:
        raise PermanentFailure(f"database {place(engine.url)}: no schema yet", UPGRADE)
    _refuse_newer(engine, found)
    raise PermanentFailure(f"database {place(engine.url)}: the schema is {found}, not {HEAD}", UPGRADE)


def _revision(connection: Connection) -> str | None:
    """Returns the revision that Alembic has stored; None if there is no schema yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(connection: Connection, engine: Engine) -> None:
    from bounce_watcher.ledger.db import steps  # noqa: PLC0415 - its docstring says why

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = _revision(connection)
    if found is not None:
        _refuse_newer(engine, found)
    steps.run(connection)


def _refuse_newer(engine: Engine, found: str) -> None:
    from bounce_watcher.ledger.db import steps  # noqa: PLC0415 - its docstring says why

    if not steps.knows(found):
        raise NewerSchema(
            f"database {place(engine.url)}: its schema {found} is of a newer bounce-watcher", "install that version"
        )
