"""Compares the ledger with the list that one target keeps: where they differ, and what can be done.

Lists of any length are compared in a temporary file, in bounded memory.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, Self

from sqlalchemy import Connection, Engine, bindparam, func, or_, select

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.paging import in_pages
from bounce_watcher.ledger.db.statements import IS_DUE, KEYS, RecipientKey, chunks
from bounce_watcher.ledger.db.tables import OUTBOX, RECIPIENT, SUPPRESSION
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.naming.forget import names
from bounce_watcher.ledger.outbox import queue
from bounce_watcher.ledger.outbox.backfill import said_of_suppression
from bounce_watcher.ledger.recording.batch import STATES_TOLD, RecipientBatch
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.grounds import ByPlatform
from bounce_watcher.model.ledger import Announce, ChangedBy, NoticeType, OutboxState, Scope, State, SuppressionSource
from bounce_watcher.model.list_comparison import Difference, Side
from bounce_watcher.policy import transitions
from bounce_watcher.policy.list_comparison import AddressFacts, SentNotice, why_missing, why_unknown

PAGE = 500
"""How many differences are read and judged at once."""
_READ_AT_ONCE = 2000
_OTHER = {Side.HERE: Side.THERE, Side.THERE: Side.HERE}

_TOLD = (
    select(
        OUTBOX.c.recipient_key, OUTBOX.c.number, OUTBOX.c.id, OUTBOX.c.stream, OUTBOX.c.type, OUTBOX.c.state,
        OUTBOX.c.created_at, OUTBOX.c.last_answer,
    )
    .where(
        OUTBOX.c.recipient_key.in_(KEYS), OUTBOX.c.target == bindparam("target"), OUTBOX.c.type.in_(STATES_TOLD)
    )
    .order_by(OUTBOX.c.number)
)
_RELEASED = (
    select(RECIPIENT.c.recipient_key, func.max(RECIPIENT.c.released_at))
    .where(RECIPIENT.c.recipient_key.in_(KEYS))
    .group_by(RECIPIENT.c.recipient_key)
)
_STANDING = select(
    SUPPRESSION.c.recipient_key, SUPPRESSION.c.state, SUPPRESSION.c.source, SUPPRESSION.c.grounds
).where(SUPPRESSION.c.recipient_key.in_(KEYS))


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

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert(self, statement: str, rows: Iterable[tuple[str | None, ...]]) -> int:
        before = self._db.total_changes
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")
        return self._db.total_changes - before


class FoundEntry(NamedTuple):
    """One entry of the target's own list."""

    address: str
    reason: str | None = None
    since: datetime | None = None


class ListComparison:
    """A comparison with one target's list. `take` the list page by page, then ask for the `differences`. Close it, or
    use it in a `with`.

    `streams` are those that the target is sent, () = all. It is always sent suppressions in force in all streams.
    """

    def __init__(self, engine: Engine, target: str, streams: Sequence[str], now: datetime) -> None:
        self._engine, self._target, self._streams, self._now = engine, target, streams, now
        self._lists = TwoLists()
        self._last = self._note_moving()

    def take(self, entries: Iterable[FoundEntry]) -> int:
        """Takes a page of the target's list. Returns how many of its addresses are new."""
        found = list(entries)
        with reading(self._engine) as connection:
            forgotten = names(connection, [each.address for each in found])
        return self._lists.add(Side.THERE, (
            ListEntry(
                recipient_key(forgotten.get(each.address, each.address)), storable(each.address), None,
                each.reason and storable(each.reason), each.since.isoformat() if each.since else None,
            )
            for each in found
        ))

    def read_here(self) -> None:
        """Reads the ledger's suppressions that the target is sent. Call it once, after its whole list is taken."""
        order = (SUPPRESSION.c.recipient_key, SUPPRESSION.c.stream)
        chosen = select(*order, SUPPRESSION.c.recipient).where(SUPPRESSION.c.state == State.SUPPRESSED)
        if self._streams:
            of_streams = SUPPRESSION.c.stream.in_([storable(stream) for stream in self._streams])
            chosen = chosen.where(or_(SUPPRESSION.c.scope == Scope.GLOBAL, of_streams))
        for rows in in_pages(self._engine, chosen, order, _READ_AT_ONCE):
            self._lists.add(Side.HERE, (ListEntry(row.recipient_key, row.recipient, row.stream) for row in rows))

    def count(self, side: Side) -> int:
        return self._lists.count(side)

    def differences(self) -> Iterator[Difference]:
        """Yields first what is only in the ledger, then what is only on the target's list, each by address. May be
        called again."""
        for side, judged in ((Side.HERE, self._missing), (Side.THERE, self._unknown)):
            for page in self._lists.only(side):
                known = self._known({entry.key: moving for entry, moving in page})
                yield from (judged(entry, known[entry.key]) for entry, _ in page)

    def fix_there(self, differences: Sequence[Difference], announce: Announce, now: datetime) -> int:
        """Adds items to the outbox that make the target's list equal to ours. `announce` is for this target only.

        Returns for how many of the differences. Skips what has changed since then.
        """
        wanted = [each for each in differences if each.fixed_at is Side.THERE]
        return sum(
            write(self._engine, partial(_tell, wanted=part, announce=announce, now=now)) for part in chunks(wanted)
        )

    def close(self) -> None:
        self._lists.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note_moving(self) -> int:
        """Notes, before the list is read, which recipients have a due item. Returns the outbox's last number by then.
        """
        with reading(self._engine) as connection:
            newest = connection.scalar(select(func.max(OUTBOX.c.number))) or 0
        due = select(OUTBOX.c.number, OUTBOX.c.recipient_key).where(
            OUTBOX.c.target == self._target, IS_DUE, OUTBOX.c.type.in_(STATES_TOLD)
        )
        for rows in in_pages(self._engine, due, (OUTBOX.c.number,), _READ_AT_ONCE):
            self._lists.note_moving(row.recipient_key for row in rows)
        return newest

    def _known(self, moving: Mapping[str, bool]) -> Mapping[str, AddressFacts]:
        notices: dict[str, list[SentNotice]] = defaultdict(list)
        standing: dict[str, set[str]] = defaultdict(set)
        ours: set[str] = set()
        released: dict[str, datetime | None] = {}
        with reading(self._engine) as connection:
            for part in chunks(list(moving)):
                for row in connection.execute(_TOLD, {"keys": part, "target": self._target}):
                    notices[row.recipient_key].append(SentNotice(
                        row.number, row.id, row.stream, NoticeType(row.type), OutboxState(row.state), row.created_at,
                        row.last_answer,
                    ))
                released.update((key, at) for key, at in connection.execute(_RELEASED, {"keys": part}))
                for key, state, source, grounds in connection.execute(_STANDING, {"keys": part}):
                    standing[key].add(state)
                    is_listed = isinstance(grounds, ByPlatform) and grounds.target == self._target
                    if not (is_listed and source == SuppressionSource.PLATFORM):
                        ours.add(key)
        return {
            key: AddressFacts(
                notices[key], released.get(key), frozenset(standing[key]), key not in ours, was_due, self._last
            )
            for key, was_due in moving.items()
        }

    def _missing(self, entry: ListEntry, known: AddressFacts) -> Difference:
        cause = why_missing(known, is_forgotten=is_forgotten(entry.address))
        return Difference(entry.key, entry.address, Side.HERE, cause, entry.stream)

    def _unknown(self, entry: ListEntry, known: AddressFacts) -> Difference:
        since, put = datetime.fromisoformat(entry.since) if entry.since else None, known.put
        return Difference(
            entry.key, entry.address, Side.THERE, why_unknown(known, since, self._now), put and put.stream,
            entry.reason, since, put and put.number,
        )


def _tell(connection: Connection, wanted: Sequence[Difference], announce: Announce, now: datetime) -> int:
    again = [each.cause.again for each in wanted if each.cause.again]
    anew = {RecipientKey(storable(each.stream or ""), each.key): each for each in wanted if not each.cause.again}
    books = RecipientBatch(connection, {key: each.address for key, each in anew.items()}, announce, ChangedBy.PERSON)
    for key, each in anew.items():
        record = books.records[key]
        if each.side is Side.HERE:
            books.enter(key, transitions.tell(record, now))
        elif record.suppression is None:
            body = connection.scalar(select(OUTBOX.c.body).where(OUTBOX.c.number == each.number)) or "{}"
            books.enter(key, transitions.tell_end(record, now, said_of_suppression(body)))
    count = books.close()
    return count + (queue.retry(connection, now, again, None, OutboxState.DEAD, None) if again else 0)
