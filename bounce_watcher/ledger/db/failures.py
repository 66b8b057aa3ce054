"""Turns database errors into what the caller should do about them, in one line, without secrets and without SQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure

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


def is_worth_another_try(error: DBAPIError) -> bool:
    """Checks whether the same transaction may succeed immediately, now that the other one is done."""
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRY_AT_ONCE or "UNIQUE constraint failed" in str(error.orig)


def _failure(error: DBAPIError, url: URL) -> BounceWatcherError:
    said = _first_line(error, url)
    haystack = f"{getattr(error.orig, 'sqlstate', None)} {error.orig}".casefold()
    for words, means, fix in _PERMANENT:
        if words in haystack:
            return PermanentFailure(f"database {place(url)}: {means} ({said})", fix)
    for words, means, fix in _TEMPORARY:
        if words in haystack:
            return TemporaryFailure(f"database {place(url)}: {means} ({said})", fix)
    if type(error).__name__ in {"OperationalError", "InterfaceError"} or error.connection_invalidated:
        return TemporaryFailure(f"database {place(url)}: can't be reached or broke off ({said})")
    return PermanentFailure(f"database {place(url)}: refused what it was given ({said})")


def _first_line(error: DBAPIError, url: URL) -> str:
    line = next((line.strip() for line in str(error.orig).splitlines() if line.strip()), type(error.orig).__name__)
    return line.replace(url.password, "***") if url.password else line
