"""A copy of the ledger while others use it.

SQLite copies the file as one transaction sees it (https://sqlite.org/backup.html); in WAL mode nobody waits for that.
PostgreSQL has a program of its own for it, pg_dump.
"""

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from bounce_watcher.ledger.db.engine import place
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure

_FIXES = {
    errno.ENOENT: "create its folder", errno.ENOTDIR: "name a file in a folder", errno.EISDIR: "name a file",
    errno.EACCES: "correct the owner or mode of its folder", errno.EPERM: "correct the owner or mode of its folder",
    errno.EROFS: "name a place that may be written",
}
_SECRETS = ("password", "sslpassword")  # parameters of libpq that a URL may hold as well
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a ledger in SQLite. `size` is in bytes; `newest` is the time of its last event, None without any."""

    path: Path
    size: int
    revision: str
    newest: datetime | None


def dump_command(engine: Engine, target: Path) -> tuple[str, ...] | None:
    """Returns the command that backs up a ledger in PostgreSQL; None for SQLite, where `back_up` does it.

    It names no password: pg_dump finds that in PGPASSWORD or ~/.pgpass, or asks for it.
    """
    if engine.dialect.name == "sqlite":
        return None
    of = engine.url.difference_update_query(_SECRETS)
    url = URL.create("postgresql", of.username, None, of.host, of.port, of.database, of.query)
    return ("pg_dump", "--format=custom", f"--file={target}", f"--dbname={url.render_as_string()}")


def back_up(engine: Engine, target: Path, *, replace: bool = False) -> Backup:
    """Copies a ledger in SQLite to the file `target`, with mode 0600. It is there whole and checked, or not at all.

    Raises TemporaryFailure without room for it, and PermanentFailure if `target` exists (unless it may be replaced), is
    the ledger itself or can't be written, or if the copy turns out to be damaged.
    """
    source = Path(engine.url.database or "")
    if target.exists() and target.samefile(source):
        raise PermanentFailure(f"{target}: is the ledger itself", "name another file")
    if os.path.lexists(target) and not replace:
        raise PermanentFailure(f"{target}: exists already", "name another file, or use --replace")
    try:
        with _beside(target) as copy:
            backup = _copied(engine, copy, target)
            copy.replace(target)
            _sync(target.parent)
    except OSError as error:
        raise _failure(target, error) from None
    return backup


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Makes an empty file in the same folder. Removes it if it is still there in the end."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)  # of mode 0600
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for left in (name, f"{name}-journal", f"{name}-wal", f"{name}-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(left).unlink()


def _copied(engine: Engine, copy: Path, target: Path) -> Backup:
    borrowed = engine.raw_connection()
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as to:
            borrowed.driver_connection.backup(to)  # type: ignore[union-attr] # of SQLite's driver
            to.execute("PRAGMA journal_mode = DELETE").close()  # one file, without a WAL beside it
            (found,) = to.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise PermanentFailure(f"database {place(engine.url)}: is damaged ({found})", "restore an older backup")
            (revision,) = to.execute("SELECT version_num FROM alembic_version").fetchone()
            (newest,) = to.execute("SELECT max(at) FROM event").fetchone()
    except sqlite3.DatabaseError as error:
        if "disk is full" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise PermanentFailure(f"{target}: {error}", "is the ledger in order? See `db check`") from None
    finally:
        borrowed.close()
    _sync(copy)
    return Backup(
        target, copy.stat().st_size, revision, datetime.fromisoformat(newest).replace(tzinfo=UTC) if newest else None
    )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failure(target: Path, error: OSError) -> BounceWatcherError:
    problem = f"{target}: {error.strerror}"
    if error.errno in _NO_ROOM:
        return TemporaryFailure(problem, "make room, or name a file on another disk")
    return PermanentFailure(problem, _FIXES.get(error.errno or 0, "name another file"))
