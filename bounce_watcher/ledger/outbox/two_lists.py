"""Compares two lists of addresses of any length in a temporary file, in bounded memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, Self

from bounce_watcher.model.list_comparison import Side

PAGE = 500


_OTHER = {Side.HERE: Side.THERE, Side.THERE: Side.HERE}


class ListEntry(NamedTuple):
    """An entry of a list. Entries are compared by `key`. `stream` comes from the ledger; `reason` and `since`
    (RFC 3339) come from the target's list, if it has them."""

    key: str
    address: str
    stream: str | None = None
    reason: str | None = None
    since: str | None = None


class TwoLists:
    """Two lists. If a key is entered twice on one side, the first entry is kept. For one thread; `close` it, or use it
    in a `with`."""

    def __init__(self) -> None:
        # A database without a name: SQLite unlinks its file as soon as it is created, so no other program can open it
        # and nothing remains, even if this program crashes (https://www.sqlite.org/inmemorydb.html, section 3).
        self._db = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
            self._db.execute(f"PRAGMA {pragma}").close()
        columns = ", ".join(f"{name} TEXT" for name in ListEntry._fields if name != "key")
        for side in Side:
            self._db.execute(f"CREATE TABLE {side} (key TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
        self._db.execute("CREATE TABLE moving (key TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, side: Side, entries: Iterable[ListEntry]) -> int:
        """Adds entries to one side. Returns how many of them were new."""
        return self._insert(f"INSERT OR IGNORE INTO {side} VALUES (?, ?, ?, ?, ?)", entries)  # noqa: S608  (ours)

    def note_moving(self, keys: Iterable[str]) -> None:
        """Marks keys whose state was on its way to the target while the lists were read; `only` returns the mark."""
        self._insert("INSERT OR IGNORE INTO moving VALUES (?)", ((key,) for key in keys))

    def only(self, side: Side) -> Iterator[list[tuple[ListEntry, bool]]]:
        """Yields the entries that are only on one side, by key, in pages, each with whether it is moving."""
        wanted = (
            f"SELECT one.*, moving.key IS NOT NULL FROM {side} one LEFT JOIN moving USING (key) "  # noqa: S608  (ours)
            f"WHERE one.key > ? AND NOT EXISTS (SELECT 1 FROM {_OTHER[side]} other WHERE other.key = one.key) "
            "ORDER BY one.key LIMIT ?"
        )
        last = ""
        while rows := self._db.execute(wanted, (last, PAGE)).fetchall():
            yield [(ListEntry(*row[:-1]), bool(row[-1])) for row in rows]
            last = rows[-1][0]

    def count(self, side: Side) -> int:
        (number,) = self._db.execute(f"SELECT count(*) FROM {side}").fetchone()  # noqa: S608  (a name of ours)
        return int(number)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _insert(self, statement: str, rows: Iterable[tuple[str | None, ...]]) -> int:
        before = self._db.total_changes
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")
        return self._db.total_changes - before
