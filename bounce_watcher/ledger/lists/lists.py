"""Lists of what the ledger holds, read down an index: whole lists in bounded memory, parts of them, single entries.

What no index finds is searched for only as long as a caller is willing to wait: a part may be short, and says where to
continue. The module has few imports, because a short command waits for what it imports.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Engine, func, or_, select

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.paging import ENTRIES, LOOKED_UP, ROWS, Condition, Key, PagePosition, Walk, looking
from bounce_watcher.ledger.db.query import Choice, Query, among
from bounce_watcher.ledger.db.statements import KEYS
from bounce_watcher.ledger.db.tables import (
    ALERT,
    ENDPOINT,
    EVENT,
    MESSAGE,
    OUTBOX,
    PROTECTED,
    RECIPIENT,
    RECORD_COLUMNS,
    REVIEW_GROUP,
    SUPPRESSION,
    alert_from_row,
    event_from_row,
    item_from_row,
    record_from_rows,
    suppression_from_row,
)
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.lists.filters import (
    EventFilter,
    EventPlace,
    OutboxFilter,
    SuppressionFilter,
    SuppressionPlace,
)
from bounce_watcher.model.ledger import (
    Alert,
    BounceEvent,
    OutboxItem,
    OutboxState,
    Protection,
    RecipientRecord,
    Scope,
    Suppression,
)
from bounce_watcher.model.message import unpack

PAGE = 500
MOST_TOLD = 1000
"""The highest number shown. Nobody needs a larger number exactly, and counting costs time."""

F = TypeVar("F", EventFilter, SuppressionFilter, OutboxFilter, Query)
V = TypeVar("V")
P = TypeVar("P")

_ALL_EVENTS, _ALL_SUPPRESSIONS, _WHOLE_OUTBOX = EventFilter(), SuppressionFilter(), OutboxFilter()

_EVENT_ORDER = (EVENT.c.at, EVENT.c.id)
_NAMED = select(EVENT).where(EVENT.c.id.in_(KEYS))
_SUPPRESSION_ORDER = (SUPPRESSION.c.recipient_key, SUPPRESSION.c.stream)
_SUPPRESSIONS = select(
    *_SUPPRESSION_ORDER, *(each for each in SUPPRESSION.columns if each not in set(_SUPPRESSION_ORDER))
)
_ITEMS = select(OUTBOX.c.number, *(column for column in OUTBOX.columns if column.name != "number"))
_ALERT_ORDER = (ALERT.c.since, ALERT.c.id)
_ALERTS = select(*_ALERT_ORDER, *(each for each in ALERT.columns if each not in set(_ALERT_ORDER)))


@dataclass(frozen=True, slots=True)
class Portion(Generic[V, P]):
    """A part of a list. `rows` may be fewer than asked for, even none. `following` is where to continue; only at the
    end it is None."""

    rows: tuple[V, ...]
    following: P | None


@dataclass(frozen=True, slots=True)
class ToDo:
    """How many current alerts, dead letters, and groups of unrecognised mail there are. Dead letters and groups are
    counted up to `MOST_TOLD`."""

    alerts: int
    dead: int
    review: int


def as_known(engine: Engine, wanted: F) -> F:
    """Returns the filter with the name under which its recipient is filed: the hash if the recipient is forgotten."""
    if wanted.recipient is None:
        return wanted
    from bounce_watcher.ledger.naming import forget

    return replace(wanted, recipient=forget.known_as(engine, wanted.recipient))


class Lists(Capability):
    """Whole lists, and single entries of them."""

    def events(self, wanted: EventFilter = _ALL_EVENTS) -> Iterator[BounceEvent]:
        """Yields events by time. Reads them in pages, so events recorded meanwhile may be among them."""
        return _events(as_known(self._engine, wanted)).whole(self._engine)

    def some_events(self, wanted: EventFilter) -> Portion[BounceEvent, EventPlace]:
        """Returns the events found in one search, and where to continue. Raises TookTooLong."""
        rows, following = _events(as_known(self._engine, wanted)).part(self._engine)
        return Portion(rows, EventPlace(*following) if following else None)

    def suppressions(self, wanted: SuppressionFilter = _ALL_SUPPRESSIONS) -> Iterator[Suppression]:
        """Yields suppressions in force and pending, by address."""
        return _suppressions(as_known(self._engine, wanted)).whole(self._engine)

    def some_suppressions(self, wanted: SuppressionFilter) -> Portion[Suppression, SuppressionPlace]:
        """Returns the suppressions found in one search, and where to continue. Raises TookTooLong."""
        rows, following = _suppressions(as_known(self._engine, wanted)).part(self._engine)
        return Portion(rows, SuppressionPlace(*following) if following else None)

    def outbox(self, wanted: OutboxFilter = _WHOLE_OUTBOX) -> Iterator[OutboxItem]:
        """Yields outbox items in the order of writing."""
        return _outbox(as_known(self._engine, wanted)).whole(self._engine)

    def recipients(self, address: str) -> list[RecipientRecord]:
        """Returns the records of an address in all streams, by stream."""
        key = recipient_key(self.known_as(address))
        chosen = select(*RECORD_COLUMNS).where(RECIPIENT.c.recipient_key == key).order_by(RECIPIENT.c.stream)
        with reading(self._engine) as connection:
            rows = connection.execute(chosen).all()
            standing = connection.execute(select(SUPPRESSION).where(SUPPRESSION.c.recipient_key == key))
            by_stream = {row.stream: row for row in standing}
            protected = protection.of(connection, {key}).get(key)
            return [record_from_rows(row, by_stream.get(row.stream), protected) for row in rows]

    def message(self, digest: str) -> bytes | None:
        """Returns the raw message; None if there is none or it is no longer kept."""
        packed = self._value(select(MESSAGE.c.packed).where(MESSAGE.c.digest == digest))
        return unpack(packed) if packed is not None else None

    def alerts(self, *, under_way: bool = False) -> Iterator[Alert]:
        """Yields alerts, newest first; with `under_way` only those that are not cleared."""
        walk = Walk(_ALERTS, _ALERT_ORDER, (~ALERT.c.cleared,) if under_way else ())
        return _List(walk, _each(alert_from_row), None, newest_first=True).whole(self._engine)

    def alert(self, name: str) -> Alert | None:
        """Returns the alert with that id; None if there is none."""
        row = self._row(select(ALERT).where(ALERT.c.id == storable(name)))
        return alert_from_row(row) if row else None

    def protection(self, name: str) -> Protection | None:
        """Returns the protection of an address, its own before its domain's; or of a domain if the name begins with
        "@". None if there is none."""
        keys = list(protection.keys_of(recipient_key(name)))
        found = {row.key: row for row in self._rows(select(PROTECTED).where(PROTECTED.c.key.in_(keys)))}
        return next((_protection(found[key]) for key in keys if key in found), None)

    def protections(self, limit: int | None = None) -> list[Protection]:
        """Returns all protections, by name."""
        return list(map(_protection, self._rows(select(PROTECTED).order_by(PROTECTED.c.key).limit(limit))))

    def known_as(self, address: str) -> str:
        """Returns the name under which an address is filed: the hash if it is forgotten, else the address itself."""
        from bounce_watcher.ledger.naming import forget

        return forget.known_as(self._engine, address)

    def pseudonyms(self) -> Callable[[str], str]:
        """Returns a function that gives an address its pseudonym for use outside; see `pseudonym`."""
        from bounce_watcher.ledger.naming import pseudonym

        return pseudonym.pseudonyms(self._engine)

    def to_do(self) -> ToDo:
        """Returns how much work waits for a person."""
        from bounce_watcher.ledger.review import groups

        alerts = select(ALERT.c.id).where(~ALERT.c.cleared)
        dead = select(OUTBOX.c.number).where(OUTBOX.c.state == OutboxState.DEAD).limit(MOST_TOLD)
        waiting = select(REVIEW_GROUP.c.gid).where(groups.IS_OPEN).limit(MOST_TOLD)
        counts = [select(func.count()).select_from(each.subquery()) for each in (alerts, dead, waiting)]
        with reading(self._engine) as connection:
            return ToDo(*(connection.scalar(each) or 0 for each in counts))

    def disabled_endpoints(self) -> dict[str, str]:
        """Returns the names of disabled targets, each with the answer that disabled it."""
        disabled = select(ENDPOINT.c.target, ENDPOINT.c.disabled_because).where(ENDPOINT.c.disabled_at.is_not(None))
        return {target: because or "" for target, because in self._rows(disabled.order_by(ENDPOINT.c.target))}


@dataclass(frozen=True, slots=True)
class _List(Generic[V]):
    """A list of values: the walk that finds its rows (or their keys), and the function that turns them into values."""

    walk: Walk
    values: Callable[[Connection, Sequence[Any]], Iterable[V]]
    limit: int | None
    after: Key | None = None
    newest_first: bool = False

    def whole(self, engine: Engine) -> Iterator[V]:
        """Yields all values up to the limit. Reads page by page, each in its own short transaction."""
        def read(rows: Sequence[Any]) -> list[V]:
            with reading(engine) as connection:
                return list(self.values(connection, rows))

        size = PAGE if self.limit is None else min(self.limit, PAGE)
        pages = self.walk.looks(engine, PagePosition(self.after, not self.newest_first, size))
        return islice(chain.from_iterable(map(read, pages)), self.limit)

    def part(self, engine: Engine) -> tuple[tuple[V, ...], Key | None]:
        """Returns the values found in one search, and the key to continue from (None at the end)."""
        place = PagePosition(self.after, not self.newest_first, self.limit or ROWS)
        with looking(engine) as (connection, limit):
            rows, following = self.walk.onward(connection, limit, place)
            return tuple(self.values(connection, rows)), following


def _events(wanted: EventFilter) -> _List[BounceEvent]:
    """Returns the list of events, down the index of the recipient or the reason, else of time. The index by time also
    holds the streams, so rows need not be read for them."""
    through: list[Condition] = []
    also = {EVENT.c.stream: wanted.stream, EVENT.c.kind: wanted.kind, EVENT.c.bounce_type: wanted.bounce_type}
    if wanted.recipient is not None:
        through.append(EVENT.c.recipient_key == recipient_key(wanted.recipient))
        also[EVENT.c.reason] = wanted.reason
    elif wanted.reason is not None:
        through.append(EVENT.c.reason == wanted.reason.value)
    by_entries = not through and wanted.kind is None and wanted.bounce_type is None
    walk = Walk(
        select(*_EVENT_ORDER), _EVENT_ORDER, tuple(through), tuple(_rarely(also)),
        ENTRIES if by_entries else LOOKED_UP, wanted.since, wanted.until,
    )
    after = (wanted.after.at, storable(wanted.after.id)) if wanted.after else None
    return _List(walk, events_of, wanted.limit, after, wanted.newest_first)


def events_of(connection: Connection, keys: Sequence[Any]) -> Iterator[BounceEvent]:
    """Returns events in the order of `keys`. The search by the index found only the keys, not the rows."""
    found = connection.execute(_NAMED, {"keys": [name for _, name in keys]}).all() if keys else []
    by_name = {row.id: row for row in found}
    return (event_from_row(by_name[name]) for _, name in keys if name in by_name)


def _suppressions(wanted: SuppressionFilter) -> _List[Suppression]:
    through = () if wanted.recipient is None else (SUPPRESSION.c.recipient_key == recipient_key(wanted.recipient),)
    also = [*_rarely({SUPPRESSION.c.state: wanted.state, SUPPRESSION.c.reason: wanted.reason})]
    if wanted.stream is not None:  # a suppression in all streams is in force in this one too
        also.append(or_(SUPPRESSION.c.stream == storable(wanted.stream), SUPPRESSION.c.scope == Scope.GLOBAL))
    walk = Walk(_SUPPRESSIONS, _SUPPRESSION_ORDER, through, tuple(also))
    after = (storable(wanted.after.key), storable(wanted.after.stream)) if wanted.after else None
    return _List(walk, _each(suppression_from_row), wanted.limit, after)


def _outbox(wanted: OutboxFilter) -> _List[OutboxItem]:
    equal = {
        OUTBOX.c.recipient_key: wanted.recipient and recipient_key(wanted.recipient),
        OUTBOX.c.state: wanted.state, OUTBOX.c.target: wanted.target, OUTBOX.c.id: wanted.id,
    }
    through = [column == storable(value) for column, value in equal.items() if value is not None]
    if wanted.since is not None:
        through.append(OUTBOX.c.created_at >= wanted.since)
    if wanted.after is not None:
        here = select(OUTBOX.c.number).where(OUTBOX.c.id == wanted.after).scalar_subquery()
        through.append(OUTBOX.c.number > here)
    if wanted.retried_at is not None:
        from bounce_watcher.ledger.outbox import queue

        through.extend(queue.retried(wanted.retried_at))
    return _List(Walk(_ITEMS, (OUTBOX.c.number,), tuple(through)), _each(item_from_row), wanted.limit)


def _each(value: Callable[[Any], V]) -> Callable[[Connection, Sequence[Any]], Iterable[V]]:
    """Applies `value` to each row, for walks that find whole rows."""
    return lambda _, rows: map(value, rows)


def _rarely(values: Mapping[Column[Any], str | None]) -> Iterator[Condition]:
    """Yields conditions that are checked row by row. They are written so that no index draws the database away from the
    order."""
    return (among(column, Choice((value,))) for column, value in values.items() if value is not None)


def _protection(row: Any) -> Protection:
    return Protection(row.name, row.at, row.actor, row.because)
