"""Filters of lists. A field that is None does not filter."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import OutboxState, State
from bounce_watcher.model.verdict import BounceType, Reason


class GroupBy(StrEnum):
    """What counts are grouped by."""

    DAY = "day"
    TYPE = "type"
    REASON = "reason"
    STREAM = "stream"
    PROVIDER = "provider"
    SENDING = "sending"


@dataclass(frozen=True, slots=True)
class EventPlace:
    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class SuppressionPlace:
    """A place in the list of suppressions. Recipients are compared by `key`."""

    key: str
    stream: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter of events, `since` <= at < `until`. Oldest first unless `newest_first`; only those after `after`."""

    recipient: str | None = None
    stream: str | None = None
    kind: Kind | None = None
    bounce_type: BounceType | None = None
    reason: Reason | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    newest_first: bool = False
    after: EventPlace | None = None


@dataclass(frozen=True, slots=True)
class SuppressionFilter:
    """A filter of suppressions. `reason` is a Reason's value or "complaint". `stream` includes suppressions in force in
    all streams.

    Ordered by address; only those after `after`.
    """

    recipient: str | None = None
    stream: str | None = None
    state: State | None = None
    reason: str | None = None
    limit: int | None = None
    after: SuppressionPlace | None = None


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """A filter of items, in the order of writing: only those after the item with the id `after`. `since` <= when what
    the item reports happened.

    `retried_at` (aware): only what a retry at that time would make due.
    """

    state: OutboxState | None = None
    target: str | None = None
    recipient: str | None = None
    limit: int | None = None
    since: datetime | None = None
    id: str | None = None
    after: str | None = None
    retried_at: datetime | None = None
