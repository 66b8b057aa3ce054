"""Two ways to a schema, one result; and a ledger that refuses to work on another one."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from bounce_watcher.ledger.db import steps
from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.db.migrate import HEAD, check, upgrade
from bounce_watcher.ledger.db.tables import METADATA
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure
from tests.ledger.making import bounce, page, record

pytestmark = pytest.mark.dialects


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Engine]:
    """Makes engines on fresh databases, all of one kind."""
    names = iter(range(9))

    def make() -> Engine:
        if request.param == "sqlite":
            return open_engine(f"sqlite:///{tmp_path}/{next(names)}.db")
        server = request.getfixturevalue("postgres_server")
        server.start()
        return open_engine(server.create_database())

    return make


def _sqlite_schema(connection: Connection) -> object:
    rows = connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"))
    indexes = {(kind, name, table, sql) for kind, name, table, sql in rows if kind == "index"}
    return indexes, _reflected(connection)


def _postgresql_schema(connection: Connection) -> object:
    columns = connection.execute(text(
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    )).all()
    indexes = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")).all()
    return columns, indexes, _reflected(connection)


def _reflected(connection: Connection) -> object:
    inspector = inspect(connection)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table),
            inspector.get_unique_constraints(table),
            inspector.get_foreign_keys(table),
        )
        for table in inspector.get_table_names()
    }


def _schema(engine: Engine) -> object:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
        of_this_kind = _sqlite_schema if engine.dialect.name == "sqlite" else _postgresql_schema
        return of_this_kind(connection)


def test_create_all_equals_all_migrations(fresh: Callable[[], Engine]) -> None:
    created, migrated = fresh(), fresh()
    METADATA.create_all(created)
    upgrade(migrated)
    assert _schema(migrated) == _schema(created)
    created.dispose()
    migrated.dispose()


def test_the_head_is_the_last_migration() -> None:
    assert steps.scripts().get_current_head() == HEAD


def test_upgrade_twice_is_no_harm_and_keeps_what_is_there(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")))
    ledger.upgrade()
    ledger.check()
    assert len(list(ledger.lists.events())) == 1


def test_two_processes_upgrade_at_once(ledger_url: str) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with Ledger.connect(ledger_url) as ledger:
                ledger.upgrade()
                ledger.check()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_check_wants_a_schema(ledger_url: str) -> None:
    with Ledger.connect(ledger_url) as ledger, pytest.raises(PermanentFailure, match="run: bounce-watcher db upgrade"):
        ledger.check()


def test_work_without_a_schema_tells_the_mend(ledger_url: str) -> None:
    with Ledger.connect(ledger_url) as ledger:
        with pytest.raises(PermanentFailure, match="run: bounce-watcher db upgrade"):
            record(ledger, page(bounce("m1")))
        with pytest.raises(PermanentFailure, match="run: bounce-watcher db upgrade"):
            list(ledger.lists.events())


def test_schema_of_a_newer_version_is_left_alone(fresh: Callable[[], Engine]) -> None:
    engine = fresh()
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(PermanentFailure, match="of a newer bounce-watcher; install that version"):
        check(engine)
    with pytest.raises(PermanentFailure, match="of a newer bounce-watcher; install that version"):
        upgrade(engine)
    engine.dispose()
