"""The connection to the database: how it is opened, what one transaction is on SQLite and on PostgreSQL, and what a
caller should do about an error: said in one line, without secrets and without SQL."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure

T = TypeVar("T")

_BACKENDS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg",
             "postgresql+psycopg": "postgresql+psycopg"}
_EXAMPLES = "sqlite:////var/lib/bounce-watcher/ledger.db or postgresql+psycopg://user@host/database"
_TRIES = 5

# FULL, not NORMAL: in WAL mode NORMAL may lose the last commits on a power cut, and by then the mail behind them has
# been moved away. One sync for each page costs nothing next to the page's FETCH.
# A page touches indexes all over the file. A cache that holds them, and a log that gathers some pages before they are
# copied into the file, reduce writes by more than half.
# secure_delete: erased data must leave the file too, and Python's builds differ in the default.
_SQLITE_PRAGMAS = (
    "busy_timeout = 30000", "secure_delete = ON", "synchronous = FULL", "cache_size = -16384",
    "wal_autocheckpoint = 4000",
)

# A peer that hangs inside a transaction must not block us: it is cut off, and waits for a lock end.
_POSTGRESQL_SETTINGS = ("timezone = 'UTC'", "lock_timeout = '30s'", "idle_in_transaction_session_timeout = '5min'")
_POSTGRESQL_CONNECT = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 60_000,
                       "application_name": "bounce-watcher"}

UPGRADE = "run: bounce-watcher db upgrade"

# What the drivers say, what it means, and the fix. The first that occurs in the error's text or SQLSTATE wins.
# SQLSTATE as in appendix A of PostgreSQL's manual; libpq's errors on connecting come without one.
_PERMANENT = (
    ("no such table", "the schema is missing or old", UPGRADE),
    ("no such column", "the schema is old", UPGRADE),
    ("has no column named", "the schema is old", UPGRADE),
    ("42p01", "the schema is missing or old", UPGRADE),
    ("42703", "the schema is old", UPGRADE),
    ("42501", "permission denied", "grant this user the rights on the schema"),
    ("28p01", "the password is wrong", "correct database.url"),
    ("password authentication failed", "the password is wrong", "correct database.url"),
    ("no password supplied", "the server asks for a password", "add it to database.url"),
    ("no pg_hba.conf entry", "the server lets nobody in from here", "add a line to its pg_hba.conf"),
    ("peer authentication failed", "the server lets only the system user of that name in", "correct database.url"),
    ('" does not exist', "no such database or role", "create it (createdb, createuser) or correct database.url"),
    ("name or service not known", "no such host", "correct database.url"),
    ("unable to open database file", "the file can't be opened", "check that its folder exists and may be written"),
    ("readonly database", "the file may not be written", "correct its owner or mode"),
    ("file is not a database", "the file is no SQLite database", "correct database.url"),
    ("disk image is malformed", "the file is damaged", "restore it from a backup"),
)
_TEMPORARY = (
    ("database is locked", "another process holds the lock for long", "try again"),
    ("database or disk is full", "the disk is full", "make room"),
    ("53100", "the server's disk is full", "make room"),
    ("53300", "the server has no connection free", "raise its max_connections"),
    ("40p01", "a deadlock with another process", "try again"),
    ("55p03", "another process holds a lock for long", "try again"),
)

_RETRY_AT_ONCE = frozenset({"40001", "40P01", "23505"})
"""serialization_failure, deadlock_detected, and unique_violation: another writer was faster with the same fact."""


def open_engine(text: str) -> Engine:
    """Returns an engine for a database URL. Creates a missing SQLite file, readable only by its owner.

    Raises PermanentFailure for a URL or a file that can't be used.
    """
    url = _parse(text)
    if url.get_backend_name() == "sqlite":
        _create_file(url)
        engine = create_engine(url, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    wanted = {name: value for name, value in _POSTGRESQL_CONNECT.items() if name not in url.query}
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=wanted)
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Opens a connection for reading one snapshot. Raises TemporaryFailure or PermanentFailure."""
    with told(engine.url), engine.connect() as connection:
        yield connection


def write(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Runs `work` in one transaction: all of it is committed, or nothing.

    Runs `work` again if another writer was in its way (a deadlock, or the same fact at the same moment).
    Raises TemporaryFailure or PermanentFailure, and whatever `work` raises.
    """
    with told(engine.url):
        for _ in range(_TRIES - 1):
            try:
                return _transact(engine, work)
            except DBAPIError as error:
                if not _is_worth_another_try(error):
                    raise
        return _transact(engine, work)


def write_in_batches(engine: Engine, work: Callable[[Connection], int]) -> int:
    """Runs `work` in one transaction after another, until it changes nothing more. Returns how much it changed in all.

    So nobody waits long for the lock.
    """
    count = 0
    while changed := write(engine, work):
        count += changed
    return count


def rehearse(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Runs `work` like `write` and returns its result, but rolls everything back."""
    with told(engine.url), engine.connect().execution_options(writes=True) as connection:
        transaction = connection.begin()
        try:
            return work(connection)
        finally:
            transaction.rollback()


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        return work(connection)


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # both quote the URL, including the password
        raise PermanentFailure("database.url: no URL that can be read", f"write it like {_EXAMPLES}") from None
    if url.drivername not in _BACKENDS:
        raise PermanentFailure(f"database.url: {url.drivername} is not supported", f"write it like {_EXAMPLES}")
    url = url.set(drivername=_BACKENDS[url.drivername])
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise PermanentFailure("database.url: a ledger in memory would be lost", f"name a file, like {_EXAMPLES}")
    return url


def _create_file(url: URL) -> None:
    """Creates the file with mode 0600. SQLite would use the umask, and the file holds people's addresses."""
    path = Path(url.database or "")
    if url.query.get("uri"):
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except FileNotFoundError:
        raise PermanentFailure(f"database {path}: the folder {path.parent} is missing", "create it") from None
    except PermissionError:
        raise PermanentFailure(
            f"database {path}: may not be written by this user", "correct the owner or mode of it and its folder"
        ) from None
    except OSError as error:
        raise PermanentFailure(f"database {path}: {error.strerror}", "correct database.url") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # otherwise the driver begins transactions by itself, and late
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    _use_wal(connection)


def _use_wal(connection: Any) -> None:
    """Switches the file to WAL mode, which it keeps. If several processes open a new file at once, all but one get
    "database is locked" immediately.

    SQLite does not wait on this statement, so we wait with another one.
    """
    for _ in range(_TRIES - 1):
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            connection.execute("BEGIN IMMEDIATE").close()
            connection.execute("COMMIT").close()
    connection.execute("PRAGMA journal_mode = WAL").close()


def _begin_sqlite(connection: Connection) -> None:
    """Begins a transaction. One that reads and then writes takes the lock at its start.

    Otherwise it fails with "database is locked", immediately and whatever the busy_timeout, if another writer came
    between.
    """
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for setting in _POSTGRESQL_SETTINGS:
            cursor.execute(f"SET {setting}")
    connection.commit()


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────

def place(url: URL) -> str:
    """Returns how a database is shown to a person: its file, or its URL without the password and the options."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Turns the drivers' errors into TemporaryFailure and PermanentFailure."""
    try:
        yield
    except PoolTimeout:
        raise TemporaryFailure(f"database {place(url)}: all connections are in use", "try again") from None
    except DBAPIError as error:
        raise _failure(error, url) from None


def _is_worth_another_try(error: DBAPIError) -> bool:
    """Checks whether the same transaction may succeed immediately, now that the other one is done."""
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRY_AT_ONCE or "UNIQUE constraint failed" in str(error.orig)


def _failure(error: DBAPIError, url: URL) -> BounceWatcherError:
    said = next((line.strip() for line in str(error.orig).splitlines() if line.strip()), type(error.orig).__name__)
    if url.password:
        said = said.replace(url.password, "***")
    haystack = f"{getattr(error.orig, 'sqlstate', None)} {error.orig}".casefold()
    for failure, known in ((PermanentFailure, _PERMANENT), (TemporaryFailure, _TEMPORARY)):
        for words, means, fix in known:
            if words in haystack:
                return failure(f"database {place(url)}: {means} ({said})", fix)
    if type(error).__name__ in {"OperationalError", "InterfaceError"} or error.connection_invalidated:
        return TemporaryFailure(f"database {place(url)}: can't be reached or broke off ({said})")
    return PermanentFailure(f"database {place(url)}: refused what it was given ({said})")
