"""A ledger in SQLite, all of it, into PostgreSQL: what took minutes to make is there on both in some seconds."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Boolean, Connection, Table

from bounce_watcher.ledger.db.engine import open_engine, reading
from bounce_watcher.ledger.db.migrate import upgrade
from bounce_watcher.ledger.db.tables import METADATA
from bounce_watcher.ledger.db.types import UtcDateTime

_ROWS = 5000
_VACUUMS = 5
_NOT_VISIBLE = (
    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND relallvisible < relpages"
)
_EXPRESSIONS: dict[type, Callable[[str], str]] = {
    UtcDateTime: lambda name: f"{name} || '+00'",  # SQLite keeps times of UTC without a zone
    Boolean: lambda name: f"CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END",
}


def copy_ledger(source: str, target: str) -> None:
    """`source` is the URL of a ledger in SQLite, `target` that of an empty database of PostgreSQL."""
    engine = open_engine(target)
    upgrade(engine)
    engine.dispose()
    engine = open_engine(source)
    plain = target.replace("postgresql+psycopg:", "postgresql:")
    with reading(engine) as connection, psycopg.connect(plain) as copy:
        for table in METADATA.sorted_tables:
            _copy_table(connection, copy, table)
            _set_sequence(copy, table)
    with psycopg.connect(plain, autocommit=True) as copy:
        _vacuum(copy)
    engine.dispose()


def _vacuum(copy: psycopg.Connection[Any]) -> None:
    """As autovacuum does in time. While one of its workers looks on, a vacuum does not mark pages as visible to all."""
    for _ in range(_VACUUMS):
        copy.execute("VACUUM ANALYZE")
        found = copy.execute(_NOT_VISIBLE).fetchone()
        if found is not None and found[0] == 0:
            break
        time.sleep(1)


def _copy_table(connection: Connection, copy: psycopg.Connection[Any], table: Table) -> None:
    chosen = ", ".join(_EXPRESSIONS.get(type(column.type), str)(f'"{column.name}"') for column in table.columns)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    )
    rows = connection.exec_driver_sql(f'SELECT {chosen} FROM "{table.name}"')
    with copy.cursor().copy(into) as taker:
        while part := rows.fetchmany(_ROWS):
            for row in part:
                taker.write_row(tuple(row))


def _set_sequence(copy: psycopg.Connection[Any], table: Table) -> None:
    """The next row gets the number behind the last."""
    column = table.autoincrement_column
    if column is not None:
        copy.execute(sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}").format(
            sql.Literal(table.name), sql.Literal(column.name), sql.Identifier(column.name), sql.Identifier(table.name)
        ))
