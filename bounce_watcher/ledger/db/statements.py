"""The few statements that SQLAlchemy writes differently for SQLite and PostgreSQL, and helpers that several folders
share."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import ARRAY, TypeEngine

from bounce_watcher.ledger.db.tables import OUTBOX
from bounce_watcher.ledger.db.types import recipient_key, storable

if TYPE_CHECKING:  # SQLite needs none of PostgreSQL's dialect, whose import is a good part of a small command
    from sqlalchemy.dialects import postgresql

    Insert = postgresql.Insert | sqlite.Insert

T = TypeVar("T")
Values = Mapping[str, Any]
Row = tuple[Any, ...]
Process = Callable[[Sequence[Any]], Iterable[Any]]

CHUNK = 500
"""How many values one IN list takes: far below SQLite's limit of 32,766 parameters and PostgreSQL's of 65,535."""

DUE: ColumnElement[str] = literal_column("'due'")
IS_DUE: ColumnElement[bool] = OUTBOX.c.state == DUE
"""A literal, not a parameter: only then do the planners see that a partial index fits."""


class Conflict(Enum):
    """What happens to a new row whose key already exists."""

    REFUSE = auto()
    IGNORE = auto()     # the old one stays as it is
    OVERWRITE = auto()  # the old one gets the new one's values
    ADD = auto()        # the new one's numbers are added to the old one's


class RecipientKey(NamedTuple):
    """A recipient of a stream. Rows are locked in the sort order of these, always the same, so there is no deadlock."""

    stream: str
    address: str


def key_of(recipient: str, stream: str) -> RecipientKey:
    return RecipientKey(storable(stream), recipient_key(recipient))


KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
"""The values of an IN list, in a statement that is built once."""


def chunks(values: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    size = size or CHUNK
    for start in range(0, len(values), size):
        yield values[start : start + size]


def by_stream(keys: Sequence[RecipientKey]) -> Iterator[Values]:
    """Yields sorted keys as parameters of statements, each a `stream` and at most `CHUNK` of its `keys`."""
    for stream, of_stream in groupby(keys, attrgetter("stream")):
        for part in chunks([key.address for key in of_stream]):
            yield {"stream": stream, "keys": part}


def columns_of(table: Table, *but: str) -> tuple[str, ...]:
    """Returns the names of a table's columns, in its order, without those in `but`."""
    return tuple(column.name for column in table.columns if column.name not in but)


@dataclass(frozen=True, slots=True)
class Insertion:
    """An INSERT of some of a table's columns, compiled by SQLAlchemy once and executed with plain values.

    A few statements write all the rows of every page. As one mapping per row for SQLAlchemy, they would cost several
    times as much. SQLite takes row after row. PostgreSQL takes each column as one array, which costs client and server
    half of what rows do. `columns` are in the order of the table.
    """

    table: Table
    columns: tuple[str, ...]
    conflict: Conflict = Conflict.REFUSE

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Inserts `rows`. Each row holds a value for each of the columns, in their order."""
        if not rows:
            return
        text, processes = _spelled(self, is_sqlite(connection))
        columns = [process(column) for process, column in zip(processes, zip(*rows, strict=True), strict=True)]
        parameters = list(zip(*columns, strict=True)) if is_sqlite(connection) else tuple(map(list, columns))
        connection.exec_driver_sql(text, parameters)


@cache
def _spelled(wanted: Insertion, on_sqlite: bool) -> tuple[str, list[Process]]:
    """Returns the statement's text with placeholders, and for each column what converts its values for the driver."""
    dialect = _dialect(on_sqlite)
    text = str(_statement(wanted, on_sqlite).compile(dialect=dialect, column_keys=list(wanted.columns)))
    processes = [_process_of(wanted.table.c[name].type, dialect) for name in wanted.columns]
    return text if on_sqlite else text.replace("%s", "%b"), processes  # psycopg's arrays are slow as text


def _dialect(on_sqlite: bool) -> Dialect:
    if on_sqlite:
        return sqlite.dialect()
    from sqlalchemy.dialects.postgresql import psycopg  # noqa: PLC0415 - as said above

    return psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]


def _insert(table: Table, on_sqlite: bool) -> "Insert":
    if on_sqlite:
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - as said above

    return postgresql.insert(table)


def _statement(wanted: Insertion, on_sqlite: bool) -> "Insert":
    statement = _insert(wanted.table, on_sqlite)
    if not on_sqlite:
        arrays = [bindparam(f"{name}_array", type_=ARRAY(wanted.table.c[name].type)) for name in wanted.columns]
        rows = func.unnest(*arrays).table_valued(*wanted.columns).render_derived()
        statement = statement.from_select(wanted.columns, select(*rows.columns))
    if wanted.conflict is Conflict.REFUSE:
        return statement
    if wanted.conflict is Conflict.IGNORE:
        return statement.on_conflict_do_nothing()
    keys = [column.name for column in wanted.table.primary_key]
    changed: dict[str, ColumnElement[Any]] = {
        name: statement.excluded[name] for name in wanted.columns if name not in keys
    }
    if wanted.conflict is Conflict.ADD:
        changed = {name: wanted.table.c[name] + new for name, new in changed.items()}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _process_of(type_: TypeEngine[Any], dialect: Dialect) -> Process:
    if isinstance(type_, Text):
        return _texts
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    return partial(map, process) if process else iter


def _texts(column: Sequence[str | None]) -> list[str | None]:
    """Returns plain strings that can be stored. For members of an enumeration the drivers would look up the type."""
    plain = [text and str(text) for text in column]
    together = "".join(filter(None, plain))
    if storable(together) is together:  # nearly always, so the texts need not be checked one by one
        return plain
    return [text and storable(text) for text in plain]


def insert_into(connection: Connection, table: Table) -> "Insert":
    return _insert(table, is_sqlite(connection))


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
