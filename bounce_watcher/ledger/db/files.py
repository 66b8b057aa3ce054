"""Removes what the database files still hold of rows that were changed or deleted.

SQLite overwrites what it deletes (`secure_delete`), but not older copies on other pages. Its WAL holds every old page
until a checkpoint truncates it (https://sqlite.org/pragma.html#pragma_secure_delete). So the file is rewritten
(VACUUM) and the WAL is truncated. PostgreSQL keeps dead rows until VACUUM, and their bytes until VACUUM FULL rewrites
the table; samples of values stay in its statistics until ANALYZE.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import cast

from sqlalchemy import Engine, Text, select, text
from sqlalchemy.exc import DBAPIError

from bounce_watcher.ledger.db.engine import reading, told
from bounce_watcher.ledger.db.personal import columns_that
from bounce_watcher.ledger.db.tables import METADATA, ForgetAction

LARGEST_AT_ONCE = 1 << 30
"""The largest SQLite file, in bytes, that `clean` rewrites: writers wait until that is done."""

_ROOM = 2
"""How many copies of the file VACUUM needs room for: one in the temporary folder and one in the WAL."""
_PATIENCE = 10_000
"""How many milliseconds to wait for a reader of old data to end."""
_STATISTICS = "pg_catalog.pg_statistic"


class Files(StrEnum):
    """What the database files may still hold of data that no row holds any more."""

    CLEAN = "clean"          # nothing
    LEFT = "left"            # copies in freed space and the WAL: the caller asked not to clean them
    BUSY = "busy"            # the same: another connection was in the way all the time
    TOO_LARGE = "too_large"  # the same: rewriting the file would hold everybody up
    NO_ROOM = "no_room"      # the same: the disk has no room for a copy
    DEAD_ROWS = "dead_rows"  # PostgreSQL: dead rows until VACUUM FULL; the server's WAL holds them longer


def clean(engine: Engine) -> Files:
    """Cleans what can be cleaned at once while others work. On PostgreSQL only renews the statistics; dead rows stay.
    """
    with told(engine.url):
        if engine.dialect.name == "sqlite":
            return _clean_file(engine)
        _renew_statistics(engine)
        return Files.DEAD_ROWS


def rewrite(engine: Engine) -> Files:
    """Rewrites the whole database, whatever its size. On PostgreSQL each table is locked meanwhile for everybody else.
    """
    with told(engine.url):
        if engine.dialect.name == "sqlite":
            return _rewrite_file(engine)
        _run(engine, *(f"VACUUM FULL {table.name}" for table in METADATA.sorted_tables))
        _renew_statistics(engine)
        with contextlib.suppress(DBAPIError):  # only the owner of the database may do this
            _run(engine, f"VACUUM FULL {_STATISTICS}")
        with contextlib.suppress(DBAPIError):  # needs the role pg_checkpoint; else the server does it within minutes
            _run(engine, "CHECKPOINT")
        return Files.CLEAN


def _renew_statistics(engine: Engine) -> None:
    """Renews the samples of values in the statistics. ANALYZE keeps those of an empty table, so there they are dropped.

    Only the owner of a table may do this; the errors of others are ignored, as is a lock that is held for long.
    """
    not_nothing = set(ForgetAction) - {ForgetAction.NOTHING}
    for table in METADATA.sorted_tables:
        personal = columns_that(table, *not_nothing)
        if not personal:
            continue
        with reading(engine) as connection:
            is_empty = connection.execute(select(*table.primary_key).limit(1)).first() is None
        texts = [name for name in personal if isinstance(table.c[name].type, Text)]
        dropped = ", ".join(f"ALTER COLUMN {name} TYPE text" for name in texts)
        with contextlib.suppress(DBAPIError):
            _run(engine, f"ALTER TABLE {table.name} {dropped}" if is_empty else f"ANALYZE {table.name}")


def _run(engine: Engine, *statements: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))


# ── SQLite ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def _clean_file(engine: Engine) -> Files:
    path = Path(engine.url.database or "")
    size = path.stat().st_size
    if size > LARGEST_AT_ONCE:
        why_not = Files.TOO_LARGE
    elif shutil.disk_usage(path.parent).free < _ROOM * size:
        why_not = Files.NO_ROOM
    else:
        return _rewrite_file(engine)
    with _alone(engine) as connection:
        return why_not if _cut_wal(connection) else Files.BUSY


def _rewrite_file(engine: Engine) -> Files:
    with _alone(engine) as connection:
        try:
            connection.execute("VACUUM").close()
        except sqlite3.OperationalError as error:
            if "full" in str(error):
                return Files.NO_ROOM
            if "locked" not in str(error):
                raise
            return Files.BUSY
        return Files.CLEAN if _cut_wal(connection) else Files.BUSY


@contextlib.contextmanager
def _alone(engine: Engine) -> Iterator[sqlite3.Connection]:
    """Yields the driver's own connection, outside of any transaction: VACUUM and the checkpoint can't run in one."""
    borrowed = engine.raw_connection()
    try:
        yield cast(sqlite3.Connection, borrowed.driver_connection)
    finally:
        borrowed.close()


def _cut_wal(connection: sqlite3.Connection) -> bool:
    """Copies the WAL into the file and truncates it. Returns False if a reader needs it all the time."""
    (usual,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}").close()
    try:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual}").close()
    return not busy
