"""What a reader asks for. A field that is None asks for nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import OutboxState, State
from bounce_watcher.model.verdict import BounceType, Reason


class GroupBy(StrEnum):
    """What counts are told apart by."""

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
    """`key` is what recipients are compared by."""

    key: str
    stream: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """`since` <= at < `until`. In the order of time, the oldest first unless `newest_first`; those behind `after`."""

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
    """`reason` is a Reason's value or "complaint". What reaches all streams is in `stream` too.

    By address, those behind `after`.
    """

    recipient: str | None = None
    stream: str | None = None
    state: State | None = None
    reason: str | None = None
    limit: int | None = None
    after: SuppressionPlace | None = None


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """In the order of writing, those behind the one whose id is `after`. `since` <= when it happened.

    `retried_at` (aware): just what a retry at that time would make due.
    """

    state: OutboxState | None = None
    target: str | None = None
    recipient: str | None = None
    limit: int | None = None
    since: datetime | None = None
    id: str | None = None
    after: str | None = None
    retried_at: datetime | None = None
