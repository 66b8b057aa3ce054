"""Pages of long lists for people: from a key on, older or newer; what takes long is cut off where it stands.

Each list goes down an index, from the newest on. What no index tells is looked at row by row, in stretches that grow: a
reader who asks for what hardly occurs is told how far back was looked, and goes on from there.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, literal, select, text, true, tuple_
from sqlalchemy.exc import DBAPIError

from bounce_watcher.ledger.engine import reading
from bounce_watcher.ledger.statements import is_sqlite
from bounce_watcher.model.errors import TemporaryFailure

V = TypeVar("V")
W = TypeVar("W")
Key = tuple[Any, ...]
Condition = ColumnElement[bool]

WITHIN = 2.0
"""Seconds that a page's query may take."""
ROWS = 50
_FIRST_STRETCH, _GROWTH, _LONGEST_STRETCH = 1000, 4, 64_000
_QUERY_CANCELED = "57014"
"""PostgreSQL manual, appendix A: what a statement that ran out of time ends with."""


class TookTooLong(TemporaryFailure):
    """A query was cut off at its limit of time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: at the newest, behind `key`, or with `newer` before it."""

    key: Key | None = None
    newer: bool = False
    rows: int = ROWS


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """`rows` newest first; `older` and `newer` are the keys to go on from, None at either end.

    `looked_back_to` is set where the time ran out: nothing older than that key was looked at.
    """

    rows: tuple[V, ...]
    older: Key | None = None
    newer: Key | None = None
    looked_back_to: Key | None = None


class Limit:
    """What is left of the time for a page's queries; `is_over` once it has run out."""

    def __init__(self) -> None:
        self.is_over = False


@contextmanager
def looking(engine: Engine, within: float = WITHIN) -> Iterator[tuple[Connection, Limit]]:
    """One snapshot whose statements end after `within` seconds, on either database. Raises TookTooLong."""
    limit = Limit()
    with reading(engine) as connection:
        interrupt = _interrupt(connection, within)

        def end() -> None:
            limit.is_over = True
            interrupt()

        timer = threading.Timer(within, end)
        timer.daemon = True
        timer.start()
        try:
            yield connection, limit
        except DBAPIError as error:
            if _is_cut_off(error):
                raise TookTooLong(f"this took longer than {within:g} s and was cut off") from None
            raise
        finally:
            timer.cancel()
            timer.join()  # or it would end the next statement on this connection


def _interrupt(connection: Connection, within: float) -> Callable[[], None]:
    """SQLite's statement is interrupted by another thread, PostgreSQL's ends by itself."""
    if is_sqlite(connection):
        interrupt: Callable[[], None] = connection.connection.driver_connection.interrupt  # type: ignore[union-attr]
        return interrupt
    connection.execute(text(f"SET LOCAL statement_timeout = {int(within * 1000)}"))
    return lambda: None


def _is_cut_off(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED or str(error.orig) == "interrupted"


@dataclass(frozen=True, slots=True)
class Walk:
    """A list in a table: `order` by which it goes down an index, newest first, and which tells its rows apart.

    `through` is what the index tells as well, `also` what only the row tells.
    """

    chosen: Select[Any]
    order: tuple[ColumnElement[Any], ...]
    through: tuple[Condition, ...] = ()
    also: tuple[Condition, ...] = ()

    def page(self, connection: Connection, limit: Limit, place: Place) -> Page[Any]:
        """The rows of a page as they were chosen; the columns of `order` are the first of each."""
        steps = _Steps(self, connection, limit, newer=place.newer)
        rows = steps.take(place.key, place.rows + 1)
        more, rows = len(rows) > place.rows, rows[: place.rows]
        if place.newer:
            rows.reverse()
            if not more and not steps.cut and len(rows) < place.rows:
                return self.page(connection, limit, Place(rows=place.rows))  # the beginning, and all of it
            newer = self._key(rows[0]) if more else steps.cut
            return Page(tuple(rows), self._key(rows[-1]) if rows else place.key, newer)
        older = self._key(rows[-1]) if more else steps.cut
        return Page(tuple(rows), older, self._key(rows[0]) if rows and place.key else None, steps.cut)

    def all(self, engine: Engine, size: int = 500) -> Iterator[Any]:
        """Every row, whatever time it takes: each page its own short transaction."""
        key: Key | None = None
        while True:
            with reading(engine) as connection:
                rows = connection.execute(self.ordered(self.behind(key), *self.also).limit(size)).all()
            yield from rows
            if len(rows) < size:
                return
            key = self._key(rows[-1])

    def ordered(self, *where: Condition, newer: bool = False) -> Select[Any]:
        order = [column.asc() if newer else column.desc() for column in self.order]
        return self.chosen.where(*self.through, *where).order_by(*order)

    def behind(self, key: Key | None, *, newer: bool = False, including: bool = False) -> Condition:
        if key is None:
            return true()
        left = tuple_(*self.order)
        right = tuple_(*(literal(value, column.type) for column, value in zip(self.order, key, strict=True)))
        if including:
            return left >= right if newer else left <= right
        return left > right if newer else left < right

    def _key(self, row: Sequence[Any]) -> Key:
        return tuple(row[: len(self.order)])


class _Steps:
    """Goes down (or up) a walk. `cut` is the last key looked at where the time ran out."""

    def __init__(self, walk: Walk, connection: Connection, limit: Limit, *, newer: bool) -> None:
        self._walk = walk
        self._connection = connection
        self._limit = limit
        self._newer = newer
        self.cut: Key | None = None

    def take(self, key: Key | None, wanted: int) -> list[Any]:
        if not self._walk.also:
            chosen = self._walk.ordered(self._walk.behind(key, newer=self._newer), newer=self._newer)
            return list(self._connection.execute(chosen.limit(wanted)))
        return self._by_stretches(key, wanted)

    def _by_stretches(self, key: Key | None, wanted: int) -> list[Any]:
        found: list[Any] = []
        stretch, start = _FIRST_STRETCH, key
        while len(found) < wanted:
            if self._limit.is_over:
                self.cut = start
                return found
            try:
                end = self._end_of(start, stretch)
                found.extend(self._within(start, end, wanted - len(found)))
            except DBAPIError as error:
                if not _is_cut_off(error) or start == key:
                    raise
                self.cut = start
                return found
            if end is None:
                return found
            start, stretch = end, min(stretch * _GROWTH, _LONGEST_STRETCH)
        return found

    def _end_of(self, start: Key | None, stretch: int) -> Key | None:
        """The key of the stretch's last row, told by the index alone; None where the list ends before it."""
        walk = self._walk
        order = [column.asc() if self._newer else column.desc() for column in walk.order]
        keys = select(*walk.order).where(*walk.through, walk.behind(start, newer=self._newer)).order_by(*order)
        row = self._connection.execute(keys.offset(stretch - 1).limit(1)).first()
        return tuple(row) if row else None

    def _within(self, start: Key | None, end: Key | None, wanted: int) -> Sequence[Any]:
        walk = self._walk
        chosen = walk.ordered(
            walk.behind(start, newer=self._newer), walk.behind(end, newer=not self._newer, including=True), *walk.also,
            newer=self._newer,
        )
        return self._connection.execute(chosen.limit(wanted)).all()
