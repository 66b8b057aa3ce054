"""Counts of reports by time, kept with each page: what is asked of months is answered without reading their events.

All in UTC, as the days that the policy counts. What is counted is told by `BounceEvent.type`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import Conflict, Insertion, columns_of
from bounce_watcher.ledger.db.tables import REPORT_COUNT
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.policy.guards.outages import provider

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADD = Insertion(REPORT_COUNT, columns_of(REPORT_COUNT), Conflict.ADD)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class CountScope(StrEnum):
    """What a row counts: of everything by hour and by day, of one provider or one sending by day."""

    HOUR = "hour"
    DAY = "day"
    PROVIDER = "provider"
    SENDING = "sending"

    @property
    def length(self) -> timedelta:
        """How long a slot is."""
        return HOUR if self is CountScope.HOUR else DAY


class _Place(NamedTuple):
    scope: CountScope
    slot: int
    stream: str
    subject: str
    type: str
    reason: str


def slot_of(at: datetime, length: timedelta) -> int:
    return (at - _EPOCH) // length


def start_of(slot: int, length: timedelta) -> datetime:
    return _EPOCH + slot * length


def add(connection: Connection, events: Iterable[BounceEvent]) -> None:
    """Counts new events, in the caller's transaction."""
    _put(connection, Counter(place for event in events for place in _places(event)))


def take_back(connection: Connection, events: Iterable[BounceEvent]) -> None:
    """Counts events no more."""
    counts: Counter[_Place] = Counter()
    counts.subtract(place for event in events for place in _places(event))
    _put(connection, counts)


def correct(connection: Connection, changed: Sequence[tuple[BounceEvent, BounceEvent]]) -> None:
    """Counts events otherwise that read otherwise now: each before and after."""
    counts = Counter(place for _, after in changed for place in _places(after))
    counts.subtract(place for before, _ in changed for place in _places(before))
    _put(connection, counts)


def _put(connection: Connection, counts: Counter[_Place]) -> None:
    _ADD.execute(connection, sorted((*place, number) for place, number in counts.items() if number))


def _places(event: BounceEvent) -> Iterable[_Place]:
    if event.type is None:
        return
    told = (event.type.value, event.reason.value if event.reason else "")
    hour, day = slot_of(event.at, HOUR), slot_of(event.at, DAY)
    yield _Place(CountScope.HOUR, hour, event.stream, "", *told)
    yield _Place(CountScope.DAY, day, event.stream, "", *told)
    yield _Place(CountScope.PROVIDER, day, event.stream, provider(event), *told)
    if event.sending:
        yield _Place(CountScope.SENDING, day, event.stream, event.sending, *told)


# ── asked ───────────────────────────────────────────────────────────────────────────────────────────────────────────

class CountBy(StrEnum):
    """What counts are told apart by, the columns of the table. A slot is a number: see `start_of`."""

    SLOT = "slot"
    STREAM = "stream"
    SUBJECT = "subject"
    TYPE = "type"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class Asked:
    """The slots that begin at `since` <= time < `until`, narrowed by what is not None of the others."""

    scope: CountScope
    since: datetime
    until: datetime
    stream: str | None = None
    subject: str | None = None
    type: str | None = None
    reason: str | None = None


def count(engine: Engine, asked: Asked, *by: CountBy) -> dict[tuple[str | int, ...], int]:
    """The sums by the values of `by`, in their order; under () the sum of all where `by` is empty. None that is 0."""
    columns = [REPORT_COUNT.c[each.value] for each in by]
    total = func.sum(REPORT_COUNT.c.number)
    chosen = select(*columns, total).where(*_narrowed(asked)).group_by(*columns).having(total != 0)
    with reading(engine) as connection:
        return {tuple(values): int(number) for *values, number in connection.execute(chosen)}


def _narrowed(asked: Asked) -> list[ColumnElement[bool]]:
    length = asked.scope.length
    first, behind = (-(-(at - _EPOCH) // length) for at in (asked.since, asked.until))  # rounded up
    where = [REPORT_COUNT.c.scope == asked.scope.value, REPORT_COUNT.c.slot >= first, REPORT_COUNT.c.slot < behind]
    for name in (CountBy.STREAM, CountBy.SUBJECT, CountBy.TYPE, CountBy.REASON):
        value = getattr(asked, name)
        if value is not None:
            where.append(REPORT_COUNT.c[name.value] == value)
    return where


def forget(connection: Connection, before: datetime) -> int:
    """Drops counts by hour of before then: nobody looks at hours of long ago. Returns how many rows."""
    old = delete(REPORT_COUNT).where(
        REPORT_COUNT.c.scope == CountScope.HOUR, REPORT_COUNT.c.slot < slot_of(before, HOUR)
    )
    return connection.execute(old).rowcount
