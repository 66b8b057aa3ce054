"""Lists out of the ledger: any length at bounded memory, by keyset, each page its own short transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Engine, Table, func, literal, or_, select, tuple_
from sqlalchemy import Row as Fetched

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.tables import (
    ALERT,
    ENDPOINT,
    EVENT,
    MESSAGE,
    OUTBOX,
    RECIPIENT,
    RECORD_COLUMNS,
    SUPPRESSION,
    alert_from_row,
    event_from_row,
    item_from_row,
    record_from_rows,
    suppression_from_row,
)
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.lists.filters import EventFilter, OutboxFilter, SuppressionFilter
from bounce_watcher.model.ledger import Alert, BounceEvent, OutboxItem, OutboxState, RecipientRecord, Scope, Suppression
from bounce_watcher.model.message import unpack

PAGE = 500

V = TypeVar("V")
Condition = ColumnElement[bool]
Place = Sequence[object]


@dataclass(frozen=True, slots=True)
class _List(Generic[V]):
    """A list of values: the table they are read from, and the columns that order its rows and tell them apart."""

    table: Table
    value: Callable[[Fetched[Any]], V]
    order: tuple[Column[Any], ...]

    def read(
        self, engine: Engine, where: Sequence[Condition], limit: int | None, *, newest_first: bool = False,
        after: Place | None = None,
    ) -> Iterator[V]:
        """`after`: the values of the order's columns behind which to begin."""
        size = PAGE if limit is None else min(limit, PAGE)
        return islice(self._read(engine, where, size, newest_first, after), limit)

    def _read(
        self, engine: Engine, where: Sequence[Condition], size: int, newest_first: bool, after: Place | None
    ) -> Iterator[V]:
        order = [column.desc() if newest_first else column.asc() for column in self.order]
        chosen = select(self.table).where(*where).order_by(*order).limit(size)
        while True:
            behind = () if after is None else (self._behind(after, newest_first),)
            with reading(engine) as connection:
                rows = connection.execute(chosen.where(*behind)).all()
            yield from map(self.value, rows)
            if len(rows) < size:
                return
            after = [getattr(rows[-1], column.name) for column in self.order]

    def _behind(self, place: Place, newest_first: bool) -> Condition:
        values = (literal(value, column.type) for value, column in zip(place, self.order, strict=True))
        here = tuple_(*values)
        return tuple_(*self.order) < here if newest_first else tuple_(*self.order) > here


_EVENTS = _List(EVENT, event_from_row, (EVENT.c.at, EVENT.c.id))
_SUPPRESSIONS = _List(SUPPRESSION, suppression_from_row, (SUPPRESSION.c.recipient_key, SUPPRESSION.c.stream))
_OUTBOX = _List(OUTBOX, item_from_row, (OUTBOX.c.number,))
_ALERTS = _List(ALERT, alert_from_row, (ALERT.c.since, ALERT.c.id))


def events(engine: Engine, wanted: EventFilter) -> Iterator[BounceEvent]:
    where = _equal(EVENT, {
        "recipient_key": wanted.recipient and recipient_key(wanted.recipient),
        "stream": wanted.stream,
        "kind": wanted.kind,
        "bounce_type": wanted.bounce_type,
        "reason": wanted.reason,
    })
    if wanted.since is not None:
        where.append(EVENT.c.at >= wanted.since)
    if wanted.until is not None:
        where.append(EVENT.c.at < wanted.until)
    after = (wanted.after.at, wanted.after.id) if wanted.after else None
    return _EVENTS.read(engine, where, wanted.limit, newest_first=wanted.newest_first, after=after)


def suppressions(engine: Engine, wanted: SuppressionFilter) -> Iterator[Suppression]:
    where = _equal(SUPPRESSION, {
        "recipient_key": wanted.recipient and recipient_key(wanted.recipient),
        "state": wanted.state,
        "reason": wanted.reason,
    })
    if wanted.stream is not None:
        where.append(reaches(wanted.stream))
    after = (storable(wanted.after.key), storable(wanted.after.stream)) if wanted.after else None
    return _SUPPRESSIONS.read(engine, where, wanted.limit, after=after)


def reaches(stream: str) -> Condition:
    """What reaches all streams reaches this one too."""
    return or_(SUPPRESSION.c.stream == storable(stream), SUPPRESSION.c.scope == Scope.GLOBAL)


def outbox(engine: Engine, wanted: OutboxFilter) -> Iterator[OutboxItem]:
    where = _equal(OUTBOX, {
        "recipient_key": wanted.recipient and recipient_key(wanted.recipient),
        "state": wanted.state,
        "target": wanted.target,
        "id": wanted.id,
    })
    if wanted.since is not None:
        where.append(OUTBOX.c.created_at >= wanted.since)
    if wanted.after is not None:
        here = select(OUTBOX.c.number).where(OUTBOX.c.id == wanted.after).scalar_subquery()
        where.append(OUTBOX.c.number > here)
    if wanted.retried_at is not None:
        from bounce_watcher.ledger.outbox import queue  # noqa: PLC0415 - as in `reading`

        where.extend(queue.retried(wanted.retried_at))
    return _OUTBOX.read(engine, where, wanted.limit)


def recipients(engine: Engine, address: str) -> list[RecipientRecord]:
    """The records of an address in all streams, by stream."""
    key = recipient_key(address)
    with reading(engine) as connection:
        chosen = select(*RECORD_COLUMNS).where(RECIPIENT.c.recipient_key == key).order_by(RECIPIENT.c.stream)
        rows = connection.execute(chosen).all()
        standing = connection.execute(select(SUPPRESSION).where(SUPPRESSION.c.recipient_key == key))
        by_stream = {row.stream: row for row in standing}
        protected = protection.of(connection, {key}).get(key)
        return [record_from_rows(row, by_stream.get(row.stream), protected) for row in rows]


def message(engine: Engine, digest: str) -> bytes | None:
    """The raw message, None where there is none or it is kept no longer."""
    with reading(engine) as connection:
        packed = connection.scalar(select(MESSAGE.c.packed).where(MESSAGE.c.digest == digest))
    return unpack(packed) if packed is not None else None


def alerts(engine: Engine, *, under_way: bool) -> Iterator[Alert]:
    """The newest first; with `under_way` only those that are not cleared."""
    return _ALERTS.read(engine, [~ALERT.c.cleared] if under_way else [], None, newest_first=True)


def alert(engine: Engine, name: str) -> Alert | None:
    """The alert of that id."""
    with reading(engine) as connection:
        row = connection.execute(select(ALERT).where(ALERT.c.id == storable(name))).first()
    return alert_from_row(row) if row else None


MOST_TOLD = 1000
"""What is more than that is told as that many: nobody needs it exact, and counting costs."""


@dataclass(frozen=True, slots=True)
class ToDo:
    """Alerts under way, deliveries that gave up, and groups of what was not recognised, `MOST_TOLD` of them at most."""

    alerts: int
    dead: int
    review: int


def to_do(engine: Engine) -> ToDo:
    from bounce_watcher.ledger.review import groups  # noqa: PLC0415 - as in `reading`

    with reading(engine) as connection:
        alerts = connection.scalar(select(func.count()).where(~ALERT.c.cleared))
        dead = select(OUTBOX.c.number).where(OUTBOX.c.state == OutboxState.DEAD).limit(MOST_TOLD).subquery()
        gave_up = connection.scalar(select(func.count()).select_from(dead))
        return ToDo(alerts or 0, gave_up or 0, groups.count_open(connection, MOST_TOLD))


def disabled_endpoints(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(ENDPOINT.c.target, ENDPOINT.c.disabled_because)
            .where(ENDPOINT.c.disabled_at.is_not(None))
            .order_by(ENDPOINT.c.target)
        )
        return {target: because or "" for target, because in rows}


def _equal(table: Table, values: Mapping[str, str | None]) -> list[Condition]:
    return [table.c[name] == storable(value) for name, value in values.items() if value is not None]
