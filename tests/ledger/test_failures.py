"""What a person reads when the database does not do its part."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from bounce_watcher.ledger.db.engine import open_engine, told, write
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from bounce_watcher.model.ledger import BounceEvent, Decision, History
from tests.families import for_each
from tests.ledger.making import Platform, bounce, decide, page, record
from tests.servers.postgres import Postgres

SECRET = "correct-horse"
SERVER = f"postgresql+psycopg://ledger:{SECRET}@127.0.0.1:1/db?sslmode=disable"


def _of_driver(name: str, **fields: object) -> type[Exception]:
    return type(name, (Exception,), fields)


@for_each(("error", "expected", "words"), [
    (OperationalError, TemporaryFailure, "database is locked"),
    (OperationalError, TemporaryFailure, "database or disk is full"),
    (OperationalError, TemporaryFailure, "connection refused"),
    (InterfaceError, TemporaryFailure, "the connection is closed"),
    (OperationalError, PermanentFailure, "no such table: event"),
    (OperationalError, PermanentFailure, "attempt to write a readonly database"),
    (OperationalError, PermanentFailure, 'FATAL:  database "x" does not exist'),
    (OperationalError, PermanentFailure, 'FATAL:  password authentication failed for user "ledger"'),
    (ProgrammingError, PermanentFailure, "syntax error"),
], ids=str)
def test_kind_of_failure(error: type[DBAPIError], expected: type[BounceWatcherError], words: str) -> None:
    raised = error("SELECT secret_column", {}, Exception(f"{words}\nLINE 1: {SECRET}\nHINT: {SECRET}"))
    with pytest.raises(expected) as caught, told(make_url(SERVER)):
        raise raised
    assert type(caught.value) is expected
    assert words in str(caught.value)
    assert "127.0.0.1:1/db" in str(caught.value)
    for hidden in (SECRET, "secret_column", "\n"):
        assert hidden not in str(caught.value)


def test_password_that_a_driver_repeats_is_hidden() -> None:
    with pytest.raises(TemporaryFailure) as caught, told(make_url(SERVER)):
        raise OperationalError("", {}, Exception(f"bad option password={SECRET}"))
    assert "password=***" in str(caught.value)


@pytest.mark.parametrize("state", ["42P01", "42703"])
def test_schema_is_known_by_its_sqlstate(state: str) -> None:
    raised = ProgrammingError("", {}, _of_driver("UndefinedTable", sqlstate=state)("Relation fehlt"))
    with pytest.raises(PermanentFailure, match="run: bounce-watcher db upgrade"), told(make_url(SERVER)):
        raise raised


@pytest.mark.parametrize(("url", "words"), [
    ("", "no URL that can be read"),
    (f"postgresql://ledger:{SECRET}@host:port/db", "no URL that can be read"),
    (f"mysql://ledger:{SECRET}@host/db", "mysql is not supported"),
    ("sqlite://", "a ledger in memory would be lost"),
    ("sqlite:///:memory:", "a ledger in memory would be lost"),
], ids=["empty", "port", "mysql", "memory", "named memory"])
def test_url_that_can_not_be_used(url: str, words: str) -> None:
    with pytest.raises(PermanentFailure, match=words) as caught:
        Ledger.connect(url)
    assert "sqlite:////var/lib/bounce-watcher/ledger.db" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match=f"ledger.db: the folder {tmp_path}/no is missing; create it"):
        Ledger.connect(f"sqlite:///{tmp_path}/no/ledger.db")


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match=f"database {tmp_path}: Is a directory; correct database.url"):
        Ledger.connect(f"sqlite:///{tmp_path}")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everything")
def test_file_that_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch(0o400)
    with pytest.raises(PermanentFailure, match=f"{path}: may not be written by this user; correct the owner or mode"):
        Ledger.connect(f"sqlite:///{path}")


def test_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("mailbox = 'returns'\n" * 100)
    with pytest.raises(PermanentFailure, match=r"the file is no SQLite database .*; correct database.url"):
        Ledger.connect(f"sqlite:///{path}")


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with Ledger.connect(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.upgrade()
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_sqlite_survives_a_power_cut_and_waits_for_its_turn(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")

    def pragmas(connection: object) -> list[object]:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar()  # type: ignore[attr-defined]
                for name in ("journal_mode", "synchronous", "busy_timeout")]

    assert write(engine, pragmas) == ["wal", 2, 30000]
    engine.dispose()


def test_writing_transaction_holds_the_lock_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    engine = open_engine(f"sqlite:///{path}")

    def work(_: object) -> None:
        with sqlite3.connect(path, timeout=0) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()

    write(engine, work)
    engine.dispose()


def test_server_away() -> None:
    with pytest.raises(TemporaryFailure, match=r"ledger:\*\*\*@127.0.0.1:1/db: can't be reached") as caught:
        Ledger.connect(SERVER)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_database_that_does_not_exist(postgres_url: str) -> None:
    with pytest.raises(PermanentFailure, match=r"no such database or role .*; create it"):
        Ledger.connect(postgres_url + "_not")


def test_driver_may_be_left_out_of_the_url(postgres_url: str) -> None:
    Ledger.connect(postgres_url.replace("postgresql+psycopg", "postgresql")).close()


def test_restarted_server_heals(postgres_url: str, postgres_server: Postgres) -> None:
    with Ledger.connect(postgres_url) as ledger:
        ledger.upgrade()
        record(ledger, page(bounce("m1")))
        postgres_server.stop()
        with pytest.raises(TemporaryFailure):
            record(ledger, page(bounce("m2", "b@example.org")))
        with pytest.raises(TemporaryFailure):
            list(ledger.lists.events())
        postgres_server.start()
        assert record(ledger, page(bounce("m2", "b@example.org"))).events == 1
        assert len(list(ledger.lists.events())) == 2


def test_server_that_stops_in_mid_page_leaves_nothing_of_it(postgres_url: str, postgres_server: Postgres) -> None:
    def decide_and_stop(event: BounceEvent, history: History) -> Decision:
        postgres_server.stop()
        return decide(event, history)

    with Ledger.connect(postgres_url) as ledger:
        ledger.upgrade()
        with pytest.raises(TemporaryFailure):
            ledger.recording.record(page(bounce("m1")), decide_and_stop, Platform())
        postgres_server.start()
        assert list(ledger.lists.events()) == []
        assert record(ledger, page(bounce("m1"))).events == 1


def test_backend_that_is_cut_off_heals(postgres_url: str) -> None:
    with Ledger.connect(postgres_url) as ledger:
        ledger.upgrade()
        address = postgres_url.replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(address, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE application_name = 'bounce-watcher' AND datname = current_database()")
        assert record(ledger, page(bounce("m1"))).events == 1
