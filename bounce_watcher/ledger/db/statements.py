"""The few statements that SQLAlchemy spells differently for SQLite and PostgreSQL, and what several rooms share."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.types import ARRAY, TypeEngine

from bounce_watcher.ledger.db.tables import OUTBOX
from bounce_watcher.ledger.db.types import recipient_key, storable

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
    ADD = auto()        # the new one's numbers are added to the old one's


class RecipientKey(NamedTuple):
    """A recipient of a stream. Their order is the order in which rows are locked: always the same, so no deadlock."""

    stream: str
    address: str


def key_of(recipient: str, stream: str) -> RecipientKey:
    return RecipientKey(storable(stream), recipient_key(recipient))


KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
"""The values of an IN list, in a statement that is made once."""


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def by_stream(keys: Sequence[RecipientKey]) -> Iterator[Values]:
    """Sorted keys as parameters of statements: a `stream` and some hundred `keys` of it each."""
    for stream, of_stream in groupby(keys, attrgetter("stream")):
        for part in chunks([key.address for key in of_stream]):
            yield {"stream": stream, "keys": part}


def columns_of(table: Table, *but: str) -> tuple[str, ...]:
    """The names of a table's columns, in its order, without some."""
    return tuple(column.name for column in table.columns if column.name not in but)


@dataclass(frozen=True, slots=True)
class Insertion:
    """An INSERT of some of a table's columns, spelled by SQLAlchemy once and executed with plain values.

    Page after page a few statements take all the rows there are: given to SQLAlchemy as a mapping each, they cost
    several times as much. SQLite takes row after row. PostgreSQL takes each column as one array, which costs client and
    server half of what rows do. `columns` stand in the order of the table.
    """

    table: Table
    columns: tuple[str, ...]
    conflict: Conflict = Conflict.REFUSE

    def execute(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Each row holds a value for each of the columns, in their order."""
        if not rows:
            return
        text, processes = _spelled(self, is_sqlite(connection))
        columns = [process(column) for process, column in zip(processes, zip(*rows, strict=True), strict=True)]
        parameters = list(zip(*columns, strict=True)) if is_sqlite(connection) else tuple(map(list, columns))
        connection.exec_driver_sql(text, parameters)


@cache
def _spelled(wanted: Insertion, on_sqlite: bool) -> tuple[str, list[Process]]:
    """The statement's text with places for parameters, and for each column what makes its values fit for the driver."""
    dialect = sqlite.dialect() if on_sqlite else psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    text = str(_statement(wanted, on_sqlite).compile(dialect=dialect, column_keys=list(wanted.columns)))
    processes = [_process_of(wanted.table.c[name].type, dialect) for name in wanted.columns]
    return text if on_sqlite else text.replace("%s", "%b"), processes  # psycopg's arrays are slow as text


def _statement(wanted: Insertion, on_sqlite: bool) -> Insert:
    statement = _insert_into(wanted.table, on_sqlite)
    if not on_sqlite:
        statement = statement.from_select(wanted.columns, _rows_of_arrays(wanted))
    if wanted.conflict is Conflict.REFUSE:
        return statement
    if wanted.conflict is Conflict.IGNORE:
        return statement.on_conflict_do_nothing()
    keys = [column.name for column in wanted.table.primary_key]
    changed = {name: _next(wanted, statement, name) for name in wanted.columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _next(wanted: Insertion, statement: Insert, name: str) -> ColumnElement[Any]:
    new: ColumnElement[Any] = statement.excluded[name]
    return wanted.table.c[name] + new if wanted.conflict is Conflict.ADD else new


def _rows_of_arrays(wanted: Insertion) -> Select[Any]:
    arrays = [bindparam(f"{name}_array", type_=ARRAY(wanted.table.c[name].type)) for name in wanted.columns]
    rows = func.unnest(*arrays).table_valued(*wanted.columns).render_derived()
    return select(*rows.columns)


def _process_of(type_: TypeEngine[Any], dialect: Dialect) -> Process:
    if isinstance(type_, Text):
        return _texts
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    return partial(map, process) if process else iter


def _texts(column: Sequence[str | None]) -> list[str | None]:
    """Plain strings that can be stored: of an enumeration's members the drivers would have to ask what they are."""
    plain = [text and str(text) for text in column]
    together = "".join(filter(None, plain))
    if storable(together) is together:  # nearly always, so that none is looked at by itself
        return plain
    return [text and storable(text) for text in plain]


def insert_into(connection: Connection, table: Table) -> Insert:
    return _insert_into(table, is_sqlite(connection))


def _insert_into(table: Table, on_sqlite: bool) -> Insert:
    return sqlite.insert(table) if on_sqlite else postgresql.insert(table)


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
