"""The few statements that SQLAlchemy spells differently for SQLite and PostgreSQL, and what several rooms share."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Connection, Dialect, Table, Text, bindparam, literal_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.types import TypeEngine

from bounce_watcher.ledger.tables import OUTBOX
from bounce_watcher.ledger.types import recipient_key, storable

T = TypeVar("T")
Values = Mapping[str, Any]
Row = tuple[Any, ...]
Process = Callable[[Sequence[Any]], Iterable[Any]]
Insert = postgresql.Insert | sqlite.Insert

CHUNK = 500
"""Values in one IN list: far below SQLite's limit of 32,766 parameters and PostgreSQL's of 65,535."""

DUE: ColumnElement[str] = literal_column("'due'")
IS_DUE: ColumnElement[bool] = OUTBOX.c.state == DUE
"""Written out, no parameter: only so do the planners see that a partial index fits."""


class Conflict(Enum):
    """What becomes of a row whose key is there already."""

    REFUSE = auto()
    IGNORE = auto()     # the old one stays as it is
    OVERWRITE = auto()  # the old one gets the new one's values


class Key(NamedTuple):
    """A recipient of a stream. Their order is the order in which rows are locked: always the same, so no deadlock."""

    stream: str
    address: str


def key_of(recipient: str, stream: str) -> Key:
    return Key(storable(stream), recipient_key(recipient))


KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
"""The values of an IN list, in a statement that is made once."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def columns_of(table: Table, *but: str) -> tuple[str, ...]:
    """The names of a table's columns, in its order, without some."""
    return tuple(column.name for column in table.columns if column.name not in but)


@dataclass(frozen=True, slots=True)
class Insertion:
    """An INSERT of some of a table's columns, spelled by SQLAlchemy once and executed with plain tuples.

    Page after page the same few statements take all the rows there are: given to SQLAlchemy as a mapping each, they
    cost four times as much. `columns` stand in the order of the table.
    """

    table: Table
    columns: tuple[str, ...]
    conflict: Conflict = Conflict.REFUSE

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Each row holds a value for each of the columns, in their order."""
        if rows:
            text, stored = _spelled(self, is_sqlite(connection))
            connection.exec_driver_sql(text, stored(rows))


@cache
def _spelled(wanted: Insertion, on_sqlite: bool) -> tuple[str, Callable[[Sequence[Row]], list[Row]]]:
    """The statement's text with positions for parameters, and what makes rows into what the driver takes."""
    dialect = sqlite.dialect() if on_sqlite else psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    text = str(_statement(wanted, on_sqlite).compile(dialect=dialect, column_keys=list(wanted.columns)))
    processes = [_process_of(wanted.table.c[name].type, dialect) for name in wanted.columns]
    return text, partial(_stored, processes)


def _statement(wanted: Insertion, on_sqlite: bool) -> Insert:
    statement = _insert_into(wanted.table, on_sqlite)
    if wanted.conflict is Conflict.REFUSE:
        return statement
    if wanted.conflict is Conflict.IGNORE:
        return statement.on_conflict_do_nothing()
    keys = [column.name for column in wanted.table.primary_key]
    changed = {name: statement.excluded[name] for name in wanted.columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _process_of(type_: TypeEngine[Any], dialect: Dialect) -> Process | None:
    """What a column's values go through on their way to the driver; None where it takes them as they are."""
    if isinstance(type_, Text):
        return _texts
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    return partial(map, process) if process else None


def _texts(column: Sequence[str | None]) -> Iterable[str | None]:
    together = "".join(filter(None, column))
    if storable(together) is together:  # nearly always, so that no text is looked at by itself
        return column
    return [text and storable(text) for text in column]


def _stored(processes: Sequence[Process | None], rows: Sequence[Row]) -> list[Row]:
    columns = zip(*rows, strict=True)
    stored = [process(column) if process else column for process, column in zip(processes, columns, strict=True)]
    return list(zip(*stored, strict=True))


def insert_into(connection: Connection, table: Table) -> Insert:
    return _insert_into(table, is_sqlite(connection))


def _insert_into(table: Table, on_sqlite: bool) -> Insert:
    return sqlite.insert(table) if on_sqlite else postgresql.insert(table)


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
