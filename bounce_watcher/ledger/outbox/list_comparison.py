"""Compares the ledger with the list that one target keeps: where they differ, and what can be done."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Engine, bindparam, func, or_, select, tuple_

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.statements import IS_DUE, KEYS, RecipientKey, chunks
from bounce_watcher.ledger.db.tables import OUTBOX, RECIPIENT, SUPPRESSION
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.naming.forget import names
from bounce_watcher.ledger.outbox import queue
from bounce_watcher.ledger.outbox.two_lists import ListEntry, TwoLists
from bounce_watcher.ledger.recording.batch import STATES_TOLD, RecipientBatch
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.grounds import ByPlatform, Grounds
from bounce_watcher.model.ledger import Announce, ChangedBy, NoticeType, OutboxState, Scope, State, SuppressionSource
from bounce_watcher.model.list_comparison import Difference, Side
from bounce_watcher.policy import transitions
from bounce_watcher.policy.list_comparison import AddressFacts, SentNotice, why_missing, why_unknown

_PAGE = 2000

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
        chosen = (
            select(*order, SUPPRESSION.c.recipient)
            .where(SUPPRESSION.c.state == State.SUPPRESSED, *self._told_of()).order_by(*order).limit(_PAGE)
        )
        page = chosen
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(page).all()
            self._lists.add(Side.HERE, (ListEntry(row.recipient_key, row.recipient, row.stream) for row in rows))
            if len(rows) < _PAGE:
                return
            page = chosen.where(tuple_(*order) > (rows[-1].recipient_key, rows[-1].stream))

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _told_of(self) -> list[Any]:
        if not self._streams:
            return []
        streams = [storable(stream) for stream in self._streams]
        return [or_(SUPPRESSION.c.scope == Scope.GLOBAL, SUPPRESSION.c.stream.in_(streams))]

    def _note_moving(self) -> int:
        """Notes, before the list is read, which recipients have a due item. Returns the outbox's last number by then.
        """
        last, chosen = 0, (
            select(OUTBOX.c.number, OUTBOX.c.recipient_key)
            .where(OUTBOX.c.target == self._target, IS_DUE, OUTBOX.c.type.in_(STATES_TOLD))
            .order_by(OUTBOX.c.number).limit(_PAGE)
        )
        with reading(self._engine) as connection:
            newest = connection.scalar(select(func.max(OUTBOX.c.number))) or 0
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(chosen.where(OUTBOX.c.number > last)).all()
            self._lists.note_moving(row.recipient_key for row in rows)
            if len(rows) < _PAGE:
                return newest
            last = rows[-1].number

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
                    if not self._is_from_there(source, grounds):
                        ours.add(key)
        return {
            key: AddressFacts(
                notices[key], released.get(key), frozenset(standing[key]), key not in ours, was_due, self._last
            )
            for key, was_due in moving.items()
        }

    def _is_from_there(self, source: str, grounds: Grounds) -> bool:
        is_listed = isinstance(grounds, ByPlatform) and grounds.target == self._target
        return is_listed and source == SuppressionSource.PLATFORM

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
            books.enter(key, transitions.tell_end(record, now, _as_told(connection, each.number)))
    count = books.close()
    return count + (queue.retry(connection, now, again, None, OutboxState.DEAD, None) if again else 0)


def _as_told(connection: Connection, number: int | None) -> Mapping[str, object]:
    body = connection.scalar(select(OUTBOX.c.body).where(OUTBOX.c.number == number)) or "{}"
    data = json.loads(body).get("data", {})
    return {name: value for name, value in data.items() if name not in ("recipient", "stream", "sequence")}
