"""The connection to the database: how it is opened, and what one transaction is on SQLite and on PostgreSQL."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from bounce_watcher.ledger.db.failures import is_worth_another_try, told
from bounce_watcher.model.errors import PermanentFailure

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
                if not is_worth_another_try(error):
                    raise
        return _transact(engine, work)


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
