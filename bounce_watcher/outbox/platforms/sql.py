"""A platform's own database: an operator writes statements for PostgreSQL, MariaDB, MySQL or SQLite.

SQLAlchemy's `text` binds the named parameters (docs.sqlalchemy.org, November 2026); no value ever becomes SQL. All
changes of a batch are one transaction, each within a savepoint. So a change whose values the database refuses does not
affect the others.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import dup
from socket import SHUT_RDWR, socket
from time import monotonic  # noqa: TID251  (how long a batch has taken, not what time it is)
from typing import Any, ClassVar, NewType

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.outbox.change import COLUMNS, Change, Fate, Outcome, columns_of
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import masked
from bounce_watcher.outbox.platform import CallPacer, LocalPlatform, LocalSession, Misfit, require

Statement = NewType("Statement", str)
"""SQL with named parameters, such as `:recipient`; it may have several lines."""

_DRIVERS = {
    "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql", "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql", "mariadb+pymysql": "mariadb+pymysql",
    "sqlite": "sqlite",
}
_FORMS = "write it as postgresql://user:password@host/database, mysql://user:password@host/database or " \
         "sqlite:////absolute/path.db"

_EXPLAINED = frozenset({"insert", "update", "delete", "replace", "select", "with", "merge"})
"""Statements that a database explains without running them; `CALL` is not one."""

_REFUSED_BY_MYSQL = frozenset({1264, 1265, 1292, 1366, 1367, 1406, 1411, 1441, 3140, 4038})
"""Errors about a value: out of range, too long, no date, no number, no character of the column's set, no JSON.

https://mariadb.com/kb/en/mariadb-error-code-reference/ (November 2026). Not 1364 and 1048, which are about a column
that the statement leaves empty.
"""
_ABOUT_ONE = frozenset({"IntegrityError"})

_MAX_ROWS = 100
_LONGEST_STATEMENT = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Sql(LocalPlatform):
    """`database` is a URL, a SecretStr since it may hold a password.

    A statement that touches more than `max_rows` rows for one change is rolled back: its WHERE is missing. The doctor
    runs `check` and rolls it back. Without `check`, the database only explains the other two, which changes nothing.
    """

    database: SecretStr
    suppress: Statement
    release: Statement
    check: Statement | None = None
    max_rows: int = _MAX_ROWS

    kind: ClassVar[str] = "sql"
    limits: ClassVar[Limits] = Limits(batch=200, release_batch=200, concurrency=2, calls=3)

    def __post_init__(self) -> None:
        self.address()
        for key in ("suppress", "release"):
            _look_at(key, getattr(self, key), needs_recipient=True)
        if self.check is not None:
            _look_at("check", self.check, needs_recipient=False)
        if self.max_rows < 1:
            raise Misfit("max_rows", f"{self.max_rows} is out of range: at least 1")

    def address(self) -> URL:
        """Returns the URL. Raises Misfit, whose text leaves out the URL because it may hold a password."""
        try:
            url = make_url(self.database.get_secret_value())
        except (ArgumentError, ValueError):  # the texts of both quote the URL
            raise Misfit("database", f"is no URL that can be read: {_FORMS}") from None
        driver = _DRIVERS.get(url.drivername)
        if driver is None:
            raise Misfit("database", f"is none of PostgreSQL, MariaDB, MySQL and SQLite: {_FORMS}")
        if driver == "sqlite":
            if not (url.database or "").startswith("/"):
                raise Misfit("database", "needs four slashes and an absolute path: sqlite:////var/lib/shop/shop.db")
        elif not url.database:
            raise Misfit("database", f"names no database behind the host: {_FORMS}")
        if driver.endswith("pymysql"):
            require("mysql", "database")
        return url.set(drivername=driver)

    def place(self) -> str:
        """Returns the URL for a person, without password and options."""
        url = self.address()
        return url.set(drivername=url.get_backend_name(), query={}).render_as_string(hide_password=True)

    def secrets(self) -> frozenset[str]:
        password = self.address().password
        return super().secrets() | ({str(password)} if password else set())

    def connect(self) -> "SqlSession":
        return SqlSession(self)

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        statement = self.suppress if changes[0].suppress else self.release
        values = _parameters(self.address().get_backend_name(), changes[0])
        told = (f":{name} = {values[name]!r}" for name in _names(statement))
        return "\n".join([self.place(), statement.strip(), *told])


def _look_at(key: str, statement: str, *, needs_recipient: bool) -> None:
    if not statement.strip():
        raise Misfit(key, "is empty: write the statement")
    if len(statement) > _LONGEST_STATEMENT:
        raise Misfit(key, "is longer than 16 KiB: put it into a procedure of the database, and call that")
    names = _names(statement)
    known = ", ".join(f":{name}" for name in COLUMNS)
    for name in names:
        if not needs_recipient:
            raise Misfit(key, f"holds the parameter :{name}, but a check has no recipient: write it without any")
        if name not in COLUMNS:
            raise Misfit(key, f"holds the unknown parameter :{name}; there are {known} (write \\: for a plain colon)")
    if needs_recipient and "recipient" not in names:
        raise Misfit(key, "does not hold :recipient: it would do the same for everybody")


def _names(statement: str) -> list[str]:
    return list(text(statement).compile().params)


def _parameters(backend: str, change: Change) -> dict[str, object]:
    """Returns the values as the backend takes them: PostgreSQL supports time zones, the others get UTC."""
    values: dict[str, object] = {**columns_of(change)}
    for name, value in values.items():
        if isinstance(value, datetime) and backend != "postgresql":
            plain = value.replace(tzinfo=None, microsecond=0)
            values[name] = str(plain) if backend == "sqlite" else plain
    return values


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────────

class _Watch:
    """A timer that breaks off the work on a connection when its time is up, even if the other side hangs.

    libpq waits as long as the other side is silent, and SQLite as long as it computes. PyMySQL has its own time-outs.
    """

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds
        self._lock = threading.Lock()
        self._break: Callable[[], object] | None = None
        self._line: socket | None = None
        self._rang = False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_over(self) -> bool:
        return self._rang or monotonic() >= self._end

    def left(self) -> float:
        """Returns the time left, in seconds. Raises TimeoutError if there is none."""
        if self.is_over:
            raise TimeoutError
        return self._end - monotonic()

    def over(self, connection: Any) -> None:
        """Watches `connection`, a connection of the driver, from now on."""
        with self._lock:
            if hasattr(connection, "interrupt"):
                self._break = connection.interrupt
            elif hasattr(connection, "fileno"):  # our own descriptor: the driver's may be reused by then
                self._line = socket(fileno=dup(connection.fileno()))
                self._break = self._shut
            if self._rang and self._break:
                self._break()

    def stop(self) -> None:
        with self._lock:
            self._timer.cancel()
            self._break = None
            if self._line:
                self._line.close()

    def _ring(self) -> None:
        with self._lock:
            self._rang = True
            if self._break:
                self._break()

    def _shut(self) -> None:
        if self._line:
            with suppress(OSError):  # broken off already
                self._line.shutdown(SHUT_RDWR)


def _engine(url: URL, timeout: timedelta, watch: Callable[[], _Watch | None]) -> Engine:
    """Creates an engine without a pool: a connection lasts for one batch, so none is stale after an outage."""
    options = _options(url, timeout.total_seconds())
    engine = create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=options)

    @event.listens_for(engine, "connect", insert=True)
    def _watched(connection: Any, _record: object) -> None:
        current = watch()
        if current:
            current.over(connection)

    if url.get_backend_name() == "sqlite":
        # leave transactions to us
        event.listen(engine, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _options(url: URL, seconds: float) -> dict[str, object]:
    """Returns the options of the driver. On a server, those in the URL take precedence."""
    wanted: dict[str, object]
    match url.get_backend_name():
        case "sqlite":
            return {"timeout": seconds, "check_same_thread": False}
        case "postgresql":
            wanted = {
                "connect_timeout": max(2, int(seconds)),  # libpq's minimum is 2
                "application_name": "bounce-watcher",
                "prepare_threshold": None,  # a pooler loses prepared statements
            }
        case _:
            times = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), max(1, int(seconds)))
            wanted = {"charset": "utf8mb4", "program_name": "bounce-watcher", **times}
    return {name: value for name, value in wanted.items() if name not in url.query}


def _limit(connection: Connection, seconds: float) -> None:
    """Makes the server also end our statements and waits for locks after `seconds`, and use UTC.

    Sets strict modes: otherwise MySQL cuts an address that is too long, and mail to someone else stops.
    """
    milliseconds = max(1, int(seconds * 1000))
    match connection.dialect.name:
        case "postgresql":
            connection.execute(text(_POSTGRESQL_SETTINGS), {"limit": str(milliseconds)})
        case "mysql" | "mariadb":
            of_mariadb = connection.dialect.is_mariadb  # type: ignore[attr-defined]
            longest = f"max_statement_time = {seconds:.3f}" if of_mariadb else f"max_execution_time = {milliseconds}"
            connection.exec_driver_sql(f"SET SESSION {longest}")
            connection.execute(text(_MYSQL_SETTINGS), {"seconds": max(1, int(seconds))})
        case _:
            pass  # SQLite has no server


# After a network failure these time-outs end our old transaction on the server: otherwise its locks would block us.
_POSTGRESQL_SETTINGS = """
SELECT set_config('statement_timeout', :limit, true), set_config('timezone', 'UTC', true),
    set_config('idle_in_transaction_session_timeout', :limit, true)
"""
_MYSQL_SETTINGS = """
SET SESSION innodb_lock_wait_timeout = :seconds, lock_wait_timeout = :seconds, wait_timeout = :seconds,
    time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,STRICT_TRANS_TABLES')
"""


# ── what is done ────────────────────────────────────────────────────────────────────────────────────────────────────

class _TooManyRows(Exception):
    pass


class SqlSession(LocalSession):
    """A `Session`. Raises PermanentFailure for a URL that can't be used."""

    def __init__(self, platform: Sql) -> None:
        self._platform = platform
        self._secrets = set(platform.secrets())
        self._pace = CallPacer(platform.calls_a_second)
        self._watches = threading.local()
        try:
            self._engine = _engine(
                platform.address(), platform.timeout, lambda: getattr(self._watches, "current", None)
            )
        except (SQLAlchemyError, ImportError, TypeError, ValueError) as error:
            told = masked(str(error), self._secrets)
            raise PermanentFailure(f"database: {told}: fix its options", about=platform.about) from None

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        return self._apply(self._platform.suppress, changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        return self._apply(self._platform.release, changes)

    def check(self, now: datetime) -> Outcome:
        def look(connection: Connection, watch: _Watch) -> str:
            for statement in self._checks():
                connection.execute(text(statement), _nobody(statement, connection.dialect.name, now))
                watch.left()
            connection.rollback()
            return f"{self._platform.place()} takes the statements"

        return self._transact(look, 1)

    def close(self) -> None:
        self._engine.dispose()

    def _checks(self) -> list[str]:
        if self._platform.check is not None:
            return [self._platform.check]
        both = (self._platform.suppress, self._platform.release)
        return [f"EXPLAIN {each}" for each in both if each.split(None, 1)[0].lower() in _EXPLAINED] or ["SELECT 1"]

    def _apply(self, statement: str, changes: Sequence[Change]) -> Sequence[Outcome]:
        found: list[Outcome] = []

        def all_of_them(connection: Connection, watch: _Watch) -> str:
            for change in changes:
                watch.left()
                found.append(self._one(connection, statement, change))
            return ""

        whole = self._transact(all_of_them, len(changes))
        return found if whole.fate is Fate.DONE else [whole] * len(changes)

    def _one(self, connection: Connection, statement: str, change: Change) -> Outcome:
        """Makes one change. Raises errors that are about the whole database or about the statement."""
        try:
            with connection.begin_nested():
                values = _parameters(connection.dialect.name, change)
                rows = connection.execute(text(statement), _only(statement, values)).rowcount
                if rows > self._platform.max_rows:
                    raise _TooManyRows(f"{rows} rows for one recipient, more than max_rows = "
                                       f"{self._platform.max_rows}: nothing was kept; fix the statement")
        except DBAPIError as error:
            if error.connection_invalidated or not (_is_refused(error) or type(error).__name__ in _ABOUT_ONE):
                raise
            return Outcome(Fate.REFUSED if _is_refused(error) else Fate.LATER, self._told(error))
        except UnicodeEncodeError:  # columns_of cleans all values except the address, which must not change
            return Outcome(Fate.REFUSED, "the address holds characters that are none")
        return Outcome(Fate.DONE, _counted(rows))

    def _transact(self, work: Callable[[Connection, _Watch], str], size: int) -> Outcome:
        """Commits all of `work` for `size` changes, or nothing; then it is tried later.

        A constraint that the database checks only at the end does not show which change failed: SPLIT.
        """
        self._pace.wait()
        with self._watched() as watch:
            try:
                with self._engine.connect() as connection, connection.begin():
                    _limit(connection, watch.left())
                    told = work(connection, watch)
                return Outcome(Fate.DONE, told)
            except (SQLAlchemyError, OSError, _TooManyRows) as error:
                if watch.is_over:
                    told = f"not done within {self._platform.timeout.total_seconds():g} s"
                    return Outcome(Fate.LATER, told, whole=True)
                if type(error).__name__ in _ABOUT_ONE:
                    return Outcome(Fate.SPLIT if size > 1 else Fate.LATER, self._told(error))
                return Outcome(Fate.LATER, self._told(error), whole=True)

    @contextmanager
    def _watched(self) -> Iterator[_Watch]:
        watch = self._watches.current = _Watch(self._platform.timeout.total_seconds())
        try:
            yield watch
        finally:
            watch.stop()

    def _told(self, error: Exception) -> str:
        """Returns the server's main message, without the SQL and without the row that it quotes below."""
        original: Any = error.orig if isinstance(error, DBAPIError) else error
        state, diagnosis = getattr(original, "sqlstate", None), getattr(original, "diag", None)
        primary = getattr(diagnosis, "message_primary", None)
        arguments: tuple[Any, ...] = getattr(original, "args", ())
        if not primary and len(arguments) > 1 and isinstance(arguments[0], int):  # PyMySQL
            state, primary = arguments[0], str(arguments[1])
        words = str(primary or original).strip() or type(original).__name__
        return masked(f"{state}: {words}" if state else words, self._secrets)


def _only(statement: str, values: Mapping[str, object]) -> dict[str, object]:
    return {name: values[name] for name in _names(statement)}


def _nobody(statement: str, backend: str, now: datetime) -> dict[str, object]:
    """Returns values for a statement that is only explained."""
    nobody = Change("check", "nobody@example.invalid", "check", suppress=True, at=now.astimezone(UTC))
    return _only(statement, _parameters(backend, nobody))


def _counted(rows: int) -> str:
    if rows < 0:
        return "done; the database does not tell how many rows"
    return "no row is concerned" if rows == 0 else f"{rows} row{'s' if rows > 1 else ''}"


def _is_refused(error: DBAPIError) -> bool:
    """Checks whether an error is about a value of the change: PostgreSQL's SQLSTATE class 22, and the same elsewhere.

    Except 22012, a division by zero: the statement causes that.
    """
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return bool(str(state).startswith("22") and state != "22012")
    arguments = getattr(error.orig, "args", ())
    if arguments and isinstance(arguments[0], int):
        return arguments[0] in _REFUSED_BY_MYSQL
    return type(error).__name__ == "DataError"
