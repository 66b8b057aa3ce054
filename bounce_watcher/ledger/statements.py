"""The few statements that SQLAlchemy spells differently for SQLite and PostgreSQL, and what several rooms share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite

from bounce_watcher.ledger.tables import OUTBOX
from bounce_watcher.ledger.types import recipient_key, storable

T = TypeVar("T")
Values = Mapping[str, Any]

CHUNK = 500
"""Values in one IN list: far below SQLite's limit of 32,766 parameters and PostgreSQL's of 65,535."""

DUE: ColumnElement[str] = literal_column("'due'")
IS_DUE: ColumnElement[bool] = OUTBOX.c.state == DUE
"""Written out, no parameter: only so do the planners see that a partial index fits."""


class Key(NamedTuple):
    """A recipient of a stream. Their order is the order in which rows are locked: always the same, so no deadlock."""

    stream: str
    address: str


def key_of(recipient: str, stream: str) -> Key:
    return Key(storable(stream), recipient_key(recipient))


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def cleaned(row: Values) -> Values:
    """`row` with texts that can be stored."""
    texts = "".join([value for value in row.values() if isinstance(value, str)])
    if storable(texts) is texts:  # nearly always, and a third of the price of asking each
        return row
    return {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}


def insert(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    if rows:
        connection.execute(table.insert(), [cleaned(row) for row in rows])


def insert_new(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Inserts; a row whose key is there already changes nothing."""
    if rows:
        connection.execute(insert_into(connection, table).on_conflict_do_nothing(), [cleaned(row) for row in rows])


def upsert(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Inserts, or overwrites the row of the same primary key with the columns given. All rows have the same columns."""
    if not rows:
        return
    statement = insert_into(connection, table)
    keys = {column.name for column in table.primary_key}
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    statement = statement.on_conflict_do_update(index_elements=sorted(keys), set_=changed)
    connection.execute(statement, [cleaned(row) for row in rows])


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
