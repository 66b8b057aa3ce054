"""Whether mail has stopped coming to a mailbox: held against the longest pause that was usual there of late.

Kept by the hour, as counts are by which outages are seen, and as long as these (30 days by default).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, Engine, bindparam, select

from bounce_watcher.ledger.engine import reading
from bounce_watcher.ledger.statements import KEYS, Conflict, Insertion, columns_of
from bounce_watcher.ledger.tables import SLOT_COUNT
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.policy.spells import slot_of, start_of

SPAN = timedelta(days=30)
"""So far it is looked back."""
HISTORY, FEWEST = timedelta(days=14), 20
"""From the first to the last mail, and hours with mail: with less nobody knows what is usual."""
TIMES, SHORTEST = 1.5, timedelta(hours=12)
"""A pause is unusual from so many times the longest one on, and never below so long."""

_HOUR = timedelta(hours=1)
_SERIES = "mailbox "
_ADD = Insertion(SLOT_COUNT, columns_of(SLOT_COUNT), Conflict.ADD)
_HOURS = (
    select(SLOT_COUNT.c.series, SLOT_COUNT.c.slot)
    .where(SLOT_COUNT.c.series.in_(KEYS), SLOT_COUNT.c.slot >= bindparam("since"))
    .order_by(SLOT_COUNT.c.series, SLOT_COUNT.c.slot)
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How mail comes to a mailbox: when the hour of the newest ended (aware), and the longest pause before it."""

    last_at: datetime
    longest: timedelta

    @property
    def unusual_from(self) -> timedelta:
        return max(SHORTEST, self.longest * TIMES)

    def is_quiet(self, now: datetime) -> bool:
        return now - self.last_at > self.unusual_from


def add(connection: Connection, messages: Iterable[MessageRecord]) -> None:
    """Counts new messages, whatever they are, in the caller's transaction."""
    counts = Counter(
        (f"{_SERIES}{message.mailbox}", slot_of(message.received_at.replace(minute=0, second=0, microsecond=0)))
        for message in messages if message.mailbox
    )
    _ADD.execute(connection, sorted((*place, number) for place, number in counts.items()))


def paces(engine: Engine, mailboxes: Sequence[str], now: datetime) -> Mapping[str, Pace]:
    """Of those of which enough is known."""
    hours: defaultdict[str, list[datetime]] = defaultdict(list)
    asked = {"keys": [f"{_SERIES}{name}" for name in mailboxes], "since": slot_of(now - SPAN)}
    with reading(engine) as connection:
        for series, slot in connection.execute(_HOURS, asked):
            hours[series.removeprefix(_SERIES)].append(start_of(slot))
    return {
        name: Pace(busy[-1] + _HOUR, max(later - earlier for earlier, later in pairwise(busy)))
        for name, busy in hours.items()
        if len(busy) >= FEWEST and busy[-1] - busy[0] >= HISTORY
    }
