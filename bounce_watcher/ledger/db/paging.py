"""Pages of long lists for people: older or newer rows from a key on. A query that takes long is cut off.

Each list walks down an index, newest first. What no index finds is searched for in stretches, for as long as a reader
is willing to wait. If matches are rare, the page says how far back the search went, and the reader goes on from there.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, func, literal, select, text, true, tuple_
from sqlalchemy.exc import DBAPIError

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import is_sqlite
from bounce_watcher.model.errors import TemporaryFailure

V = TypeVar("V")
W = TypeVar("W")
Key = tuple[Any, ...]
Condition = ColumnElement[bool]

WITHIN = 2.0
"""Seconds after which a statement is cut off: none should take so long."""
OF_A_FILE = 60.0
"""The same limit where a whole list is written: there nobody waits for a page."""
ENOUGH = 0.08
"""Seconds after which a page shows what it has found so far and where to continue."""
ROWS = 50
ENTRIES, LOOKED_UP, LOOKED_AROUND = 16_000, 1000, 500
"""The longest stretch if an index answers the query, if the rows themselves do, and if rows of another table do. Each
takes some 10 ms, so that a search ends when its time is over."""
_FIRST_STRETCH, _GROWTH = 1000, 4
_FOR_A_PAGE = text(
    "SELECT set_config('statement_timeout', :within, true), "
    "set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true), "
    "set_config('plan_cache_mode', 'force_custom_plan', true)"
)
_QUERY_CANCELED = "57014"
"""The SQLSTATE of a statement that ran out of time (PostgreSQL manual, appendix A)."""


class TookTooLong(TemporaryFailure):
    """A query was cut off at its time limit."""


@dataclass(frozen=True, slots=True)
class PagePosition:
    """Where a page begins: at the newest row, after `key` (older rows), or with `newer` before it."""

    key: Key | None = None
    newer: bool = False
    rows: int = ROWS


@dataclass(frozen=True, slots=True)
class Page(Generic[V]):
    """A page of a list, `rows` newest first. `older` and `newer` are the keys to continue from, None at either end.

    `looked_back_to` is set if the time ran out: nothing older than that key was searched.
    """

    rows: tuple[V, ...]
    older: Key | None = None
    newer: Key | None = None
    looked_back_to: Key | None = None


class TimeLimit:
    """The time limit of a search. `is_over` is set when the search has taken long enough."""

    def __init__(self) -> None:
        self.is_over = False

    def end(self) -> None:
        self.is_over = True


@contextmanager
def looking(engine: Engine, enough: float = ENOUGH, within: float = WITHIN) -> Iterator[tuple[Connection, TimeLimit]]:
    """Opens one snapshot for a search of `enough` seconds. Statements end after `within` seconds on both databases.

    Raises TookTooLong.
    """
    limit = TimeLimit()
    with reading(engine) as connection:
        timers = [threading.Timer(enough, limit.end), threading.Timer(within, _interrupt(connection, within))]
        for timer in timers:
            timer.daemon = True
            timer.start()
        try:
            yield connection, limit
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED or str(error.orig) == "interrupted":
                raise TookTooLong(f"this took longer than {within:g} s and was cut off") from None
            raise
        finally:
            for timer in timers:
                timer.cancel()
                timer.join()  # otherwise it could end the next statement on this connection


def _interrupt(connection: Connection, within: float) -> Callable[[], None]:
    """Returns what cuts off a statement. Another thread interrupts SQLite's; PostgreSQL's ends by its own timeout.

    On PostgreSQL, starting workers or a compiler takes longer than reading a page. And a generic plan (psycopg prepares
    frequent queries) would read everything that is older than a key near the end.
    """
    if is_sqlite(connection):
        interrupt: Callable[[], None] = connection.connection.driver_connection.interrupt  # type: ignore[union-attr]
        return interrupt
    connection.execute(_FOR_A_PAGE, {"within": str(int(within * 1000))})
    return lambda: None


def in_pages(
    engine: Engine, chosen: Select[Any], order: Sequence[ColumnElement[Any]], size: int, begin: Condition | None = None
) -> Iterator[Sequence[Row[Any]]]:
    """Yields the rows of a query in pages of `size`, in the order of some of its columns, which together are unique.
    Each page is read in its own short transaction. Only the first needs `begin`, the condition for where to begin."""
    chosen = chosen.order_by(*order).limit(size)
    page = chosen if begin is None else chosen.where(begin)
    while True:
        with reading(engine) as connection:
            rows = connection.execute(page).all()
        if rows:
            yield rows
        if len(rows) < size:
            return
        page = chosen.where(tuple_(*order) > tuple(getattr(rows[-1], str(column.key)) for column in order))


@dataclass(frozen=True, slots=True)
class Walk:
    """A list in a table. `order` is the unique order in which it walks down an index, newest first.

    `through` are the conditions that the index answers too. `also` are those that must be checked row by row, or entry
    by entry. With `since` or `until` the first column of `order` is a time, `since` <= time < `until`.
    """

    chosen: Select[Any]
    order: tuple[ColumnElement[Any], ...]
    through: tuple[Condition, ...] = ()
    also: tuple[Condition, ...] = ()
    longest_stretch: int = LOOKED_UP
    since: datetime | None = None
    until: datetime | None = None

    def page(self, connection: Connection, limit: TimeLimit, place: PagePosition) -> Page[Any]:
        """Returns a page with the rows as selected. The columns of `order` come first in each row."""
        return together([self], connection, limit, place)

    def onward(self, connection: Connection, limit: TimeLimit, place: PagePosition) -> tuple[list[Any], Key | None]:
        """Returns rows in the order of the walk, and the key after which more may follow (None at the end).

        There are fewer than `place.rows`, maybe none, if the time ran out.
        """
        strand = _Strand(self, connection, place.key, newer=place.newer)
        while not strand.is_done and len(strand.rows) < place.rows:
            strand.go(place.rows - len(strand.rows))
            if limit.is_over:
                break
        return strand.rows, None if strand.is_done else strand.at

    def count(
        self, connection: Connection, limit: TimeLimit, columns: Sequence[ColumnElement[Any]], most: int
    ) -> "ValueCounts":
        """Counts the newest rows by the values of `columns`: about `most` rows, fewer if the time is over."""
        counts: Counter[tuple[Any, ...]] = Counter()
        strand = _Strand(self, connection, None, newer=False)
        while True:
            counts.update(strand.count(columns, most - counts.total()))
            if strand.is_done or counts.total() >= most or limit.is_over:
                return ValueCounts(counts, not strand.is_done)

    def all(self, engine: Engine, size: int = 500) -> Iterator[Any]:
        """Yields every row, however long that takes in total."""
        return chain.from_iterable(self.looks(engine, PagePosition(rows=size)))

    def looks(self, engine: Engine, place: PagePosition) -> Iterator[list[Any]]:
        """Yields every row from a place on, in lists of what one search finds. Each search is a short transaction."""
        while True:
            with looking(engine, within=OF_A_FILE) as (connection, limit):
                rows, key = self.onward(connection, limit, place)
            yield rows
            if key is None:
                return
            place = replace(place, key=key)

    def ordered(self, key: Key | None = None) -> Select[Any]:
        """Returns the query for all rows older than `key`, newest first."""
        where = (*self.through, self.before(key), self.behind(None), *self.also)
        return self.chosen.where(*where).order_by(*self.by(newer=False))

    def by(self, *, newer: bool) -> list[ColumnElement[Any]]:
        return [column.asc() if newer else column.desc() for column in self.order]

    def before(self, key: Key | None, *, including: bool = False) -> Condition:
        """Returns the condition for rows older than `key` and `until`. It is a single condition, as SQLite uses only
        the first that it meets to walk down an index."""
        if self.until is not None and (key is None or key[0] >= self.until):
            return self.order[0] < self.until
        if key is None:
            return true()
        return tuple_(*self.order) <= self._literal(key) if including else tuple_(*self.order) < self._literal(key)

    def behind(self, key: Key | None, *, including: bool = False) -> Condition:
        """Returns the condition for rows newer than `key` and `since`."""
        if self.since is not None and (key is None or key[0] < self.since):
            return self.order[0] >= self.since
        if key is None:
            return true()
        return tuple_(*self.order) >= self._literal(key) if including else tuple_(*self.order) > self._literal(key)

    def has_passed(self, key: Key | None, *, newer: bool) -> bool:
        """Checks whether `key` lies where no rows of the list can follow."""
        if key is None:
            return False
        if newer:
            return self.until is not None and key[0] >= self.until
        return self.since is not None and key[0] < self.since

    def _literal(self, key: Key) -> ColumnElement[Any]:
        return tuple_(*(literal(value, column.type) for column, value in zip(self.order, key, strict=True)))

    def key(self, row: Sequence[Any]) -> Key:
        return tuple(row[: len(self.order)])


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """How many rows have which values. `more` means that older rows were not counted."""

    counts: Counter[tuple[Any, ...]]
    more: bool


class _Strand:
    """A walk in progress, towards older or newer rows. Everything up to `at` is searched; `rows` are what was found."""

    def __init__(self, walk: Walk, connection: Connection, key: Key | None, *, newer: bool) -> None:
        self.at, self.is_done = key, walk.has_passed(key, newer=newer)
        self.rows: list[Any] = []
        self._walk, self._connection, self._newer = walk, connection, newer
        self._size = min(_FIRST_STRETCH, walk.longest_stretch)

    def go(self, wanted: int) -> None:
        """Searches for more rows: `wanted`, or as many as a stretch has."""
        walk = self._walk
        where = self._stretch(self._size) if walk.also else self._rest()
        chosen = walk.chosen.where(*where, *walk.also).order_by(*walk.by(newer=self._newer))
        rows = self._connection.execute(chosen.limit(wanted)).all()
        self.rows.extend(rows)
        if len(rows) == wanted:
            self.at, self.is_done = walk.key(rows[-1]), False
        elif not walk.also:
            self.is_done = True

    def count(self, columns: Sequence[ColumnElement[Any]], most: int) -> dict[tuple[Any, ...], int]:
        """Counts a stretch's rows by the values of `columns`; at most `most` rows if the index alone finds them."""
        walk = self._walk
        where = self._stretch(self._size if walk.also else min(self._size, most))
        counted = walk.chosen.with_only_columns(*columns, func.count()).where(*where, *walk.also).group_by(*columns)
        return {tuple(values): int(number) for *values, number in self._connection.execute(counted)}

    def _rest(self, end: Key | None = None) -> list[Condition]:
        """Returns the conditions for all rows not yet searched, up to `end` if given."""
        walk = self._walk
        until = end is not None
        if self._newer:
            return [*walk.through, walk.behind(self.at), walk.before(end, including=until)]
        return [*walk.through, walk.before(self.at), walk.behind(end, including=until)]

    def _stretch(self, size: int) -> list[Condition]:
        """Advances by `size` entries of the index, and returns the conditions for the rows in between."""
        walk, rest = self._walk, self._rest()
        keys = select(*walk.order).where(*rest).order_by(*walk.by(newer=self._newer))
        end = self._connection.execute(keys.offset(size - 1).limit(1)).first()
        if end is None:
            self.is_done = True
            return rest
        stretch = self._rest(tuple(end))
        self.at, self._size = tuple(end), min(self._size * _GROWTH, walk.longest_stretch)
        return stretch


def together(walks: Sequence[Walk], connection: Connection, limit: TimeLimit, place: PagePosition) -> Page[Any]:
    """Returns a page of several lists merged in one order. It ends where the least searched list ends."""
    strands = [_Strand(walk, connection, place.key, newer=place.newer) for walk in walks]
    key = walks[0].key
    while True:
        last = _least_far(strands, place)
        found = _ahead_of(last, strands, place, key)
        if last is None or len(found) > place.rows or (last.at != place.key and limit.is_over):
            break
        last.go(place.rows + 1)
    shown = found[: place.rows]
    cut = last.at if last and len(found) <= place.rows else None
    edge = key(shown[-1]) if len(found) > place.rows else cut
    back = key(shown[0]) if shown else _beside(place.key, newer=place.newer)
    if not place.newer:
        return Page(tuple(shown), edge, back if place.key else None, cut)
    if edge is None and len(shown) < place.rows and not limit.is_over:
        return together(walks, connection, limit, PagePosition(rows=place.rows))  # the beginning, as a full page
    return Page(tuple(reversed(shown)), back, edge)


def _beside(key: Key | None, *, newer: bool) -> Key | None:
    """Returns the key to go back to from a page without rows, so that the row of `key` is found again."""
    if key is None:
        return None
    *rest, last = key
    if isinstance(last, int):
        return (*rest, last + 1 if newer else last - 1)
    return (*rest, f"{last}!" if newer else "")


def _least_far(strands: Sequence[_Strand], place: PagePosition) -> _Strand | None:
    """Returns a strand that has not begun, else the unfinished strand that is least advanced; None if all are done."""
    going = [strand for strand in strands if not strand.is_done]
    fresh = [strand for strand in going if strand.at == place.key]
    if fresh or not going:
        return fresh[0] if fresh else None
    return (min if place.newer else max)(going, key=lambda strand: strand.at or ())


def _ahead_of(
    last: _Strand | None, strands: Sequence[_Strand], place: PagePosition, key: Callable[[Any], Key]
) -> list[Any]:
    """Returns the rows that are certain to come next, in the order of the page."""
    if len(strands) == 1:  # already in order
        return strands[0].rows
    rows = [row for strand in strands for row in strand.rows]
    if last is not None:
        at = last.at
        rows = [row for row in rows if at is not None and (key(row) <= at if place.newer else key(row) >= at)]
    return sorted(rows, key=key, reverse=not place.newer)
