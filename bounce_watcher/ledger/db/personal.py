"""What each column of the ledger may hold about a person, as the tables say. A test names columns that say nothing."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from sqlalchemy import JSON, ColumnElement, LargeBinary, Table, Text, and_, or_, true, type_coerce

from bounce_watcher.ledger.db.tables import METADATA, ForgetAction
from bounce_watcher.ledger.db.types import AsJson
from bounce_watcher.parsing.mention import Mention

COLUMNS: Mapping[str, Mapping[str, ForgetAction]] = {
    table.name: {column.name: column.info["holds"] for column in table.columns if "holds" in column.info}
    for table in METADATA.sorted_tables
}

STRUCK = (ForgetAction.WORDS, ForgetAction.DOCUMENT, ForgetAction.ADDRESS, ForgetAction.PART)
"""The actions of columns that are searched for an address, besides raw mail."""


def may_hold(table: Table) -> set[str]:
    """Returns the columns of a table that are wide enough for an address."""
    return {column.name for column in table.columns if isinstance(column.type, (Text, JSON, LargeBinary, AsJson))}


def columns_that(table: Table, *hold: ForgetAction) -> list[str]:
    return [name for name, holds in COLUMNS[table.name].items() if holds in hold]


def tables() -> Iterable[Table]:
    """Returns the tables with texts to search."""
    return [table for table in METADATA.sorted_tables if columns_that(table, *STRUCK)]


def may_name(table: Table, mention: Mention) -> ColumnElement[bool]:
    """Returns the condition for rows that may name an address in one of the `STRUCK` columns. It matches all rows that
    do, and some that don't."""
    return or_(*(
        or_(
            and_(true(), *(text.icontains(hint, autoescape=True) for hint in mention.hints)),
            text.contains("&#", autoescape=True),
            text.contains("\\", autoescape=True),
        )
        for text in (type_coerce(table.c[name], Text) for name in columns_that(table, *STRUCK))
    ))


@lru_cache(maxsize=256)
def mention_of(address: str) -> Mention:
    return Mention.of(address)
