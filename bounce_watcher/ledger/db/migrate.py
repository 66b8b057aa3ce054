"""The schema, step by step, and whether a ledger has the schema that it claims.

`migrations/README.md` says how to add a step.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Engine, inspect, text

from bounce_watcher.ledger.db import schema
from bounce_watcher.ledger.db.engine import UPGRADE, place, reading, write, write_in_batches
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.schema import PartKind, SchemaDifference, SchemaMismatch

if TYPE_CHECKING:
    from bounce_watcher.ledger.db.steps import Migration

T = TypeVar("T")

HEAD = "0001"
"""The revision of this version's schema. A ledger that already has it, as nearly always, is left alone."""

NO_UPGRADE = (
    "`db upgrade` can't repair it: undo what was changed by hand, or restore a backup; if an unreleased version made "
    "this ledger, begin a new one and import the mail again"
)
RECREATE = "run the statements that `bounce-watcher db check` shows"

_LOCK = 0x626F756E6365  # "bounce": PostgreSQL's advisory lock under which one process at a time migrates


class NewerSchema(PermanentFailure):
    """The schema is of a later version than this one."""


def upgrade(engine: Engine) -> None:
    """Upgrades the schema to this version's. Two processes may do so at once, and an interrupted one may be repeated.

    Raises TemporaryFailure, SchemaMismatch, or PermanentFailure.
    """
    with reading(engine) as connection:
        found = _revision(connection)
    if found != HEAD:
        _migrate(engine)
    check(engine)


def check(engine: Engine) -> tuple[SchemaDifference, ...]:
    """Returns what somebody added without harm: tables, and indexes on our tables.

    Raises PermanentFailure unless the schema is this version's: a SchemaMismatch if it only claims to be.
    """
    with reading(engine) as connection:
        found = _revision(connection)
        if found == HEAD:
            return _verified(connection, HEAD)
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


def _verified(connection: Connection, revision: str) -> tuple[SchemaDifference, ...]:
    """Returns the harmless differences from the schema of a revision. Raises SchemaMismatch if there are others."""
    found = schema.differences(connection, revision)
    wrong = [each for each in found if not each.is_harmless]
    if wrong:
        only_indexes = all(each.part.kind is PartKind.INDEX for each in wrong)
        raise SchemaMismatch(
            f"database {place(connection.engine.url)}: claims the schema {revision}, but its tables have others "
            f"(differences: {len(wrong)})", RECREATE if only_indexes else NO_UPGRADE, wrong,
        )
    return found


# ── migrations ──────────────────────────────────────────────────────────────────────────────────────────────────────

def _migrate(engine: Engine) -> None:
    """For each step: moves rows in batches, then alters the tables and stores the revision in one transaction.

    So whenever it is interrupted, the ledger has the schema of its revision.
    """
    from bounce_watcher.ledger.db import steps  # noqa: PLC0415 - its docstring says why

    for step in steps.after(write(engine, partial(_begun, engine))):
        write_in_batches(engine, partial(_in_turn, step, step.move_rows, done=0))
        write(engine, partial(_in_turn, step, step.run, done=None))


def _begun(engine: Engine, connection: Connection) -> str | None:
    """Returns the revision to begin with. Raises PermanentFailure if this is no ledger that can be upgraded."""
    _lock(connection)
    revision = _revision(connection)
    if revision is None:
        _refuse_strange_tables(connection)
    else:
        _refuse_newer(engine, revision)
        _verified(connection, revision)
    return revision


def _in_turn(step: "Migration", work: Callable[[Connection], T], connection: Connection, *, done: T) -> T:
    """Does a part of a step while no other process migrates. Returns `done` if another one was faster."""
    _lock(connection)
    return work(connection) if _revision(connection) == step.before else done


def _lock(connection: Connection) -> None:
    """Keeps other processes from migrating until the transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _refuse_strange_tables(connection: Connection) -> None:
    ours = {part.table for part in schema.expected(HEAD, connection.dialect.name)}
    if taken := sorted(ours & schema.tables(connection)):
        raise PermanentFailure(
            f"database {place(connection.engine.url)}: no ledger, but has tables with the names of a ledger's: "
            f"{', '.join(taken)}", "give the ledger a database of its own, or restore the whole of its backup",
        )


def _refuse_newer(engine: Engine, found: str) -> None:
    from bounce_watcher.ledger.db import steps  # noqa: PLC0415 - its docstring says why

    if not steps.knows(found):
        raise NewerSchema(
            f"database {place(engine.url)}: its schema {found} is of a newer bounce-watcher", "install that version"
        )
