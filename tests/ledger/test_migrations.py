"""Two ways to a schema, one result; and a ledger that refuses to work on another one."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from bounce_watcher.ledger.db import schema, steps
from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.db.migrate import HEAD, check, upgrade
from bounce_watcher.ledger.db.tables import METADATA
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure
from tests.ledger import schemas
from tests.ledger.making import bounce, page, record

pytestmark = pytest.mark.dialects

SCHEMAS = Path(str(schema.SCHEMAS))
VERSIONS = SCHEMAS.parent / "versions"


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
    assert steps.after(None)[-1].revision == HEAD


RELEASED = {"r0001_ledger.py": "fb18b6e9b3ccee616a9272aec434aa112698e0addbadf8e9588d4bab4fde7769"}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_stays_as_it_is(name: str) -> None:
    """Never edit one, and never renew its digest here: ledgers that have run it would claim a schema that they don't
    have. Write a new revision (migrations/README.md). A migration gets its line in `RELEASED` when it is released."""
    assert hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() == RELEASED[name]


def test_each_migration_says_what_it_does_to_a_large_ledger() -> None:
    silent = [path.name for path in VERSIONS.glob("r*.py") if "\nAt 10⁷ events: " not in path.read_text("utf-8")]
    assert silent == []


def test_the_schemas_that_ship_are_those_that_the_migrations_make(fresh: Callable[[], Engine]) -> None:
    url = fresh().url
    shipped = {path.name: path.read_text("utf-8") for path in SCHEMAS.glob(f"*.{url.get_backend_name()}.json")}
    made = dict(schemas.made(url.render_as_string(hide_password=False)))
    assert shipped == made, "run: python -m tests.ledger.schemas"


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


def test_a_database_of_somebody_else_is_left_alone(fresh: Callable[[], Engine]) -> None:
    engine = fresh()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event (id INTEGER)"))
    with pytest.raises(PermanentFailure, match=r"names of a ledger's: event; give the ledger a database of its own"):
        upgrade(engine)
    assert inspect(engine).get_table_names() == ["event"]
    engine.dispose()
