"""The schema as the database has it: each part with its definition, so that two schemas are compared like dicts.

A few queries of the catalogs, since this happens whenever a ledger is opened: SQLAlchemy's inspector takes several
times as long. What does not matter is left out, so that two ways to one schema give the same definitions: the order of
columns, spaces, quotes, the name of PostgreSQL's schema and storage parameters. PostgreSQL 13 to 18 say the same, but
18 lists NOT NULL among the constraints as well (contype n): it is taken from the columns alone.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Text, bindparam, inspect, text

from bounce_watcher.model.schema import PartKind, SchemaDifference, SchemaPart

Schema = Mapping[SchemaPart, str]
_Part = tuple[SchemaPart, str]

SCHEMAS = files("bounce_watcher.ledger.db") / "migrations" / "schemas"


@cache
def expected(revision: str, dialect: str) -> Schema:
    """Returns the schema after a migration, which ships with the program."""
    rows = json.loads((SCHEMAS / f"{revision}.{dialect}.json").read_text("utf-8"))
    return {SchemaPart(table, PartKind(kind), name): definition for table, kind, name, definition in rows}


def as_json(schema: Schema) -> str:
    """Returns the text of the file that `expected` reads: a part on each line, sorted."""
    rows = (json.dumps((*part, definition)) for part, definition in sorted(schema.items()))
    return "[\n" + ",\n".join(rows) + "\n]\n"


def read(connection: Connection, of: Collection[str] | None = None) -> Schema:
    """Returns the parts of the schema. With `of`, other tables have no parts but themselves."""
    parts = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    return dict(parts(connection, of))


def tables(connection: Connection) -> set[str]:
    """Returns the names of all tables."""
    return {part.table for part in read(connection, ())}


def differences(connection: Connection, revision: str) -> tuple[SchemaDifference, ...]:
    """Returns how the schema differs from the one after a migration. Of a missing table, only the table is named."""
    wanted = expected(revision, connection.dialect.name)
    found = read(connection, {part.table for part in wanted})
    present = {part.table for part in found}
    return tuple(
        SchemaDifference(part, wanted.get(part), found.get(part))
        for part in sorted(wanted.keys() | found.keys())
        if wanted.get(part) != found.get(part) and (part.table in present or part.kind is PartKind.TABLE)
    )


def _rows(connection: Connection, query: str, tables: Collection[str]) -> list[Any]:
    statement = text(query).bindparams(bindparam("tables", expanding=True, type_=Text()))
    return list(connection.execute(statement, {"tables": sorted(tables)}))


def _tables(connection: Connection, query: str, of: Collection[str] | None) -> tuple[dict[str, str], set[str]]:
    """Returns the definitions of all tables, and the names of those whose parts are wanted."""
    found: dict[str, str] = {row[0]: row[1] for row in connection.execute(text(query))}
    return found, set(found) if of is None else found.keys() & set(of)


def _joined(*words: str | bool | None) -> str:
    return " ".join(str(word) for word in words if word)


# ── SQLite ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_SQLITE_TABLES = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
_SQLITE_COLUMNS = """
    SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.hidden, c.pk
    FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND m.name IN :tables"""
_SQLITE_INDEXES = """
    SELECT m.name, i.name, i."unique", i.origin, s.sql, x.name, x."desc", x.coll
    FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x
    LEFT JOIN sqlite_master s ON s.type = 'index' AND s.name = i.name
    WHERE m.type = 'table' AND m.name IN :tables AND x.key AND i.origin <> 'pk' ORDER BY m.name, i.name, x.seqno"""
_SQLITE_FOREIGN_KEYS = """
    SELECT m.name, f.id, f."table", f.on_update, f.on_delete, f."from", f."to"
    FROM sqlite_master m, pragma_foreign_key_list(m.name) f
    WHERE m.type = 'table' AND m.name IN :tables ORDER BY m.name, f.id, f.seq"""

_CONDITION = re.compile(r"\bWHERE\b(.*)", re.DOTALL | re.IGNORECASE)
_QUOTED_NAME = re.compile(r'"(\w+)"')


def _sqlite(connection: Connection, of: Collection[str] | None) -> Iterator[_Part]:
    found, wanted = _tables(connection, _SQLITE_TABLES, of)
    for name, sql in found.items():
        options = sql.rpartition(")")[2].upper().split()  # WITHOUT ROWID, STRICT
        yield SchemaPart(name, PartKind.TABLE, name), " ".join(("TABLE", *options))
    yield from _sqlite_columns(_rows(connection, _SQLITE_COLUMNS, wanted))
    for (table, name, unique, origin, sql), of_index in groupby(
        _rows(connection, _SQLITE_INDEXES, wanted), itemgetter(0, 1, 2, 3, 4)
    ):
        columns = [row[5:] for row in of_index]
        if origin == "u":
            names = ", ".join(column for column, *_ in columns)
            yield SchemaPart(table, PartKind.CONSTRAINT, f"({names})"), f"UNIQUE ({names})"
        else:
            create = "CREATE UNIQUE INDEX" if unique else "CREATE INDEX"
            yield SchemaPart(table, PartKind.INDEX, name), f"{create} {name} ON {table} {_indexed(columns, sql)}"
    for (table, _, target, on_update, on_delete), of_key in groupby(
        _rows(connection, _SQLITE_FOREIGN_KEYS, wanted), itemgetter(0, 1, 2, 3, 4)
    ):
        names, referred = (", ".join(map(str, each)) for each in zip(*(row[5:] for row in of_key), strict=True))
        rule = f"REFERENCES {target} ({referred}) ON UPDATE {on_update} ON DELETE {on_delete}"
        yield SchemaPart(table, PartKind.CONSTRAINT, f"({names})"), f"FOREIGN KEY ({names}) {rule}"
    for table in (name for name in wanted if "CHECK" in found[name].upper()):
        for check in inspect(connection).get_check_constraints(table):  # no pragma lists them
            name = check["name"] or check["sqltext"]
            yield SchemaPart(table, PartKind.CONSTRAINT, name), f"CHECK ({_plain(check['sqltext'])})"


def _sqlite_columns(rows: list[Any]) -> Iterator[_Part]:
    keys: dict[str, dict[int, str]] = defaultdict(dict)
    for table, name, type_, not_null, default, hidden, key in rows:
        yield SchemaPart(table, PartKind.COLUMN, name), _joined(
            type_, not_null and "NOT NULL", default is not None and f"DEFAULT {default}", hidden and "GENERATED"
        )
        if key:
            keys[table][key] = name
    for table, columns in keys.items():
        names = ", ".join(columns[place] for place in sorted(columns))
        yield SchemaPart(table, PartKind.PRIMARY_KEY, table), f"PRIMARY KEY ({names})"


def _indexed(columns: Sequence[tuple[str | None, bool, str]], sql: str) -> str:
    """Returns the columns of an index and its condition."""
    if any(name is None for name, *_ in columns):  # an expression, which only the statement holds
        return _plain(sql[sql.index("("):])
    listed = ", ".join(
        _joined(name, collation != "BINARY" and f"COLLATE {collation}", descending and "DESC")
        for name, descending, collation in columns
    )
    condition = _CONDITION.search(sql)
    return _joined(f"({listed})", condition and f"WHERE {_plain(condition[1])}")


def _plain(sql: str) -> str:
    return _QUOTED_NAME.sub(r"\1", " ".join(sql.split()))


# ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────────────

_POSTGRESQL_TABLES = """
    SELECT t.relname, CASE WHEN t.relkind = 'p' THEN 'PARTITIONED TABLE' WHEN t.relpersistence = 'u'
        THEN 'UNLOGGED TABLE' ELSE 'TABLE' END
    FROM pg_class t WHERE t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relkind IN ('r', 'p')"""
_POSTGRESQL_COLUMNS = """
    SELECT t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> y.typcollation THEN 'COLLATE ' || a.attcollation::regcollation::text END,
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        CASE WHEN a.attgenerated <> '' THEN 'GENERATED AS ' WHEN d.oid IS NOT NULL THEN 'DEFAULT ' END
            || replace(pg_get_expr(d.adbin, d.adrelid), quote_ident(current_schema()) || '.', ''),
        CASE a.attidentity WHEN 'a' THEN 'AS IDENTITY ALWAYS' WHEN 'd' THEN 'AS IDENTITY BY DEFAULT' END
    FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relname IN :tables
        AND a.attnum > 0 AND NOT a.attisdropped AND t.relkind IN ('r', 'p')"""
_POSTGRESQL_INDEXES = """
    SELECT t.relname, i.relname, x.indisvalid,
        replace(pg_get_indexdef(x.indexrelid), quote_ident(current_schema()) || '.', '')
    FROM pg_class t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relname IN :tables
        AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))"""
_POSTGRESQL_CONSTRAINTS = """
    SELECT t.relname, k.contype::text, k.conname,
        replace(pg_get_constraintdef(k.oid), quote_ident(current_schema()) || '.', '')
    FROM pg_class t JOIN pg_constraint k ON k.conrelid = t.oid
    WHERE t.relnamespace = quote_ident(current_schema())::regnamespace AND t.relname IN :tables
        AND k.contype IN ('p', 'u', 'x', 'c', 'f')"""

_STORAGE = re.compile(r" WITH \([^)]*\)")


def _postgresql(connection: Connection, of: Collection[str] | None) -> Iterator[_Part]:
    found, wanted = _tables(connection, _POSTGRESQL_TABLES, of)
    for name, definition in found.items():
        yield SchemaPart(name, PartKind.TABLE, name), definition
    for table, name, *words in _rows(connection, _POSTGRESQL_COLUMNS, wanted):
        yield SchemaPart(table, PartKind.COLUMN, name), _joined(*words)
    for table, name, is_valid, definition in _rows(connection, _POSTGRESQL_INDEXES, wanted):
        plain = _STORAGE.sub("", definition, count=1)
        yield SchemaPart(table, PartKind.INDEX, name), plain if is_valid else f"{plain} (invalid)"
    for table, kind, name, definition in _rows(connection, _POSTGRESQL_CONSTRAINTS, wanted):
        if kind == "p":
            yield SchemaPart(table, PartKind.PRIMARY_KEY, table), definition
        else:
            yield SchemaPart(table, PartKind.CONSTRAINT, name), definition
