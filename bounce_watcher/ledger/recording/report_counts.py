"""Counts of reports by time, updated with each page: questions about months are answered without reading events.

All in UTC, like the days that the policy counts. `BounceEvent.type` says what an event is counted as.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, delete

from bounce_watcher.ledger.db.statements import Conflict, Insertion, columns_of
from bounce_watcher.ledger.db.tables import REPORT_COUNT
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.policy.guards.outages import provider

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ADD = Insertion(REPORT_COUNT, columns_of(REPORT_COUNT), Conflict.ADD)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class CountScope(StrEnum):
    """What a row counts: everything by hour or by day, or one provider or campaign by day."""

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
    """Removes events from the counts."""
    _put(connection, Counter(), events)


def correct(connection: Connection, changed: Sequence[tuple[BounceEvent, BounceEvent]]) -> None:
    """Moves events in the counts that are now read differently. Each pair is the event before and after."""
    added = Counter(place for _, after in changed for place in _places(after))
    _put(connection, added, [before for before, _ in changed])


def _put(connection: Connection, counts: Counter[_Place], removed: Iterable[BounceEvent] = ()) -> None:
    counts.subtract(place for event in removed for place in _places(event))
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


def forget(connection: Connection, before: datetime) -> int:
    """Deletes hourly counts from before `before`: nobody looks at hours of long ago. Returns how many rows."""
    old = delete(REPORT_COUNT).where(
        REPORT_COUNT.c.scope == CountScope.HOUR, REPORT_COUNT.c.slot < slot_of(before, HOUR)
    )
    return connection.execute(old).rowcount
