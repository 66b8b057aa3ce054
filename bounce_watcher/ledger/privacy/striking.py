"""Strikes an address out of the rows of others: out of texts by servers and people, and out of items for targets."""

import json
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, Text, and_, delete, or_, select, type_coerce, update

from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.personal import columns_that, may_name, mention_of, tables
from bounce_watcher.ledger.db.statements import chunks, is_sqlite
from bounce_watcher.ledger.db.tables import OUTBOX, ForgetAction
from bounce_watcher.ledger.db.types import AsJson
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.parsing.mention import Mention

PAGE = 200

Run = Callable[[Callable[[Connection], int]], int]
"""Runs work in a transaction, or rehearses it."""


def strike_out(engine: Engine, mention: Mention, own: Set[str], run: Run) -> int:
    """Strikes the address out page by page, each in its own transaction. Returns how many rows about others changed.

    `own` are the names under which the person's own rows are filed. Among these, items still to be sent keep it.
    """
    return sum(
        run(partial(_strike, table=table, keys=part, mention=mention, own=own))
        for table in tables()
        for part in _naming(engine, table, mention, own)
    )


def _naming(engine: Engine, table: Table, mention: Mention, own: Set[str]) -> Iterator[Sequence[Any]]:
    """Yields the primary keys of rows that name the address, page by page."""
    chosen = _as_stored(table).where(may_name(table, mention))
    for rows in in_pages(engine, chosen, list(table.primary_key), PAGE):
        if found := [_key(table, row) for row in rows if _change(table, row, mention, own) != {}]:
            yield found


def _strike(connection: Connection, table: Table, keys: Sequence[Any], mention: Mention, own: Set[str]) -> int:
    """Strikes the address out of these rows. Reads them again first: another writer may have changed them."""
    struck = 0
    for part in chunks(keys):
        chosen = _as_stored(table).where(or_(*(_is(table, key) for key in part)))
        for row in connection.execute(chosen if is_sqlite(connection) else chosen.with_for_update()).all():
            changes = _change(table, row, mention, own)
            here = _is(table, _key(table, row))
            if changes is None:
                connection.execute(delete(table).where(here))
            elif changes:
                stored = {
                    name: type_coerce(value, Text) if isinstance(table.c[name].type, AsJson) else value
                    for name, value in changes.items()
                }
                connection.execute(update(table).where(here).values(stored))
            struck += changes != {} and not _is_of(row, own)
    return struck


def _as_stored(table: Table) -> Select[Any]:
    """Returns the query for a table's rows, with JSON values as their text."""
    return select(*(
        type_coerce(column, Text).label(column.name) if isinstance(column.type, AsJson) else column
        for column in table.columns
    ))


def _key(table: Table, row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, column.name) for column in table.primary_key)


def _is(table: Table, key: Sequence[Any]) -> Any:
    return and_(*(column == value for column, value in zip(table.primary_key, key, strict=True)))


def _change(table: Table, row: Any, mention: Mention, own: Set[str]) -> dict[str, Any] | None:
    """Returns the columns that change without the address, with their new values; None if the row must be deleted."""
    spare = _own(table, row)
    if any(mention.is_in(getattr(row, each), spare) for each in columns_that(table, ForgetAction.PART)):
        return None
    struck: dict[str, Any] = {}
    for each in columns_that(table, ForgetAction.WORDS, ForgetAction.ADDRESS, ForgetAction.DOCUMENT):
        text = getattr(row, each)
        if text is None or not mention.may_be_in(text):
            continue
        if each in columns_that(table, ForgetAction.ADDRESS):
            changed = None if mention_of(text) == mention else text
        elif each in columns_that(table, ForgetAction.DOCUMENT):
            is_to_be_sent = table is OUTBOX and _is_of(row, own) and row.state == OutboxState.DUE
            changed = text if is_to_be_sent else _in_document(text, mention, spare)
        else:
            changed = mention.masked(text, spare)
        if changed != text:
            struck[each] = changed
    return struck


def _own(table: Table, row: Any) -> list[Mention]:
    """Returns the addresses that a row is about. One that ends like the forgotten address, as `=ada@…` like `ada@…`, is
    not struck out."""
    names = (getattr(row, each) for each in columns_that(table, ForgetAction.NAME))
    return [mention_of(each) for each in names if each and not is_forgotten(each)]


def _is_of(row: Any, own: Set[str]) -> bool:
    return getattr(row, "recipient_key", None) in own


def _in_document(text: str, mention: Mention, spare: Sequence[Mention]) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        return mention.masked(text, spare)
    changed = _in_value(document, mention, spare)
    if changed == document:
        return text
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))


def _in_value(value: Any, mention: Mention, spare: Sequence[Mention]) -> Any:
    if isinstance(value, str):
        return mention.masked(value, spare)
    if isinstance(value, list):
        return [_in_value(each, mention, spare) for each in value]
    if isinstance(value, dict):
        return {name: _in_value(each, mention, spare) for name, each in value.items()}
    return value
