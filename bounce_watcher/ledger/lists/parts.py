"""Lists as the API hands them out: a part at a time, from a place on.

What no index finds is looked for as long as a caller likes to wait: a part may be short, and tells where to go on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Engine, select

from bounce_watcher.ledger.db.paging import ENTRIES, LOOKED_UP, ROWS, Condition, PagePosition, Walk, looking
from bounce_watcher.ledger.db.query import Choice, among
from bounce_watcher.ledger.db.tables import EVENT, SUPPRESSION, suppression_from_row
from bounce_watcher.ledger.db.types import recipient_key, storable
from bounce_watcher.ledger.lists.browse import events_of
from bounce_watcher.ledger.lists.filters import EventFilter, EventPlace, SuppressionFilter, SuppressionPlace
from bounce_watcher.ledger.lists.reads import reaches
from bounce_watcher.model.ledger import BounceEvent, Suppression

V = TypeVar("V")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Portion(Generic[V, P]):
    """`rows` may be fewer than were asked for, even none. `following` is where to go on: None at the end alone."""

    rows: tuple[V, ...]
    following: P | None


_EVENT_ORDER = (EVENT.c.at, EVENT.c.id)
_SUPPRESSION_ORDER = (SUPPRESSION.c.recipient_key, SUPPRESSION.c.stream)
_SUPPRESSIONS = select(
    *_SUPPRESSION_ORDER, *(each for each in SUPPRESSION.columns if each not in set(_SUPPRESSION_ORDER))
)


def events(engine: Engine, wanted: EventFilter) -> Portion[BounceEvent, EventPlace]:
    """Raises TookTooLong."""
    key = (wanted.after.at, storable(wanted.after.id)) if wanted.after else None
    place = PagePosition(key, not wanted.newest_first, wanted.limit or ROWS)
    with looking(engine) as (connection, limit):
        keys, following = _events(wanted).onward(connection, limit, place)
        rows = tuple(events_of(connection, keys))
    return Portion(rows, EventPlace(*following) if following else None)


def suppressions(engine: Engine, wanted: SuppressionFilter) -> Portion[Suppression, SuppressionPlace]:
    """Raises TookTooLong."""
    key = (storable(wanted.after.key), storable(wanted.after.stream)) if wanted.after else None
    place = PagePosition(key, newer=True, rows=wanted.limit or ROWS)
    with looking(engine) as (connection, limit):
        rows, following = _suppressions(wanted).onward(connection, limit, place)
    return Portion(tuple(map(suppression_from_row, rows)), SuppressionPlace(*following) if following else None)


def _events(wanted: EventFilter) -> Walk:
    """Down the index of the recipient or the reason, else of time, which tells streams without the rows."""
    through: list[Condition] = []
    also = {EVENT.c.stream: wanted.stream, EVENT.c.kind: wanted.kind, EVENT.c.bounce_type: wanted.bounce_type}
    if wanted.recipient is not None:
        through.append(EVENT.c.recipient_key == recipient_key(wanted.recipient))
        also[EVENT.c.reason] = wanted.reason
    elif wanted.reason is not None:
        through.append(EVENT.c.reason == wanted.reason.value)
    by_entries = not through and wanted.kind is None and wanted.bounce_type is None
    return Walk(
        select(*_EVENT_ORDER), _EVENT_ORDER, tuple(through), tuple(_equal(also)),
        ENTRIES if by_entries else LOOKED_UP, wanted.since, wanted.until,
    )


def _suppressions(wanted: SuppressionFilter) -> Walk:
    through = () if wanted.recipient is None else (SUPPRESSION.c.recipient_key == recipient_key(wanted.recipient),)
    also = [*_equal({SUPPRESSION.c.state: wanted.state, SUPPRESSION.c.reason: wanted.reason})]
    if wanted.stream is not None:
        also.append(reaches(wanted.stream))
    return Walk(_SUPPRESSIONS, _SUPPRESSION_ORDER, through, tuple(also))


def _equal(values: Mapping[Column[Any], str | None]) -> Iterator[Condition]:
    """Looked at row by row: no index of theirs leads away from the order."""
    return (among(column, Choice((value,))) for column, value in values.items() if value is not None)
